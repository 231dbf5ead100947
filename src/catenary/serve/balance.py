"""Several engines as one: each request goes to the one with the least in hand, among those that are ready.

One that takes no request hands it on to the next, as long as nothing was told of its answer. One that died over a
request does not: what killed it might kill the next.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, TypeVar

from catenary.serve.engine import Delta, Engine, EngineState, Labelled, Made, Spent, Text, Vectors, WriteJob
from catenary.serve.errors import OVERLOADED, UPSTREAM_GONE, ApiError

Told = TypeVar("Told")


class Balanced:
    """An `Engine` over replicas."""

    def __init__(self, engines: Sequence[Engine]) -> None:
        self._engines = tuple(engines)

    @property
    def state(self) -> EngineState:
        """Of all together."""
        states = [engine.state for engine in self._engines]
        return EngineState(
            ready=any(state.ready for state in states),
            load=sum(state.load for state in states),
            failed=next((state.failed for state in states if state.failed), None),
            restarts=sum(state.restarts for state in states),
            facts=next((state.facts for state in states if state.ready), {}),
        )

    async def start(self) -> None:
        """See `Engine.start`."""
        await asyncio.gather(*(engine.start() for engine in self._engines))

    async def close(self) -> None:
        """See `Engine.close`."""
        await asyncio.gather(*(engine.close() for engine in self._engines))

    def _in_turn(self) -> list[Engine]:
        return sorted(self._engines, key=lambda engine: (not engine.state.ready, engine.state.load))

    async def write(self, job: WriteJob) -> AsyncIterator[Delta | Made | Spent]:
        """See `Engine.write`."""
        engines = self._in_turn()
        for engine in engines:
            told = False
            try:
                async with aclosing(engine.write(job)) as pieces:  # type: ignore[type-var]
                    async for piece in pieces:
                        told = True
                        yield piece
                return
            except ApiError as error:
                if told or engine is engines[-1] or not _hands_on(error):
                    raise

    async def _whole(self, ask: Callable[[Engine], Awaitable[Told]]) -> Told:
        *others, last = self._in_turn()
        for engine in others:
            try:
                return await ask(engine)
            except ApiError as error:
                if not _hands_on(error):
                    raise
        return await ask(last)

    async def classify(self, texts: Sequence[Text]) -> list[Labelled]:
        """See `Engine.classify`."""
        return await self._whole(lambda engine: engine.classify(texts))

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """See `Engine.embed`."""
        return await self._whole(lambda engine: engine.embed(texts))

    async def tag(self, request: Mapping[str, Any]) -> list[Any]:
        """See `Engine.tag`."""
        return await self._whole(lambda engine: engine.tag(request))


def _hands_on(error: ApiError) -> bool:
    return (
        error.kind is OVERLOADED or error.kind is UPSTREAM_GONE
    )  # by identity: on the wire all 503 are alike
