"""An endpoint asked in this process, without HTTP: the same guard, metering and receipts.

async with in_process(gateway, "app/handbook") as ask:
    async for delta in (writing := ask([{"role": "user", "content": "…"}])).deltas(): ...
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

from catenary.errors import CatenaryError
from catenary.serve.callers import ANYONE
from catenary.serve.engine import WriteJob
from catenary.serve.gateway import Gateway
from catenary.serve.request import Asking
from catenary.serve.writing import Writing

START_SECONDS = 600.0
Ask = Callable[[Sequence[Mapping[str, Any]]], Writing]
"""A conversation → its answer in the making: iterate its `deltas` to the end."""


@asynccontextmanager
async def in_process(gateway: Gateway, name: str, *, max_tokens: int | None = None) -> AsyncIterator[Ask]:
    """Start what the endpoint needs, and end it after the block. Raises ApiError for one that does not write."""
    served = gateway.endpoint(name, "generate", "translate", caller=ANYONE, param=None)
    engines = [gateway.endpoints[one].engine for one in served.needs] + [served.engine]

    def ask(messages: Sequence[Mapping[str, Any]]) -> Writing:
        asking = Asking(
            gateway, served, ANYONE, "chat", f"local-{uuid4().hex}", 0, served.keep_texts, served.app
        )
        settings = {"max_tokens": max_tokens or gateway.limits.max_tokens, "temperature": 0.0}
        return Writing(asking=asking, job=WriteJob(prompts=(list(messages),), settings=settings, stream=True))

    try:
        for engine in engines:
            await engine.start()
        until = time.monotonic() + START_SECONDS
        for engine in engines:
            while not engine.state.ready:
                if engine.state.failed or time.monotonic() > until:
                    raise CatenaryError("The engine is not ready.", got=engine.state.failed)
                await asyncio.sleep(0.02)
        yield ask
    finally:
        await gateway.ledger.close()
        await asyncio.gather(*(engine.close() for engine in engines))
