"""An engine that answers only as long as its release may be served: looked up before each answer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

from catenary.serve.engine import Delta, Engine, EngineState, Labelled, Made, Spent, Text, Vectors, WriteJob
from catenary.serve.served import require


class Following:
    """An `Engine` in front of another. `check` raises Refused once the release was withdrawn or is signed no more."""

    def __init__(self, engine: Engine, check: Callable[[], None]) -> None:
        self._engine = engine
        self._check = check

    @property
    def state(self) -> EngineState:
        """See `Engine.state`."""
        return self._engine.state

    async def start(self) -> None:
        """See `Engine.start`."""
        await self._engine.start()

    async def close(self) -> None:
        """See `Engine.close`."""
        await self._engine.close()

    def write(self, job: WriteJob) -> AsyncIterator[Delta | Made | Spent]:
        """See `Engine.write`."""
        self._require()
        return self._engine.write(job)

    async def classify(self, texts: Sequence[Text]) -> list[Labelled]:
        """See `Engine.classify`."""
        self._require()
        return await self._engine.classify(texts)

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """See `Engine.embed`."""
        self._require()
        return await self._engine.embed(texts)

    async def tag(self, request: Mapping[str, Any]) -> list[Any]:
        """See `Engine.tag`."""
        self._require()
        return await self._engine.tag(request)

    def _require(self) -> None:
        require(self._check)
