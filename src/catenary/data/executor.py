"""Doing the same work for many shards: in this process, in several, or on a Ray cluster (`ray_executor.py`).

    with processes(2) as pool:
        for report in over(shards, curate_one, pool): ...

Each piece of work writes its own folder and returns something small, so that results are the same for any number of
workers and come in the order of the items. Workers are fresh processes: `work` and the items must be picklable. One
whose parent has gone ends at once, so that a run that is killed leaves nobody writing behind.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def cores() -> int:
    """How many processes this one may keep busy; CATENARY_WORKERS says otherwise."""
    if os.environ.get("CATENARY_WORKERS", "").isdigit():
        return max(1, int(os.environ["CATENARY_WORKERS"]))
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def processes(workers: int) -> Iterator[Executor | None]:
    """Processes for several rounds of `over`, for one takes two seconds to start; None for a single worker."""
    if workers < 2:
        yield None
        return
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_end_with_parent)
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def over(
    items: Sequence[T],
    work: Callable[[T], R],
    pool: Executor | None = None,
    ray: str | None = None,
    folder: Path = Path(),
) -> Iterator[R]:
    """`work` of each item, in their order. An error in one is raised here, and the others are given up.

    `ray` is the address of a cluster that does it instead, over a `folder` that its nodes share.
    """
    if ray is not None:
        from catenary.data.ray_executor import over_ray

        yield from over_ray(items, work, ray, folder)
    else:
        yield from pool.map(work, items) if pool else map(work, items)


def _end_with_parent() -> None:
    import threading
    from multiprocessing import connection, parent_process

    parent = parent_process()
    assert parent is not None

    def watch() -> None:
        connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="end with parent").start()
