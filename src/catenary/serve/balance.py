"""Several engines as one: each request goes to the one with the least in hand, among those that are ready."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from catenary.serve.engine import Delta, Engine, EngineState, Labelled, Spent, Vectors, WriteJob


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

    def _least(self) -> Engine:
        return min(self._engines, key=lambda engine: (not engine.state.ready, engine.state.load))

    def write(self, job: WriteJob) -> AsyncIterator[Delta | Spent]:
        """See `Engine.write`."""
        return self._least().write(job)

    async def classify(self, texts: Sequence[str]) -> list[Labelled]:
        """See `Engine.classify`."""
        return await self._least().classify(texts)

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """See `Engine.embed`."""
        return await self._least().embed(texts)

    async def tag(self, request: Mapping[str, Any]) -> list[Any]:
        """See `Engine.tag`."""
        return await self._least().tag(request)
