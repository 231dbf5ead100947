"""A process beside this one that does one piece of work after another.

    worker = Worker()
    worker.prepare(load)             # imports and whatever else comes before the first piece
    worker.do(curate_one, shard)     # waits for what it returns, or raises what it raised
    worker.end()

It is a fresh process: what it gets must be picklable. Nothing else is shared, so it may be killed at any moment. When
this process has gone, however that happened, it ends at once: a run that is killed leaves nobody writing behind.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import traceback
from collections.abc import Callable
from multiprocessing import connection, get_context, parent_process
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from catenary.errors import CatenaryError

T = TypeVar("T")
R = TypeVar("R")


class Worker:
    """The process, as this one sees it. Threads that ask it for something wait for each other."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        context = get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), name="catenary worker")
        self._process.start()
        theirs.close()

    def prepare(self, load: Callable[[], object]) -> None:
        """Call `load` there; returns when that has been done. Whatever it raises is of no account."""
        self.do(_prepared, load)

    def do(self, work: Callable[[T], R], item: T) -> R:
        """`work(item)`, done there. Raises what it raised, and CatenaryError when the process has died."""
        with self._turn:
            try:
                self._pipe.send((work, item))
                error, made = self._pipe.recv()
            except (EOFError, ConnectionError):
                self._process.join()
                raise CatenaryError(
                    "A worker process ended before its work was done.",
                    got=f"exit code {self._process.exitcode}",
                    expected="enough memory for all workers: CATENARY_WORKERS says how many",
                ) from None
        if error is not None:
            raise error
        result: R = made
        return result

    def end(self) -> None:
        """End the process, whatever it is doing."""
        self._process.kill()
        self._process.join()
        with self._turn:  # whoever waits for an answer has been told that none comes
            self._pipe.close()


def _prepared(load: Callable[[], object]) -> None:
    with contextlib.suppress(Exception):  # it will be raised again where it is needed
        load()


def _serve(pipe: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends us
    threading.Thread(target=_end_with_parent, daemon=True, name="end with parent").start()
    while True:
        try:
            work, item = pipe.recv()
            told: tuple[BaseException | None, Any] = None, work(item)
        except EOFError:
            return
        except Exception as error:
            error.add_note(f"in a worker:\n{traceback.format_exc()}")
            told = error, None
        try:
            pipe.send(told)
        except ConnectionError:
            return
        except Exception as error:  # what cannot be pickled
            pipe.send((RuntimeError(f"{told[0] or type(told[1]).__name__}: {error}"), None))


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None
    connection.wait([parent.sentinel])
    os._exit(1)
