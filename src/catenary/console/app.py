"""The console's application: its pages, and around them language, session, headers and errors."""

from __future__ import annotations

import asyncio
import logging
from http import HTTPStatus
from importlib.resources import files
from urllib.parse import quote, urlencode

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from catenary.console.desk import Desk
from catenary.console.live import Pulse
from catenary.console.pages import PAGES
from catenary.console.view import render, root_of
from catenary.console.viewer import NoSession, viewer_of
from catenary.errors import CatenaryError, Damaged, InvalidInput, NotFound, Refused
from catenary.messages import LANGUAGES, Language, set_language

log = logging.getLogger("catenary.console")
LANGUAGE_COOKIE = "catenary_language"
OPEN = ("/static/", "/login", "/language")
"""What is shown without a session."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "vary": "Accept-Language, Cookie",
}
STATIC_TYPES = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
KINDS: tuple[tuple[type[CatenaryError], int], ...] = (
    (NotFound, 404),
    (Refused, 403),
    (InvalidInput, 400),
    (Damaged, 500),
)


def console_app(desk: Desk) -> FastAPI:
    """All pages; to be mounted, or run as it is."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    app.state.desk = desk
    pulse = Pulse(lambda: desk.version, desk.store, desk.closing)
    for routes in PAGES:
        app.include_router(routes())

    @app.get("/live")
    async def live(request: Request, seen: str = "") -> Response:
        seen = request.headers.get("last-event-id", seen)
        return StreamingResponse(pulse.events(seen), media_type="text/event-stream")

    @app.get("/static/{digest}/{name}")
    def static(digest: str, name: str) -> Response:
        kind = STATIC_TYPES.get(name.rpartition(".")[2])
        found = files("catenary.console").joinpath("static", name)
        if kind is None or not found.is_file():
            raise HTTPException(404)
        return Response(
            found.read_bytes(),
            media_type=kind,
            headers={"cache-control": "public, max-age=31536000, immutable"},
        )

    @app.get("/language/{lang}")
    def choose(lang: str, request: Request, back: str = "/") -> Response:
        answer = RedirectResponse(root_of(request) + ("/" + back.lstrip("/\\")), 303)
        if lang in LANGUAGES:
            answer.set_cookie(
                LANGUAGE_COOKIE, lang, max_age=365 * 86400, samesite="strict", path=root_of(request) or "/"
            )
        return answer

    app.add_exception_handler(CatenaryError, _told)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_middleware(Around, desk=desk)
    return app


class Around:
    """Around each request: the reader's language, who looks, the headers, and a page for what goes wrong."""

    def __init__(self, app: ASGIApp, *, desk: Desk) -> None:
        self._app, self._desk = app, desk

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        set_language(language_of(request))
        started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                said = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *(
                        (name.encode(), value.encode())
                        for name, value in HEADERS.items()
                        if name.encode() not in said
                    ),
                ]
            await send(message)

        try:
            answer = await self._refused(request)
        except CatenaryError as error:
            scope["app"] = scope.get("app")
            await _page_of(request, self._desk, error)(scope, receive, send_with_headers)
            return
        try:
            await (answer or self._app)(scope, receive, send_with_headers)
        except Exception:
            log.exception("a fault at %r", request.url.path[:200])
            if not started:
                fault = CatenaryError("The console failed to make this page; its log says why.")
                await _page_of(request, self._desk, fault)(scope, receive, send_with_headers)

    async def _refused(self, request: Request) -> Response | None:
        """Find out who looks; the answer where nobody may without a key."""
        path = request.url.path.removeprefix(root_of(request))
        if path.startswith(OPEN):
            return None
        desk = self._desk
        try:
            request.scope["catenary.viewer"] = await asyncio.to_thread(
                viewer_of, request, desk.store, desk.sessions
            )
        except NoSession:
            if path == "/live" or request.method != "GET":
                return HTMLResponse("", HTTPStatus.UNAUTHORIZED)
            back = path + (f"?{request.url.query}" if request.url.query else "")
            return RedirectResponse(f"{root_of(request)}/login?{urlencode({'back': back})}", 303)
        if request.method == "GET" and path != "/live":
            await asyncio.to_thread(self._note, request)
        return None

    def _note(self, request: Request) -> None:
        """What every page shows: the project's name, and the state that it is of, taken before it is read."""
        request.scope["catenary.version"] = self._desk.version.whole
        try:
            request.scope["catenary.project"] = self._desk.chain.project.name
        except CatenaryError:
            request.scope["catenary.project"] = ""


def language_of(request: Request) -> Language:
    """The language chosen on a page, else the first of the browser's that there is."""
    chosen = request.cookies.get(LANGUAGE_COOKIE)
    for lang in LANGUAGES:
        if chosen == lang:
            return lang
    asked: list[tuple[float, str]] = []
    for part in request.headers.get("accept-language", "").split(",")[:20]:
        name, _, weight = part.strip().partition(";q=")
        try:
            asked.append((-float(weight or 1), name.lower()[:2]))
        except ValueError:
            continue
    for _, name in sorted(asked, key=lambda pair: pair[0]):
        for lang in LANGUAGES:
            if name == lang:
                return lang
    return "en"


def _page_of(request: Request, desk: Desk, error: CatenaryError) -> Response:
    request.scope.setdefault("app", _Holder(desk))
    status = next((code for kind, code in KINDS if isinstance(error, kind)), 500)
    what, *more = error.lines()
    return render(request, "error.html", status=status, title=what[1], lines=more)


class _Holder:
    """Stands for the application where the request has not reached it."""

    def __init__(self, desk: Desk) -> None:
        self.state = type("State", (), {"desk": desk})()


async def _told(request: Request, error: Exception) -> Response:
    assert isinstance(error, CatenaryError)
    return _page_of(request, desk_in(request), error)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return _page_of(request, desk_in(request), NotFound("There is no page at this address."))
    return HTMLResponse(quote(str(error.detail)), error.status_code)


def desk_in(request: Request) -> Desk:
    """The desk of the application that answers."""
    found = request.app.state.desk
    assert isinstance(found, Desk)
    return found
