"""Doing the same work for pieces that come one after the other, in this process and, when there are many, in others.

    for place, made in streamed(pieces, count, workers=2): ...

As `executor.py` does it, for what is too much to be listed first: results come in the order of the pieces, a few of
which are held at a time. The other processes are started when this one has done some pieces, for a start takes as long.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from queue import Empty, SimpleQueue
from typing import TypeVar

from catenary.data.executor import Other, processes

C = TypeVar("C")
T = TypeVar("T")
R = TypeVar("R")

ALONE = 4  # pieces that are done here first
HELD = 4  # pieces for each process, done or not


def streamed(
    pieces: Iterable[tuple[C, T | None]],
    work: Callable[[T], R],
    workers: int = 1,
    alone: int = ALONE,
    prepare: Callable[[], object] | None = None,
) -> Generator[tuple[C, R | None]]:
    """For each (place, piece) its (place, work(piece)), in their order; the place stays in this process.

    A piece that is None makes None. Raises what `work` raised, and CatenaryError where a process has died.
    """
    begun = iter(pieces)
    done = 0
    while workers < 2 or done < alone:
        try:
            place, piece = next(begun)
        except StopIteration:
            return
        yield place, None if piece is None else work(piece)
        done += piece is not None
    with ExitStack() as stack:
        others = stack.enter_context(processes(workers))
        yield from _together(begun, work, others, prepare, stack)


def _together(
    pieces: Iterator[tuple[C, T | None]],
    work: Callable[[T], R],
    others: Sequence[Other],
    prepare: Callable[[], object] | None,
    stack: ExitStack,
) -> Iterator[tuple[C, R | None]]:
    waiting: SimpleQueue[tuple[T, Future[R | None]] | None] = SimpleQueue()
    held: deque[tuple[C, Future[R | None]]] = deque()

    def tend(other: Other) -> None:
        if prepare:
            other.prepare(prepare)
        while (taken := waiting.get()) is not None:
            piece, future = taken
            try:
                future.set_result(other.do(work, piece))
            except BaseException as error:
                future.set_exception(error)
                return

    threads = ThreadPoolExecutor(len(others), "worker")
    stack.callback(threads.shutdown, wait=False)
    for other in others:
        threads.submit(tend, other)
        stack.callback(waiting.put, None)
    more = True
    while more or held:
        while more and len(held) < HELD * (len(others) + 1):
            try:
                place, piece = next(pieces)
            except StopIteration:
                more = False
                break
            future: Future[R | None] = Future()
            held.append((place, future))
            if piece is None:
                future.set_result(None)
            else:
                waiting.put((piece, future))
        while held and held[0][1].done():
            place, future = held.popleft()
            yield place, future.result()
        try:
            taken = waiting.get_nowait()
        except Empty:
            taken = None
        if taken is not None:
            piece, future = taken
            future.set_result(work(piece))
        elif held and (not more or len(held) == HELD * (len(others) + 1)):
            held[0][1].exception()  # nothing is left to take: whoever has it will tell
