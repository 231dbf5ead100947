"""What was erased is dropped from memory: models' processes end, indexes and known answers go, within seconds.

A document is erased by emptying all that was made from it (`catenary erase`); a service that opened some of that before
must not go on knowing it. Its endpoint answers 404 from then on, until the chain is made again and served anew.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NoReturn

from sqlalchemy.exc import SQLAlchemyError

from catenary.errors import CatenaryError, Refused
from catenary.serve.engine import Delta, EngineState, Labelled, Made, Spent, Text, Vectors, WriteJob
from catenary.serve.errors import NO_MODEL, ApiError
from catenary.serve.gateway import Gateway

LOOK_SECONDS = 2.0
ERASED = "What this model was made from was erased, so it answers no more."
log = logging.getLogger("catenary.serve")


async def drop_what_is_erased(gateway: Gateway) -> None:
    """Look every few seconds, for ever, whether what the endpoints have in memory is still in the store."""
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        for name, served in list(gateway.endpoints.items()):
            if isinstance(served.engine, Dropped):
                continue
            try:
                if await asyncio.to_thread(served.held):
                    continue
            except (CatenaryError, SQLAlchemyError):
                log.exception("whether %s was erased could not be found out; tried again", name)
                continue
            log.warning("%s: what it was made from was erased; dropped", name)
            gateway.endpoints[name] = replace(served, engine=Dropped(), check=_refuse, passage=None)
            for cache in (gateway.cache, gateway.semantic_cache):
                if cache is not None:
                    cache.clear()
            await served.engine.close()


def _refuse() -> NoReturn:
    raise Refused(ERASED)


class Dropped:
    """The `Engine` in the place of one that was dropped."""

    state = EngineState()

    async def start(self) -> None:
        """See `Engine.start`."""

    async def close(self) -> None:
        """See `Engine.close`."""

    def write(self, job: WriteJob) -> AsyncIterator[Delta | Made | Spent]:
        """See `Engine.write`."""
        raise ApiError(ERASED, NO_MODEL)

    async def classify(self, texts: Sequence[Text]) -> list[Labelled]:
        """See `Engine.classify`."""
        raise ApiError(ERASED, NO_MODEL)

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """See `Engine.embed`."""
        raise ApiError(ERASED, NO_MODEL)

    async def tag(self, request: Mapping[str, Any]) -> list[Any]:
        """See `Engine.tag`."""
        raise ApiError(ERASED, NO_MODEL)
