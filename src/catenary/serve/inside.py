"""Asks the service from within its own process: by the same routes, rules, receipts and bills as over the wire.

async with inside(app)("/v1/classify", {"model": "kind", "input": "…"}, None) as (status, parts):
    body = b"".join([part async for part in parts])
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from starlette.types import ASGIApp, Message, Scope

from catenary.access.api_keys import ApiKey
from catenary.serve.callers import ANYONE, Caller

Reply = tuple[int, AsyncIterator[bytes]]
WAITING_PARTS = 16  # of an answer that is read more slowly than it is written


def inside(
    app: ASGIApp,
) -> Callable[[str, Mapping[str, Any], ApiKey | None], AbstractAsyncContextManager[Reply]]:
    """Posts JSON to a path in the name of a key: status, and the body as it comes. Leaving early ends the answer."""

    @asynccontextmanager
    async def ask(path: str, body: Mapping[str, Any], key: ApiKey | None) -> AsyncIterator[Reply]:
        messages: asyncio.Queue[Message | None] = asyncio.Queue(WAITING_PARTS)
        gone = asyncio.Event()
        waiting = [json.dumps(body).encode()]

        async def receive() -> Message:
            if waiting:
                return {"type": "http.request", "body": waiting.pop(), "more_body": False}
            await gone.wait()
            return {"type": "http.disconnect"}

        async def answer() -> None:
            try:
                await app(_scope(path, len(waiting[0]), key), receive, messages.put)
            finally:
                await messages.put(None)

        async def parts() -> AsyncIterator[bytes]:
            while (message := await messages.get()) is not None:
                yield message.get("body", b"")
                if not message.get("more_body", False):
                    return
            raise ConnectionError("the answer was cut")

        answering = asyncio.create_task(answer())
        try:
            start = await messages.get()
            if start is None:
                raise ConnectionError("no answer")
            yield int(start["status"]), parts()
        finally:
            gone.set()
            while not answering.done():  # what it still says must not hold it up
                if messages.empty():
                    await asyncio.wait({answering}, timeout=0.05)
                else:
                    messages.get_nowait()
            await asyncio.gather(answering, return_exceptions=True)  # the frame has logged what it raised

    return ask


def _scope(path: str, length: int, key: ApiKey | None) -> Scope:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json"), (b"content-length", str(length).encode())],
        "client": None,
        "server": None,
        "catenary.caller": ANYONE if key is None else Caller(key),
    }
