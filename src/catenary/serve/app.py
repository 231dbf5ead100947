"""The HTTP application: the routes, and around all of them the frame that keeps every answer in shape."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import cache
from inspect import signature
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from catenary import __version__
from catenary.errors import CatenaryError
from catenary.messages import say
from catenary.serve.body import with_components
from catenary.serve.dropping import drop_what_is_erased
from catenary.serve.errors import CLIENT_GONE, FAULT, INVALID_REQUEST, NO_ROUTE, WRONG_METHOD, Kind, kind_of
from catenary.serve.frame import Frame, told, told_of
from catenary.serve.gateway import Gateway
from catenary.serve.routes import ROUTES

FORGET_SECONDS = 3600.0
CONSOLE = "/console"
log = logging.getLogger("catenary.serve")


def create_app(gateway: Gateway, pages: ASGIApp | None = None) -> FastAPI:
    """The application that answers for `gateway.endpoints`; `app.state.gateway` is it. `pages`: the console.

    Engines start with the application and end with it; until they are ready, `/ready` and what asks them say 503.
    """

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        await asyncio.gather(*(served.engine.start() for served in gateway.endpoints.values()))
        watching = asyncio.gather(_forget(gateway), drop_what_is_erased(gateway), return_exceptions=True)
        try:
            yield
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
            await gateway.ledger.close()
            await asyncio.gather(*(served.engine.close() for served in gateway.endpoints.values()))

    # FastAPI's own spans and logs (from 0.16x on) hold what was asked; ours (spans.py) do not.
    silent: dict[str, Any] = {}
    if "telemetry" in signature(FastAPI).parameters:
        silent["telemetry"] = {"tracing": False, "metrics": False, "logs": False}
    # The interactive pages load scripts from a CDN; /openapi.json stays.
    app = FastAPI(
        **silent,
        title="Catenary",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=life,
    )
    app.state.gateway = gateway
    describe = app.openapi
    app.openapi = cache(lambda: with_components(describe()))  # type: ignore[method-assign]
    for routes in ROUTES:
        app.include_router(routes(gateway))
    app.add_exception_handler(CatenaryError, _catenary_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    if pages is not None:
        app.mount(CONSOLE, pages)
        app.add_api_route("/", lambda: RedirectResponse(f"{CONSOLE}/", 303), include_in_schema=False)
    app.add_middleware(Frame, gateway=gateway, open_paths=(f"{CONSOLE}/",))
    return app


async def _forget(gateway: Gateway) -> None:
    """Remove the texts of receipts that are past their time, at the start and every hour."""
    while gateway.forget_texts is not None:
        try:
            while await asyncio.to_thread(gateway.forget_texts):
                pass
        except (CatenaryError, SQLAlchemyError):
            log.exception("texts past their time could not be removed; tried again in an hour")
        await asyncio.sleep(FORGET_SECONDS)


async def _catenary_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, CatenaryError)
    kind = kind_of(error)
    if kind is FAULT or kind is CLIENT_GONE:
        raise error  # to the frame: what it says stays in the log
    return told_of(error)


async def _http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    known: dict[int, tuple[Kind, str]] = {
        404: (NO_ROUTE, say("There is nothing at this address.")),
        405: (WRONG_METHOD, say("This address does not take this method.")),
    }
    kind, message = known.get(
        error.status_code, (Kind(error.status_code, INVALID_REQUEST.type), str(error.detail))
    )
    return told(kind, message, more=error.headers)


async def _validation_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    path = ".".join(str(part) for part in error.errors()[0]["loc"][1:])
    return told(INVALID_REQUEST, say("The parameter {key} is not as it must be.", key=path), path)
