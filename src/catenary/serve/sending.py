"""A written answer on its way out: admitted, counted, and told whole or as it is written, in one route's words."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, aclosing
from functools import partial
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from catenary.serve.engine import Delta, WriteJob
from catenary.serve.gateway import Gateway, client_left
from catenary.serve.holding import HELD_HEADER, held_json
from catenary.serve.receipts import answer_id
from catenary.serve.request import (
    CACHE_HEADER,
    RECEIPT_HEADER,
    STATUS_HEADER,
    Asking,
    receipt_headers,
    receipt_json,
)
from catenary.serve.sse import EventStream, event
from catenary.serve.writing import Writing

Whole = Callable[[Writing], Mapping[str, Any]]
Events = Callable[[Writing, AsyncIterator[Delta]], AsyncIterator[bytes]]
Failed = Callable[[Mapping[str, Any]], bytes]
"""What a stream ends with on a fault, of the envelope that tells it."""


async def sent(
    writing: Writing, request: Request, whole: Whole, events: Events, failed: Failed = event
) -> Response:
    """The answer: as `events` where it is a stream, else as `whole`."""
    if writing.job.stream:
        return await _streamed(writing, request, events, failed)
    return await sent_whole(writing, request, whole)


async def sent_whole(writing: Writing, request: Request, whole: Whole) -> JSONResponse:
    """The answer once it is written and its receipt stored."""
    asking = writing.asking
    admission = asking.gateway.admission
    async with admission.enter(partial(client_left, request), writing.job.answers):
        with asking.counted(_most_tokens(writing.job)) as settle:
            await writing.whole(settle)
    assert writing.receipt is not None
    return JSONResponse(whole(writing), headers=receipt_headers(writing.receipt))


async def _streamed(writing: Writing, request: Request, events: Events, failed: Failed) -> EventStream:
    """Hold status and headers until the first piece; then it goes on as it is written."""
    asking = writing.asking
    limits = asking.gateway.limits
    async with AsyncExitStack() as stack:
        admission = asking.gateway.admission
        await stack.enter_async_context(admission.enter(partial(client_left, request), writing.job.answers))
        settle = stack.enter_context(asking.counted(_most_tokens(writing.job)))
        deltas = writing.deltas(settle)
        await stack.enter_async_context(aclosing(deltas))  # type: ignore[type-var]
        bodies = events(writing, deltas)
        await stack.enter_async_context(aclosing(bodies))  # type: ignore[type-var]
        first = await anext(bodies)
        headers = {STATUS_HEADER: asking.served.status, RECEIPT_HEADER: asking.receipt_id}
        if writing.cache is not None:
            headers[CACHE_HEADER] = writing.cache
        if asking.served.sign_off is not None:
            headers[HELD_HEADER] = asking.served.sign_off
        return EventStream(
            first, bodies, stack.pop_all(), headers, failed=failed, ping_seconds=limits.ping_seconds
        )
    raise AssertionError  # for mypy: the stack swallows nothing


def _most_tokens(job: WriteJob) -> int:
    """What the answers may cost at most: what is promised of a key's day meanwhile."""
    return job.answers * int(job.settings["max_tokens"])


def frame(asking: Asking, prefix: str, kind: str) -> dict[str, Any]:
    """What an answer of chat or completions begins with, and each of its chunks."""
    return {
        "id": answer_id(prefix, asking.receipt_id),
        "object": kind,
        "created": int(time.time()),
        "model": asking.served.name,
        "system_fingerprint": asking.served.release[:12],
    }


def marks(writing: Writing) -> dict[str, Any]:
    """Receipt and label: beside a whole answer, and with the last chunk of a stream, for then they hold."""
    receipt = writing.receipt
    assert receipt is not None
    return stored_marks(
        writing.asking.gateway, receipt.id, receipt.status, held_json(receipt.made, receipt.task, receipt.id)
    )


def stored_marks(gateway: Gateway, receipt_id: str, status: str, held: Mapping[str, Any]) -> dict[str, Any]:
    """The same, of what a receipt keeps; `held`: how it stands with an answer that waits for a person."""
    label = {} if gateway.label is None else gateway.label.metadata(receipt_id)
    return {"receipt": receipt_json(receipt_id, status), **held, **label}


def citations(writing: Writing) -> list[dict[str, Any]]:
    """What an application cites, in OpenAI's words; the address opens at the passage."""
    return cited(writing.made, writing.asking.served.app)


def cited(made: Mapping[str, Any], app: str | None) -> list[dict[str, Any]]:
    """The same, of what a receipt keeps."""
    return [
        {
            "type": "url_citation",
            "url_citation": {
                "start_index": one["start_index"],
                "end_index": one["end_index"],
                "title": " › ".join((*one["headings"], one["file"])),
                "url": f"/v1/apps/{app}/passages/{one['passage']}#passage",
            },
        }
        for one in made.get("citations", ())
    ]
