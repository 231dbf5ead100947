"""`/v1/receipts/{id}`: what an answer left behind; `/trace`: what it was made from."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from catenary.errors import NotFound
from catenary.serve.body import shown
from catenary.serve.callers import Caller
from catenary.serve.errors import NO_RECEIPT, ApiError
from catenary.serve.gateway import Gateway, caller_of
from catenary.serve.receipts import RECEIPT_ID


def receipt_routes(gateway: Gateway) -> APIRouter:
    """See the module. Others' receipts are as unknown as those that never were."""
    router = APIRouter(prefix="/v1/receipts")

    @router.get("/{receipt_id}")
    async def receipt(receipt_id: str, request: Request) -> JSONResponse:
        found = await read_receipt(gateway, receipt_id, caller_of(request))
        return JSONResponse(dict(found))

    @router.get("/{receipt_id}/trace")
    async def trace(receipt_id: str, request: Request) -> JSONResponse:
        await read_receipt(gateway, receipt_id, caller_of(request))
        return JSONResponse(dict(await asyncio.to_thread(gateway.trace, receipt_id)))

    return router


async def read_receipt(
    gateway: Gateway, receipt_id: str, caller: Caller, param: str | None = None
) -> Mapping[str, Any]:
    """The receipt, or 404 `receipt_not_found`."""
    found = await asyncio.to_thread(_read, receipt_id, gateway.get_receipt)
    if found is None or not caller.may_see(found.get("key")):
        raise ApiError("There is no receipt {id}.", NO_RECEIPT, param=param, id=shown(receipt_id))
    return found


def _read(receipt_id: str, read: Callable[[str], Mapping[str, Any]]) -> Mapping[str, Any] | None:
    if not RECEIPT_ID.fullmatch(receipt_id):
        return None
    try:
        return read(receipt_id)
    except NotFound:
        return None
