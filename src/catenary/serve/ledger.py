"""Receipts on their way to the catalog: all that come together are one transaction, on a thread of its own.

    await ledger.put(receipt)        # returns when it is stored durably; raises if it cannot be

A disk takes some milliseconds to say that something is really there; a thousand answers must not each wait for that in
turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from catenary.serve.receipts import Receipt

Save = Callable[[Sequence[Receipt]], None]
"""Stores all of them durably or none; what they cost is part of it."""


class Ledger:
    """The way of receipts to `save`. Use it from one event loop."""

    def __init__(self, save: Save) -> None:
        self._save = save
        self._pending: list[tuple[Receipt, asyncio.Future[None]]] = []
        self._writer: asyncio.Task[None] | None = None
        self.stored = 0

    async def put(self, receipt: Receipt) -> None:
        """Return when the receipt is stored. It is stored also when the one who waits is cancelled."""
        await asyncio.shield(self.add(receipt))

    def add(self, receipt: Receipt) -> asyncio.Future[None]:
        """Begin to store it; the future is done when it is."""
        stored = asyncio.get_running_loop().create_future()
        stored.add_done_callback(
            lambda one: one.cancelled() or one.exception()
        )  # told to whoever waits, if any
        self._pending.append((receipt, stored))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())
        return stored

    async def close(self) -> None:
        """Return when all that was put is stored."""
        while self._writer is not None and not self._writer.done():
            await asyncio.wait([self._writer])

    async def _write(self) -> None:
        while self._pending:
            batch, self._pending = self._pending, []
            try:
                await asyncio.to_thread(self._save, [receipt for receipt, _ in batch])
            except Exception:
                await self._one_by_one(batch)  # one that cannot be stored must not take the others with it
            else:
                for _, stored in batch:
                    self.stored += 1
                    if not stored.done():
                        stored.set_result(None)

    async def _one_by_one(self, batch: list[tuple[Receipt, asyncio.Future[None]]]) -> None:
        for receipt, stored in batch:
            try:
                await asyncio.to_thread(self._save, [receipt])
            except Exception as error:
                if not stored.done():
                    stored.set_exception(error)
            else:
                self.stored += 1
                if not stored.done():
                    stored.set_result(None)
