"""`/passages/INDEX/PASSAGE`: a passage in its document, where an answer found it."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from catenary.chain.trace import DOCUMENT
from catenary.console.pages.overview import require_sight
from catenary.console.view import desk_of, render, viewer_of
from catenary.messages import say
from catenary.search import SearchIndex


def passage_pages() -> APIRouter:
    """See the module."""
    router = APIRouter()

    @router.get("/passages/{index}/{passage}")
    def passage(request: Request, index: str, passage: str) -> Response:
        require_sight(viewer_of(request))
        opened = SearchIndex.open(desk_of(request).store.get(index).path)
        found = opened.by_id(passage)
        text = opened.text_of(found.document)
        return render(
            request,
            "passage.html",
            title=say("A passage of {file}", file=found.file),
            passage=found,
            before=text[: found.start],
            text=text[found.start : found.end],
            after=text[found.end :],
            document=DOCUMENT + found.document,
        )

    return router
