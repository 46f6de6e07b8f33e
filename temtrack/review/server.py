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
from importlib import resources
from typing import Any
from urllib.parse import urlsplit

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from temtrack.errors import OutputError, TemtrackError
from temtrack.review.places import Stale
from temtrack.review.session import Session

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
            session.shown.picture(t),
            media_type="image/bmp",
            headers={"Cache-Control": "private, max-age=3600"},
        )

    def contours(request: Request) -> Response:
        return Response(session.contours(_frame(request, session)), media_type="application/json")

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
        async def answer(request: Request) -> Response:
            try:
                return await run_in_threadpool(look, request)
            except TemtrackError as error:  # a damaged frame
                return _refused(500, str(error))

        return answer

    posts = {name: getattr(session, name) for name in ("correct", "answer", "draw", "reverse")}
    gets: dict[str, Callable[[Request], Response]] = {
        "run": lambda request: JSONResponse(session.describe()),
        "state": lambda request: JSONResponse(session.state()),
        "changes": lambda request: JSONResponse(session.changes()),
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
