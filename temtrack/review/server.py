"""The page on which a run is reviewed: frames, contours and corrections by HTTP, on this machine only.

Whoever knows the token in the address may look and correct. Requests of other pages are refused: by the name
that the browser thinks it talks to (DNS rebinding), by the page that they come from, and by the token.
"""

from __future__ import annotations

import json
import secrets
import socket
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from importlib import resources
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from temtrack.errors import OutputError, TemtrackError
from temtrack.review.places import Stale
from temtrack.review.shown import ShownFrames

if TYPE_CHECKING:
    from temtrack.review.session import Session

Endpoint = Callable[[Request], Awaitable[Response]]

#: Names under which a browser reaches this machine, also through ``ssh -L``.
_HOSTS = ("127.0.0.1", "localhost")

_PAGES = {"": "text/html", "page.css": "text/css"} | {
    f"{name}.js": "text/javascript" for name in ("frames", "stage", "tools", "queue", "page")
}

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


def make_app(shown: ShownFrames, session: Future[Session], token: str) -> Starlette:
    """Return the server of a run; ``token`` is the first part of every path.

    Pictures are shown before there is a ``session``; until then its queue is an empty answer.
    """

    def page(request: Request) -> Response:
        name = request.path_params.get("name", "")
        if name not in _PAGES:
            return _refused(404, "there is no such page")
        file = resources.files("temtrack.review") / "page" / (name or "page.html")
        return Response(file.read_bytes(), media_type=_PAGES[name])

    def frame(request: Request) -> Response:
        t = _frame(request, shown)
        return Response(
            shown.picture(t), media_type="image/bmp", headers={"Cache-Control": "private, max-age=3600"}
        )

    def queue(request: Request) -> Response:
        return JSONResponse(session.result().describe() if session.done() else {})

    def contours(request: Request) -> Response:
        return Response(known().contours(_frame(request, shown)), media_type="application/json")

    def particle(request: Request) -> Response:
        try:
            return JSONResponse(known().particle(request.path_params["id"]))
        except ValueError:
            return _refused(404, "there is no such particle")

    def known() -> Session:
        return session.result(timeout=0)

    def doing(name: str) -> Endpoint:
        async def do(request: Request) -> Response:
            try:
                told = json.loads(await request.body())
                if not isinstance(told, dict):
                    raise ValueError("a JSON object is needed")
                await run_in_threadpool(getattr(known(), name), told)
            except (ValueError, TypeError, AttributeError, KeyError) as error:
                return _refused(400, str(error))
            except Stale as reason:
                return _refused(409, str(reason))
            return JSONResponse(known().state())

        return do

    def checked(endpoint: Endpoint) -> Endpoint:
        async def check(request: Request) -> Response:
            if (refusal := _refusal(request, token)) is not None:
                return refusal
            try:
                response = await endpoint(request)
            except TimeoutError:
                return _refused(503, "the run is still being read")
            except TemtrackError as error:  # as of a damaged frame
                return _refused(500, str(error))
            for name, value in _HEADERS.items():
                response.headers.setdefault(name, value)
            return response

        return check

    def looking(look: Callable[[Request], Response]) -> Endpoint:
        async def answer(request: Request) -> Response:
            return await run_in_threadpool(look, request)

        return answer

    gets: dict[str, Callable[[Request], Response]] = {
        "run": lambda request: JSONResponse(shown.describe()),
        "frame/{t:int}": frame,
        "queue": queue,
        "state": lambda request: JSONResponse(known().state()),
        "changes": lambda request: JSONResponse(known().changes(request.query_params.get("if"))),
        "contours/{t:int}": contours,
        "particle/{id:int}": particle,
        "{name}": page,
        "": page,
    }
    posts = {name: doing(name) for name in ("correct", "answer", "draw", "reverse")}
    routes = [
        *(Route(f"/{{token}}/{path}", checked(act), methods=["POST"]) for path, act in posts.items()),
        *(Route(f"/{{token}}/{path}", checked(looking(look))) for path, look in gets.items()),
    ]
    return Starlette(routes=routes)


def _frame(request: Request, shown: ShownFrames) -> int:
    return min(int(request.path_params["t"]), len(shown.run.masks) - 1)


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


@contextmanager
def serving(
    shown: ShownFrames, session: Future[Session], port: int = 0
) -> Iterator[tuple[str, Callable[[], None]]]:
    """Give the address of a run's page, and what serves it until interrupted, or until its session fails.

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
        config = uvicorn.Config(make_app(shown, session, token), log_level="error", access_log=False)
        server = uvicorn.Server(config)

        def end_if_failed(session: Future[Session]) -> None:
            server.should_exit |= session.exception() is not None

        session.add_done_callback(end_if_failed)
        address = f"http://127.0.0.1:{bound.getsockname()[1]}/{token}/"
        try:
            yield address, lambda: server.run(sockets=[bound])
        finally:
            server.should_exit = True
