"""The page on which a run is reviewed: frames, contours and corrections by HTTP, on this machine only.

Whoever knows the token in the address may look and correct. Requests of other pages are refused: by the name
that the browser thinks it talks to (DNS rebinding), by the page that they come from, and by the token.
"""

from __future__ import annotations

import json
import secrets
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from importlib import resources
from io import BytesIO
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import uvicorn
from PIL import Image
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from temtrack.errors import OutputError, TemtrackError
from temtrack.masks import Run
from temtrack.movie import Movie
from temtrack.report.colors import PALETTE
from temtrack.report.display import GreyWindow
from temtrack.report.page.contours import trace_contours
from temtrack.review.corrections import Correction
from temtrack.review.edited import EditedRun
from temtrack.review.estimate import estimate_merges
from temtrack.review.log import Entry, Log, append, parse
from temtrack.review.places import Stale
from temtrack.review.queue import Item

#: Names under which a browser reaches this machine, also through ``ssh -L``.
_HOSTS = ("127.0.0.1", "localhost")

_PAGES = {"": "text/html", "page.js": "text/javascript", "page.css": "text/css"}

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


@dataclass
class Session:
    """A run under review: what the page shows, and the corrections made on it.

    Parameters
    ----------
    run, movie
        As tracked; ``None`` where the movie is not at hand.
    base
        The run without corrections.
    log
        Those made so far.
    queue
        What to look at.
    """

    run: Run
    movie: Movie | None
    base: EditedRun
    log: Log
    queue: list[Item]
    _lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        self.edited, self.stale = self.log.apply(self.base)
        window = None if self.movie is None else GreyWindow.of(self.movie)

        @lru_cache(maxsize=64)
        def picture(t: int) -> bytes:
            if self.movie is None or window is None:
                grey = np.full((self.run.masks.height, self.run.masks.width), 128, np.uint8)
            else:
                grey = window.show(self.movie.read_frame(t))
            content = BytesIO()
            Image.fromarray(grey).save(content, "PNG", compress_level=1)
            return content.getvalue()

        self.picture = picture

    def describe(self) -> dict[str, Any]:
        """Return size and times of the movie, and the queue."""
        masks, calibration = self.run.masks, self.run.calibration
        seconds = calibration.frame_seconds
        return {
            "name": masks.path.resolve().name,
            "n_frames": len(masks),
            "height": masks.height,
            "width": masks.width,
            "first_frame": self.base.frames.start,
            "frame_step": self.base.frames.step,
            "seconds": None if seconds is None else seconds.tolist(),
            "colors": ["#{:02x}{:02x}{:02x}".format(*color) for color in PALETTE.tolist()],
            "queue": [
                {
                    "key": item.key,
                    "kind": item.kind,
                    "t": item.frame,
                    "question": item.question,
                    "ids": item.ids,
                    "has_no": item.no is not None,
                    "is_sample": item.is_sample,
                    "places": [[p["y_px"], p["x_px"]] for p in _places(asdict(item)["yes"])],
                }
                for item in self.queue
            ],
        }

    def state(self) -> dict[str, Any]:
        """Return what corrections change: the log, the items that it answers, and how good the merges are."""
        standing = self.log.standing()
        shares = estimate_merges(self.queue, self.log)
        return {
            "revision": len(self.log.entries),
            "log": [{"kind": e.kind, "item": e.item, "author": e.author, "time": e.time} for e in standing],
            "answered": {e.item: e.kind for e in standing if e.item},
            "stale": [{"kind": entry.kind, "reason": reason} for entry, reason in self.stale],
            "can_undo": self.log.next_reversal("undo") is not None,
            "can_redo": self.log.next_reversal("redo") is not None,
            "n_merges": len(self.edited.merges),
            "excluded": [t for t, word in enumerate(self.edited.quality) if word == "excluded"],
            "shares": {name: _told(asdict(share)) for name, share in shares.items()},
        }

    def contours(self, t: int) -> dict[str, Any]:
        """Return the contours of a frame as corrected: see `trace_contours`."""
        found = trace_contours(self.edited.labels(t))
        steps = (found.directions + ord("0")).astype(np.uint8).tobytes().decode()
        return {"polylines": found.polylines.tolist(), "steps": steps}

    def particle(self, one: int) -> dict[str, Any]:
        """Return what is known of a particle as corrected; ``KeyError`` where there is none."""
        (track,) = (track for track in self.edited.lineage().tracks if track.id == one)
        return asdict(track)

    def correct(self, told: Mapping[str, Any]) -> None:
        """Make a correction that a page asks for; it is on the disk when this returns.

        ``{"id": 3, "t": 6}`` stands for a particle in a frame of the run, ``{"t": 6}`` for a frame.
        """
        with self._lock:
            fields = {name: self._resolve(value) for name, value in told.get("fields", {}).items()}
            correction = parse(str(told.get("kind")), fields)
            self._make(correction, str(told.get("item", "")), str(told.get("why", "")))

    def answer(self, told: Mapping[str, Any]) -> None:
        """Answer an item of the queue."""
        with self._lock:
            item = next((item for item in self.queue if item.key == told.get("key")), None)
            done = None if item is None else item.yes if told.get("yes") is True else item.no
            if item is None or done is None:
                raise ValueError("there is no such answer")
            self._make(done, item.key, "")

    def reverse(self, told: Mapping[str, Any]) -> None:
        """Undo or redo."""
        with self._lock:
            reversal = self.log.next_reversal("redo" if told.get("redo") is True else "undo")
            if reversal is None:
                raise ValueError("there is nothing to take back or to make again")
            self.log = append(self.log, [Entry.now(reversal)], self.run)
            self.edited, self.stale = self.log.apply(self.base)

    def _make(self, correction: Correction, item: str, why: str) -> None:
        correction, trial = correction.as_seen_in(self.edited), self.edited.copy()
        correction.apply(trial)
        self.log = append(self.log, [Entry.now(correction, why, item)], self.run)
        self.edited = trial

    def _resolve(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._resolve(one) for one in value]
        if not isinstance(value, dict):
            return value
        t = value.get("t")
        if not isinstance(t, int) or not 0 <= t < len(self.run.masks):
            raise ValueError(f"frame {t!r} is not in this run")
        if "id" not in value:
            return self.edited.frames[t]
        if value["id"] not in self.edited.particles(t):
            raise ValueError(f"particle {value['id']!r} is not in frame {t}")
        return asdict(self.edited.place(value["id"], t))


def make_app(session: Session, token: str) -> Starlette:
    """Return the server of a session; ``token`` is the first part of every path."""

    def page(request: Request) -> Response:
        name = request.path_params.get("name", "")
        if name not in _PAGES:
            return _refused(404, "there is no such page")
        file = resources.files("temtrack.review") / "page" / (name or "page.html")
        return Response(file.read_bytes(), media_type=_PAGES[name])

    def frame(request: Request) -> Response:
        t = _frame(request, session)
        return Response(
            session.picture(t), media_type="image/png", headers={"Cache-Control": "private, max-age=3600"}
        )

    def contours(request: Request) -> Response:
        return JSONResponse(session.contours(_frame(request, session)))

    def particle(request: Request) -> Response:
        try:
            return JSONResponse(session.particle(request.path_params["id"]))
        except ValueError:
            return _refused(404, "there is no such particle")

    def doing(act: Callable[[Mapping[str, Any]], None]) -> Callable[[Request], Any]:
        async def do(request: Request) -> Response:
            try:
                told = json.loads(await request.body())
                if not isinstance(told, dict):
                    raise ValueError("a JSON object is needed")
                await run_in_threadpool(act, told)
            except (ValueError, TypeError, AttributeError, KeyError) as error:
                return _refused(400, str(error))
            except Stale as reason:
                return _refused(409, str(reason))
            except TemtrackError as error:
                return _refused(500, str(error))
            return JSONResponse(session.state())

        return do

    def checked(endpoint: Callable[[Request], Any]) -> Callable[[Request], Any]:
        async def check(request: Request) -> Response:
            if (refusal := _refusal(request, token)) is not None:
                return refusal
            response: Response = await endpoint(request)
            for name, value in _HEADERS.items():
                response.headers.setdefault(name, value)
            return response

        return check

    def looking(look: Callable[[Request], Response]) -> Callable[[Request], Any]:
        return lambda request: run_in_threadpool(look, request)

    posts = {"correct": session.correct, "answer": session.answer, "reverse": session.reverse}
    gets: dict[str, Callable[[Request], Response]] = {
        "run": lambda request: JSONResponse(session.describe()),
        "state": lambda request: JSONResponse(session.state()),
        "frame/{t:int}": frame,
        "contours/{t:int}": contours,
        "particle/{id:int}": particle,
        "{name}": page,
        "": page,
    }
    routes = [
        *(Route(f"/{{token}}/{path}", checked(doing(act)), methods=["POST"]) for path, act in posts.items()),
        *(Route(f"/{{token}}/{path}", checked(looking(look))) for path, look in gets.items()),
    ]
    return Starlette(routes=routes)


def _frame(request: Request, session: Session) -> int:
    return min(int(request.path_params["t"]), len(session.run.masks) - 1)


def _refusal(request: Request, token: str) -> Response | None:
    """Return why a request is refused, ``None`` for one of the page itself."""
    host = request.headers.get("host", "")
    if urlsplit(f"//{host}").hostname not in _HOSTS:
        return _refused(403, "this server is for pages of this machine")
    origin = request.headers.get("origin")
    site = request.headers.get("sec-fetch-site", "same-origin")
    is_ours = origin is None or urlsplit(origin).netloc == host
    if not is_ours or site not in ("same-origin", "none"):
        return _refused(403, "this server is for its own page")
    if not secrets.compare_digest(request.path_params["token"].encode(), token.encode()):
        return _refused(403, "the token is wrong; take the address that `temtrack review` showed last")
    if request.method == "POST" and request.headers.get("content-type") != "application/json":
        return _refused(415, "JSON is needed")
    return None


def _refused(status: int, reason: str) -> Response:
    return JSONResponse({"error": reason}, status, headers=_HEADERS)


def _places(fields: Any) -> Iterator[dict[str, Any]]:
    """Yield the places that a correction names."""
    values = (
        fields.values() if isinstance(fields, dict) else fields if isinstance(fields, list | tuple) else ()
    )
    if isinstance(fields, dict) and "y_px" in fields:
        yield fields
    for value in values:
        yield from _places(value)


def _told(share: dict[str, Any]) -> dict[str, Any]:
    return {name: value if np.isfinite(value) else None for name, value in share.items()}


@contextmanager
def serving(
    session: Session, port: int = 0, token: str | None = None
) -> Iterator[tuple[str, Callable[[], None]]]:
    """Give the address of a session's page, and what serves it until it is interrupted.

    Raises
    ------
    OutputError
        Where the port is taken.
    """
    token = secrets.token_urlsafe(24)
    with socket.socket() as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind(("127.0.0.1", port))
            bound.listen()
        except OSError as error:
            raise OutputError(f"--port {port}: cannot be used: {error.strerror}; give another one") from error
        config = uvicorn.Config(make_app(session, token), log_level="error", access_log=False)
        server = uvicorn.Server(config)
        address = f"http://127.0.0.1:{bound.getsockname()[1]}/{token}/"
        try:
            yield address, lambda: server.run(sockets=[bound])
        finally:
            server.should_exit = True
