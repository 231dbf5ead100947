"""`/v1/apps/{app}/passages/{id}`: what a citation points to, in its document; a page for people, JSON for programs."""

from __future__ import annotations

import asyncio
from html import escape
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from catenary.errors import NotFound
from catenary.serve.body import shown
from catenary.serve.errors import NO_ROUTE, ApiError
from catenary.serve.gateway import Gateway, caller_of

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>body{{max-width:48rem;margin:2rem auto;padding:0 1rem;font:1rem/1.6 system-ui,sans-serif}}
pre{{white-space:pre-wrap;font:inherit}}mark{{scroll-margin-top:4rem}}small{{color:#555}}</style>
<h1>{title}</h1><p><small>{source}</small></p><pre>{before}<mark id="passage">{text}</mark>{after}</pre></html>"""


def passage_routes(gateway: Gateway) -> APIRouter:
    """See the module. A key sees the passages of the applications that it may ask."""
    router = APIRouter(prefix="/v1/apps")

    @router.get("/{app}/passages/{passage}")
    async def passage(app: str, passage: str, request: Request) -> Response:
        served = gateway.endpoint(f"app/{app}", caller=caller_of(request), param=None)
        try:
            if served.passage is None:
                raise NotFound("The index has no such passage.", got=passage)
            found = await asyncio.to_thread(served.passage, passage)
        except NotFound:
            raise ApiError("There is no passage {id}.", NO_ROUTE, id=shown(passage)) from None
        if "text/html" in request.headers.get("accept", ""):
            return HTMLResponse(_page(found))
        return JSONResponse(dict(found))

    return router


def _page(found: Any) -> str:
    return PAGE.format(
        title=escape(" › ".join(found["headings"]) or found["file"]),
        source=escape(f"{found['source']} · {found['file']} · {found['licence']}"),
        **{name: escape(found[name]) for name in ("before", "text", "after")},
    )
