"""Server-sent events: bytes as they come, and never a clean end of what is not whole.

Where there is long nothing to tell, a comment goes out. On a fault the error is one event, and then the connection is
cut: the official client raises on either, and would take a clean end for the answer's (see the wire contract).
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from json.encoder import encode_basestring
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from catenary.errors import CatenaryError
from catenary.messages import say
from catenary.serve.errors import CLIENT_GONE, FAULT, ApiError, envelope, kind_of

DONE = b"data: [DONE]\n\n"
PING = b": ping\n\n"
HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]


def text_json(text: str) -> bytes:
    """A text as JSON, without the encoder that `json.dumps` makes for each call: streams write one for every token."""
    return encode_basestring(text).encode()


def event(value: Any, name: str | None = None) -> bytes:
    """One event with `value` as JSON in one line."""
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return b"data: " + body + b"\n\n" if name is None else b"event: %s\ndata: %s\n\n" % (name.encode(), body)


class EventStream(Response):
    """The response that sends `events`. `first` came already: status and headers are held until there is something.

    `stack` holds the request's place; it is left when the last event is out. `failed` makes the event of a fault.
    """

    def __init__(
        self,
        first: bytes,
        events: AsyncIterator[bytes],
        stack: AsyncExitStack,
        headers: Mapping[str, str],
        *,
        failed: Callable[[Mapping[str, Any]], bytes] = event,
        ping_seconds: float = 15.0,
    ) -> None:
        super().__init__()
        self._first, self._events, self._stack = first, events, stack
        self._event_headers = [
            *HEADERS,
            *((name.encode(), value.encode()) for name, value in headers.items()),
        ]
        self._failed, self._ping_seconds = failed, ping_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        sent_at = time.monotonic()

        async def tell(body: bytes) -> None:
            nonlocal sent_at
            await send({"type": "http.response.body", "body": body, "more_body": True})
            sent_at = time.monotonic()

        try:
            async with self._stack:
                await send({"type": "http.response.start", "status": 200, "headers": self._event_headers})
                await tell(self._first)
                pinging = asyncio.create_task(self._ping(tell, lambda: sent_at))
                try:
                    async for body in self._events:
                        await tell(body)
                finally:
                    pinging.cancel()
        except Exception as error:
            if not (isinstance(error, ApiError) and error.kind is CLIENT_GONE):
                await tell(self._failed(_told(error)))
            raise
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _ping(self, tell: Callable[[bytes], Awaitable[None]], sent_at: Callable[[], float]) -> None:
        while True:
            left = sent_at() + self._ping_seconds - time.monotonic()
            if left > 0:
                await asyncio.sleep(left)
            else:
                await tell(PING)


def _told(error: Exception) -> dict[str, Any]:
    if isinstance(error, CatenaryError) and kind_of(error) is not FAULT:
        return envelope(kind_of(error), str(error), getattr(error, "param", None))
    return envelope(FAULT, say("The server failed to answer."))
