"""Doing the same work for many shards: in this process, in several, in its threads, or on a Ray cluster.

    with processes(2) as others:
        for report in over(shards, curate_one, others): ...

Each piece of work writes its own folder and returns something small, so that results are the same for any number of
workers and come in the order of the items. This process is one of the workers. The others (`worker.py`) take more than
a second of a processor to start; until they have, they take nothing, and this one works on: so several are not slower
than one, however little there is to do. Work that leaves Python's lock alone may be shared among threads instead, which
are there at once and need no memory of their own. `ray_executor.py` is the cluster's side.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, TypeVar

T = TypeVar("T")
R = TypeVar("R")


def cores() -> int:
    """How many processes this one may keep busy; CATENARY_WORKERS says otherwise."""
    if os.environ.get("CATENARY_WORKERS", "").isdigit():
        return max(1, int(os.environ["CATENARY_WORKERS"]))
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Other(Protocol):
    """A worker beside the one that asks it."""

    def prepare(self, load: Callable[[], object]) -> None:
        """Call `load` there; returns when that has been done."""

    def do(self, work: Callable[[T], R], item: T) -> R:
        """`work(item)`, done there."""

    def end(self) -> None:
        """Nothing is done there any more when this returns."""


class Beside:
    """A worker in this process: the thread that asks it does the work."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._ended = False

    def prepare(self, load: Callable[[], object]) -> None:
        """Nothing: what work loads is loaded here already, or is by whoever comes first."""

    def do(self, work: Callable[[T], R], item: T) -> R:
        """`work(item)`, here."""
        with self._turn:
            if self._ended:
                raise CancelledError
            return work(item)

    def end(self) -> None:
        """Wait for what is being done."""
        with self._turn:
            self._ended = True


@contextmanager
def processes(workers: int, threads: bool = False) -> Iterator[Sequence[Other]]:
    """So many workers for several rounds of `over`: this process, and the others that are given.

    With `threads` these are in this process too.
    """
    if workers < 2:
        yield ()
        return
    from catenary.data.worker import Worker

    others: list[Other] = []
    try:
        others.extend(Beside() if threads else Worker() for _ in range(workers - 1))
        yield others
    finally:
        for one in others:
            one.end()


def over(
    items: Sequence[T],
    work: Callable[[T], R],
    others: Sequence[Other] = (),
    ray: str | None = None,
    folder: Path = Path(),
    prepare: Callable[[], object] | None = None,
) -> Iterator[R]:
    """`work` of each item, in their order. An error in one is raised here, and the others are given up.

    `prepare` does in a worker what its first item would do beside its work (imports, tables), before it takes one.
    `ray` is the address of a cluster that does it instead, over a `folder` that its nodes share.
    """
    if ray is not None:
        from catenary.data.ray_executor import over_ray

        yield from over_ray(items, work, ray, folder)
    elif not others:
        yield from map(work, items)
    else:
        yield from _together(items, work, others, prepare)


def _together(
    items: Sequence[T], work: Callable[[T], R], others: Sequence[Other], prepare: Callable[[], object] | None
) -> Iterator[R]:
    """Whoever is free takes the next item: this process here, and for each other one a thread that waits for it."""
    left = deque(range(len(items)))
    done: list[Future[R]] = [Future() for _ in items]

    def take() -> int | None:
        try:
            return left.popleft()
        except IndexError:
            return None

    def tend(other: Other) -> None:
        if prepare:
            other.prepare(prepare)
        while (at := take()) is not None:
            try:
                done[at].set_result(other.do(work, items[at]))
            except BaseException as error:
                done[at].set_exception(error)

    threads = ThreadPoolExecutor(len(others), "worker")
    try:
        tended = [threads.submit(tend, other) for other in others]
        told = 0
        while (at := take()) is not None:
            done[at].set_result(work(items[at]))
            while told < len(items) and done[told].done():
                yield done[told].result()
                told += 1
        for one in done[told:]:
            yield one.result()
        for thread in tended:
            if thread.done():
                thread.result()
    finally:
        left.clear()
        threads.shutdown(wait=False)
