"""Who may come in: a bounded queue before the engine, counted before any text is tokenised.

A request that finds no place is refused at once; the others wait for the one worker, off the event loop. A
place is held until the engine has really let go of the work, also when its client has left.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from catenary.errors import CatenaryError
from catenary.inference import Stop
from catenary.serve.errors import CLIENT_GONE, OVERLOADED, ApiError
from catenary.serve.limits import Limits

log = logging.getLogger("catenary.serve")

Result = TypeVar("Result")


class Admission:
    """The queue before the engine. Call it from the event loop; the work runs in a thread of its own."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._taken = 0
        self._closed = asyncio.Event()
        # One worker: the engine itself uses every core for one batch, so two would only take turns.
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="engine")

    @property
    def taken(self) -> int:
        """How many requests wait or run."""
        return self._taken

    def close(self) -> None:
        """Answer what still waits or runs with 503, and let the worker go when its work is done."""
        self._closed.set()
        self._worker.shutdown(wait=False, cancel_futures=True)

    def refuse_if_full(self) -> None:
        """Raise ApiError (503) when there is no place."""
        if self._taken >= self._limits.queue:
            raise ApiError(
                "The server is at its limit of {queue} requests.", OVERLOADED, queue=self._limits.queue
            )

    async def run(
        self, work: Callable[[Stop], Result], client_left: Callable[[], Coroutine[Any, Any, None]]
    ) -> Result:
        """`work` in the worker, with a `stop` that turns true at the deadline or when `client_left` returns.

        Raises ApiError: 503 when there is no place or no time, 499 when the client has left.
        """
        self.refuse_if_full()
        if self._closed.is_set():
            raise ApiError("The server is shutting down.", OVERLOADED)
        self._taken += 1
        loop = asyncio.get_running_loop()
        stopped = threading.Event()
        future: Future[Result] = self._worker.submit(work, stopped.is_set)
        future.add_done_callback(lambda _: self._leave_from(loop))
        answered = asyncio.wrap_future(future)
        left = asyncio.create_task(client_left())
        closed = asyncio.create_task(self._closed.wait())
        signals: set[asyncio.Future[Any]] = {answered, left, closed}
        try:
            await asyncio.wait(
                signals, timeout=self._limits.deadline_seconds, return_when=asyncio.FIRST_COMPLETED
            )
            if answered.done():
                return answered.result()
            if left.done():
                raise ApiError("The client left before its answer was ready.", CLIENT_GONE)
            if closed.done():
                raise ApiError("The server is shutting down.", OVERLOADED)
            raise ApiError(
                "No answer within {seconds} seconds: the server has too much to do.",
                OVERLOADED,
                seconds=self._limits.deadline_seconds,
            )
        finally:
            stopped.set()
            answered.add_done_callback(_note_how_it_ended)
            answered.cancel()  # takes it out of the queue; work that runs hears `stopped` instead
            left.cancel()
            closed.cancel()

    def _leave_from(self, loop: asyncio.AbstractEventLoop) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody counts places any more
            loop.call_soon_threadsafe(self._leave)

    def _leave(self) -> None:
        self._taken -= 1


def _note_how_it_ended(future: asyncio.Future[Any]) -> None:
    """Look at how the work ended, or asyncio reports an error that nobody waited for."""
    if not future.cancelled() and (error := future.exception()) and not isinstance(error, CatenaryError):
        log.debug("engine work ended with %r", error)
