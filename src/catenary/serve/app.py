"""The HTTP application: the routes, and around all of them the frame that keeps every answer in shape."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from catenary import __version__
from catenary.errors import CatenaryError
from catenary.messages import say
from catenary.serve.admission import Admission
from catenary.serve.answer import Endpoint, SaveReceipt
from catenary.serve.errors import (
    CLIENT_GONE,
    FAULT,
    INVALID_REQUEST,
    NO_ROUTE,
    OVERLOADED,
    WRONG_METHOD,
    Kind,
    envelope,
    headers,
    kind_of,
)
from catenary.serve.limits import Limits
from catenary.serve.routes import (
    GetReceipt,
    Trace,
    classify_routes,
    health_routes,
    model_routes,
    receipt_routes,
)

log = logging.getLogger("catenary.serve")


@dataclass(slots=True)
class Traffic:
    """How many requests are being answered, and whether new ones are still taken."""

    open: int = 0
    draining: bool = False


def create_app(
    endpoints: Mapping[str, Endpoint],
    *,
    save_receipt: SaveReceipt,
    get_receipt: GetReceipt,
    trace: Trace,
    limits: Limits | None = None,
) -> FastAPI:
    """The application that answers for `endpoints`.

    `save_receipt` must return only when the receipt is stored durably: an answer leaves after it. All three
    functions may block and are called outside the event loop. `app.state` has `admission` and `traffic`.
    """
    limits = limits or Limits()
    admission = Admission(limits)
    traffic = Traffic()
    # The interactive pages load scripts from a CDN; /openapi.json stays.
    app = FastAPI(
        title="Catenary", version=__version__, docs_url=None, redoc_url=None, redirect_slashes=False
    )
    app.state.admission = admission
    app.state.traffic = traffic
    app.include_router(health_routes(admission))
    app.include_router(model_routes(endpoints))
    app.include_router(classify_routes(endpoints, admission, save_receipt, limits))
    app.include_router(receipt_routes(get_receipt, trace))
    app.add_exception_handler(CatenaryError, _catenary_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_middleware(Frame, traffic=traffic, limits=limits)
    return app


class Frame:
    """Around every request: its id, the count of open ones, one log line without its text, and no fault
    uncaught.
    """

    def __init__(self, app: ASGIApp, *, traffic: Traffic, limits: Limits) -> None:
        self._app = app
        self._traffic = traffic
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = f"req_{secrets.token_hex(16)}"
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", []), (b"x-request-id", request_id.encode())]
            await send(message)

        started = time.perf_counter()
        self._traffic.open += 1
        try:
            await self._answer(scope, receive, send_with_id)
        except Exception:
            log.exception("%s: a fault", request_id)
            if status:  # a part of the answer is out: only a cut connection tells that it is not whole
                raise
            await _told(FAULT, say("The server failed to answer."))(scope, receive, send_with_id)
        finally:
            self._traffic.open -= 1
            seconds = time.perf_counter() - started
            log.info("%s %s %s %d %.3f s", request_id, scope["method"], _path(scope), status, seconds)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] != "/health":
            if self._traffic.draining:
                await _told(OVERLOADED, say("The server is shutting down."))(scope, receive, send)
                return
            if self._traffic.open > self._limits.connections:
                message = say(
                    "The server is at its limit of {queue} requests.", queue=self._limits.connections
                )
                await _told(OVERLOADED, message)(scope, receive, send)
                return
        await self._app(scope, receive, send)


async def _catenary_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, CatenaryError)
    kind = kind_of(error)
    if kind is CLIENT_GONE:
        return Response(status_code=CLIENT_GONE.status)
    if kind is FAULT:
        raise error  # to the frame: what it says stays in the log
    return _told(kind, str(error), getattr(error, "param", None))


async def _http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    known: dict[int, tuple[Kind, str]] = {
        404: (NO_ROUTE, say("There is nothing at this address.")),
        405: (WRONG_METHOD, say("This address does not take this method.")),
    }
    kind, message = known.get(
        error.status_code, (Kind(error.status_code, INVALID_REQUEST.type), str(error.detail))
    )
    return _told(kind, message, more=error.headers)


async def _validation_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    path = ".".join(str(part) for part in error.errors()[0]["loc"][1:])
    return _told(INVALID_REQUEST, say("The parameter {key} is not as it must be.", key=path), path)


def _told(
    kind: Kind, message: str, param: str | None = None, more: Mapping[str, Any] | None = None
) -> JSONResponse:
    return JSONResponse(
        envelope(kind, message, param), status_code=kind.status, headers={**headers(kind), **(more or {})}
    )


def _path(scope: Scope) -> str:
    """The path as one short word: a log line must not be written by a client."""
    return repr(scope["path"][:200])
