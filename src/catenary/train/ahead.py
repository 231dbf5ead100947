"""The next batches, made while this one is learnt from."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Empty, Full, Queue
from typing import TypeVar

T = TypeVar("T")

DEPTH = 2
LOOK_SECONDS = 0.1  # how often the other side is asked whether it has left


@contextmanager
def ahead(items: Iterator[T], depth: int = DEPTH) -> Iterator[Iterator[T]]:
    """Within this context: the same items in the same order, at most `depth` of them made beforehand in a thread.

    What `items` raises is raised where the item was due.
    """
    ready: Queue[tuple[T | None, BaseException | None]] = Queue(depth)
    left = threading.Event()

    def put(item: T | None, error: BaseException | None) -> bool:
        while not left.is_set():
            try:
                ready.put((item, error), timeout=LOOK_SECONDS)
            except Full:
                continue
            return True
        return False

    def make() -> None:
        try:
            for item in items:
                if not put(item, None):
                    return
        except BaseException as error:
            put(None, error)
        else:
            put(None, StopIteration())

    maker = threading.Thread(target=make, name="batches", daemon=True)

    def taken() -> Iterator[T]:
        while True:
            try:
                item, error = ready.get(timeout=LOOK_SECONDS)
            except Empty:
                continue
            if isinstance(error, StopIteration):
                return
            if error is not None:
                raise error
            yield item  # type: ignore[misc]

    maker.start()
    try:
        yield taken()
    finally:
        left.set()
        maker.join()
