"""`/v1/usage`: what keys used of each model, a day each, and what it costs by their plans; JSON or CSV."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from catenary.serve.body import refuse_query
from catenary.serve.gateway import Gateway, caller_of
from catenary.serve.usage import COLUMNS, usage_csv


def usage_routes(gateway: Gateway) -> APIRouter:
    """See the module. A key sees what it used itself; with a role that bills or audits, what all used."""
    router = APIRouter()

    @router.get("/v1/usage")
    async def usage(
        request: Request,
        since: date | None = None,
        until: date | None = None,
        key: str | None = None,
        format: Literal["json", "csv"] = "json",  # noqa: A002 - the word of the address
    ) -> Response:
        refuse_query(request, "since", "until", "key", "format")
        caller = caller_of(request)
        rows: list[dict[str, Any]] = []
        if gateway.read_usage is not None:
            rows = [
                {name: row[name] for name in COLUMNS}
                for row in await asyncio.to_thread(gateway.read_usage, since, until)
                if key in (None, row["key"]) and caller.may_bill(row["key"])
            ]
        if format == "csv":
            headers = {"content-disposition": 'attachment; filename="usage.csv"'}
            return Response(usage_csv(rows), media_type="text/csv; charset=utf-8", headers=headers)
        return JSONResponse({"object": "list", "data": rows})

    return router
