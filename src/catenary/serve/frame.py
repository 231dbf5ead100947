"""Around every request: its id, who asks, the count of open ones, one log line without its text, no fault uncaught."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from fastapi.responses import JSONResponse
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from catenary.errors import CatenaryError
from catenary.messages import say
from catenary.serve.errors import CLIENT_GONE, FAULT, OVERLOADED, ApiError, Kind, envelope, headers, kind_of
from catenary.serve.gateway import Gateway
from catenary.serve.spans import around

log = logging.getLogger("catenary.serve")

OPEN_PATHS = ("/", "/health", "/ready")
"""What may be asked without a key: the way to the console, whether the process lives, whether it takes requests."""


class Frame:
    """The outermost layer of the application. `open_paths`: prefixes that need no key (pages, whose calls need one)."""

    def __init__(self, app: ASGIApp, *, gateway: Gateway, open_paths: tuple[str, ...] = ()) -> None:
        self._app, self._gateway = app, gateway
        self._open_paths = open_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = f"req_{secrets.token_hex(16)}"
        scope["catenary.request_id"] = request_id
        status, whole = 0, False

        async def send_with_id(message: Message) -> None:
            nonlocal status, whole
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", []), (b"x-request-id", request_id.encode())]
            elif message["type"] == "http.response.body":
                whole = not message.get("more_body", False)
            await send(message)

        started = time.perf_counter()
        traffic = self._gateway.traffic
        traffic.open += 1
        cut: Exception | None = None
        span, spanned = None, ExitStack()
        if scope["path"].startswith("/v1/") and scope["method"] == "POST":
            headers = Headers(scope=scope)
            span = spanned.enter_context(around(scope["method"], scope["path"][:200], headers))
        try:
            await self._answer(scope, receive, send_with_id)
        except Exception as fault:
            # What was raised after the headers were out comes wrapped, for no handler can tell it any more.
            error = fault.__cause__ if isinstance(fault, RuntimeError) and fault.__cause__ else fault
            cut = error if isinstance(error, Exception) else fault
            if isinstance(error, ApiError) and error.kind is CLIENT_GONE:
                status = CLIENT_GONE.status
            elif isinstance(error, ApiError) and error.kind is not FAULT and not status:
                await told(error.kind, str(error), error.param)(scope, receive, send_with_id)
            elif isinstance(error, ApiError):
                log.warning("%s: cut: %s", request_id, error.what)
            else:
                log.exception("%s: a fault", request_id)
            if (
                status and not whole
            ):  # a part of the answer is out: only a cut connection tells that it is not whole
                if status != CLIENT_GONE.status:
                    raise
            elif not status:
                await told(FAULT, say("The server failed to answer."))(scope, receive, send_with_id)
        finally:
            traffic.open -= 1
            if span is not None:
                span.end(status, None if whole else cut)
            spanned.close()
            self._note(scope, request_id, status, time.perf_counter() - started)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        gateway, path = self._gateway, scope["path"]
        if path != "/health":
            if gateway.traffic.draining:
                await told(OVERLOADED, say("The server is shutting down."))(scope, receive, send)
                return
            if gateway.traffic.open > gateway.limits.connections:
                message = say(
                    "The server is at its limit of {queue} requests.", queue=gateway.limits.connections
                )
                await told(OVERLOADED, message)(scope, receive, send)
                return
        known = "catenary.caller" in scope  # asked by this process itself (inside.py)
        if not known and path not in OPEN_PATHS and not path.startswith(self._open_paths or ("\0",)):
            try:
                scope["catenary.caller"] = await gateway.callers.of(_header(scope, b"authorization"))
            except ApiError as error:
                await told(error.kind, str(error), error.param)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _note(self, scope: Scope, request_id: str, status: int, seconds: float) -> None:
        caller = scope.get("catenary.caller")
        key = "-" if caller is None or caller.key_id is None else caller.key_id
        told = _header(scope, b"x-stainless-retry-count") or ""
        attempt = int(told) if told.isascii() and told.isdigit() and len(told) < 5 else 0
        path = scope["path"][:200]
        log.info(
            "%s %s %s %d %.3f s key=%s%s",
            request_id,
            scope["method"],
            repr(path),  # as one short word: a log line must not be written by a client
            status,
            seconds,
            key,
            f" retry={attempt}" if attempt else "",
            extra={
                "fields": {
                    "request": request_id,
                    "method": scope["method"],
                    "path": path,
                    "status": status,
                    "seconds": round(seconds, 4),
                    "key": None if key == "-" else key,
                    "retry": attempt,
                }
            },
        )


def _header(scope: Scope, name: bytes) -> str | None:
    for key, value in scope["headers"]:
        if key == name:
            return bytes(value).decode("latin-1")
    return None


def told(
    kind: Kind,
    message: str,
    param: str | None = None,
    *,
    more: Mapping[str, Any] | None = None,
    retry_after_seconds: int | None = None,
) -> JSONResponse:
    """An answer that is no success, in the envelope."""
    return JSONResponse(
        envelope(kind, message, param),
        status_code=kind.status,
        headers={**headers(kind, retry_after_seconds), **(more or {})},
    )


def told_of(error: CatenaryError) -> JSONResponse:
    """An error that is the client's or passing, in the envelope."""
    assert kind_of(error) is not FAULT
    return told(
        kind_of(error),
        str(error),
        getattr(error, "param", None),
        retry_after_seconds=getattr(error, "retry_after_seconds", None),
    )
