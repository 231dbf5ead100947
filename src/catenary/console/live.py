"""Live pages: one number that changes whenever anything did, told to every open page as a server-sent event."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select

from catenary.access.tables import api_keys, audit, roles
from catenary.console.jobs import stamps
from catenary.digest import digest
from catenary.store import Store
from catenary.store.runs import mark_lost
from catenary.store.tables import (
    artifacts,
    feedback,
    held_answers,
    links,
    metrics,
    receipts,
    release_states,
    runs,
    sign_offs,
)

LOOK_SECONDS = 1.0
BEAT_SECONDS = 15.0  # proxies close connections that say nothing


@dataclass(frozen=True, slots=True)
class Version:
    """`whole` covers all that pages show; `artifacts` what plans depend on."""

    whole: str
    artifacts: str
    running: bool
    minute: int


def version_of(store: Store, chain_file: Sequence[int]) -> Version:
    """The state of the store and the chain file in two digests, by one query over indexed columns."""
    figures = (
        select(func.max(artifacts.c.committed_at)),
        select(func.count()).select_from(artifacts),
        select(func.max(links.c.pointed_at)),
        select(func.count()).select_from(links),
        select(func.count()).where(runs.c.outcome.is_(None)),
        select(func.max(runs.c.id)),
        select(func.max(runs.c.ended_at)),
        select(func.max(metrics.c.id)),
        select(func.max(sign_offs.c.id)),
        select(func.max(release_states.c.id)),
        select(func.max(receipts.c.at)),
        select(func.max(feedback.c.id)),
        select(func.max(held_answers.c.decided_at)),
        select(func.max(audit.c.seq)),
        select(func.max(roles.c.id)),
        select(func.count()).select_from(api_keys),
    )
    with store.reading() as connection:
        row = connection.execute(select(*(one.scalar_subquery() for one in figures))).one()
    told = [str(value) for value in row]
    running = bool(row[4])
    progress = progress_stamps(store) if running else []
    return Version(
        digest([told, progress, stamps(store), chain_file])[:16],
        digest([told[:4], chain_file])[:16],
        running,
        int(time.time() // 60),
    )


def progress_stamps(store: Store) -> list[tuple[str, int]]:
    """When each running link last told how far it is."""
    found = sorted((store.home.path / "work").glob("*/progress.json"))
    return [(path.parent.name, _changed(path)) for path in found]


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


class Pulse:
    """Looks at the store once a second while somebody watches, however many do."""

    def __init__(self, version: Callable[[], Version], store: Store, closing: Callable[[], bool]) -> None:
        self._version, self._store, self._closing = version, store, closing
        self._known: Version | None = None
        self._looked = float("-inf")
        self._lock = asyncio.Lock()

    async def events(self, seen: str) -> AsyncIterator[bytes]:
        """An event at once where a page that shows `seen` is behind, then at every change, until the server closes."""
        said, quiet = seen, time.monotonic()
        yield b"retry: 1000\n\n"
        while not self._closing():
            now = await self._look()
            if now.whole != said:
                said, quiet = now.whole, time.monotonic()
                yield f"id: {said}\nevent: changed\ndata: {said}\n\n".encode()
            elif time.monotonic() - quiet > BEAT_SECONDS:
                quiet = time.monotonic()
                yield b": here\n\n"
            await asyncio.sleep(LOOK_SECONDS)

    async def _look(self) -> Version:
        async with self._lock:
            if self._known is None or time.monotonic() - self._looked > LOOK_SECONDS / 2:
                self._known = await asyncio.to_thread(self._read)
                self._looked = time.monotonic()
            return self._known

    def _read(self) -> Version:
        found = self._version()
        if found.running:  # a run whose process was killed says nothing by itself
            mark_lost(self._store.engine, self._store.home.path)
        return found
