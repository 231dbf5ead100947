"""Who may come in: so many answers wait or run at the engines, counted before any text is tokenised.

    async with admission.enter(client_left, places=1):
        …                                      # ends with 499 when the client leaves, with 503 at the deadline

A request that finds no place is refused at once. One that is in ends early for three reasons: its client left, its
deadline passed, or the server closes; whatever it awaits is then cancelled, and the engine hears of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from catenary.serve.errors import CLIENT_GONE, OVERLOADED, ApiError
from catenary.serve.limits import Limits


class Admission:
    """The places before the engines. Use it from the event loop."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._taken = 0
        self._closed = False
        self._ends: set[Callable[[ApiError], None]] = set()
        self.refused = 0

    @property
    def taken(self) -> int:
        """How many answers wait or run."""
        return self._taken

    def close(self) -> None:
        """End what still waits or runs with 503, and let nobody in any more."""
        self._closed = True
        for end in tuple(self._ends):
            end(ApiError("The server is shutting down.", OVERLOADED))

    def refuse_if_full(self, places: int = 1) -> None:
        """Raise ApiError (503) when there is no room for so many answers."""
        if self._closed:
            raise ApiError("The server is shutting down.", OVERLOADED)
        if self._taken + places > self._limits.queue:
            self.refused += 1
            raise ApiError(
                "The server is at its limit of {queue} requests.", OVERLOADED, queue=self._limits.queue
            )

    @asynccontextmanager
    async def enter(
        self, client_left: Callable[[], Coroutine[Any, Any, None]], places: int = 1
    ) -> AsyncIterator[None]:
        """Hold `places` while the body runs, in the task that enters.

        Raises ApiError: 503 when there is no room or no time, 499 when `client_left` returns.
        """
        self.refuse_if_full(places)
        self._taken += places
        task = asyncio.current_task()
        assert task is not None
        why: list[ApiError] = []

        def end(error: ApiError) -> None:
            if not why:
                why.append(error)
                task.cancel()

        def hear(left: asyncio.Task[None]) -> None:
            if not left.cancelled():
                end(ApiError("The client left before its answer was ready.", CLIENT_GONE))

        left = asyncio.create_task(client_left())
        left.add_done_callback(hear)
        late = ApiError(
            "No answer within {seconds} seconds: the server has too much to do.",
            OVERLOADED,
            seconds=self._limits.deadline_seconds,
        )
        timer = asyncio.get_running_loop().call_later(self._limits.deadline_seconds, end, late)
        self._ends.add(end)
        try:
            yield
        except asyncio.CancelledError:
            if why and task.uncancel() == 0:
                raise why[0] from None
            raise
        finally:
            timer.cancel()
            left.remove_done_callback(hear)
            left.cancel()
            self._ends.discard(end)
            self._taken -= places
