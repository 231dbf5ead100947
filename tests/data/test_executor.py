"""Sharing work with other processes: who does it, in what order it comes, and what becomes of it when one fails."""

from __future__ import annotations

import os
import signal
import threading
import time
from functools import partial
from pathlib import Path

import psutil
import pytest

from catenary.data.executor import over, processes
from catenary.errors import CatenaryError, InvalidInput

HOUR = 3600.0


def squared(number: int) -> int:
    if number == 13:
        raise InvalidInput("Thirteen is not wanted.", got="13")
    return number * number


def doing(folder: Path, number: int) -> int:
    """The process that does it, once two of them have come as far."""
    (folder / str(os.getpid())).touch()
    until = time.monotonic() + 120
    while len(list(folder.iterdir())) < 2 and time.monotonic() < until:
        time.sleep(0.01)
    return os.getpid()


def meeting_thread(folder: Path, number: int) -> tuple[int, int]:
    """The process and the thread that do it, once two threads have come as far."""
    (folder / str(threading.get_ident())).touch()
    until = time.monotonic() + 120
    while len(list(folder.iterdir())) < 2 and time.monotonic() < until:
        time.sleep(0.01)
    return os.getpid(), threading.get_ident()


def process(_: int) -> int:
    return os.getpid()


def dies_elsewhere(parent: int, number: int) -> int:
    if os.getpid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.05)  # so that the other gets an item too
    return number


def fails_elsewhere(parent: int, number: int) -> int:
    if os.getpid() != parent:
        raise FileNotFoundError(f"item {number}")
    time.sleep(0.05)
    return number


@pytest.mark.parametrize("threads", [False, True])
@pytest.mark.parametrize("workers", [1, 2, 3])
def test_what_comes_is_in_the_order_of_the_items(workers: int, threads: bool) -> None:
    with processes(workers, threads) as others:
        for count in (0, 1, 200):
            assert list(over(range(count), abs, others)) == list(range(count))
        assert list(over([1, 2, 3], squared, others)) == [1, 4, 9]
        with pytest.raises(InvalidInput, match="Thirteen"):
            list(over([13, 13, 13], squared, others))


def test_this_process_works_too(tmp_path: Path) -> None:
    with processes(2) as others:
        did = set(over(range(4), partial(doing, tmp_path), others))
    assert len(did) == 2
    assert os.getpid() in did


def test_threads_of_this_process_share_the_work(tmp_path: Path) -> None:
    with processes(2, threads=True) as others:
        did = set(over(range(4), partial(meeting_thread, tmp_path), others))
    assert len(did) == 2
    assert {process for process, _ in did} == {os.getpid()}


def test_no_thread_works_on_when_the_others_have_been_given_up() -> None:
    done: list[int] = []

    def fails_here(number: int) -> None:
        if threading.current_thread() is threading.main_thread():
            raise FileNotFoundError(f"item {number}")
        time.sleep(0.01)
        done.append(number)

    with pytest.raises(FileNotFoundError), processes(3, threads=True) as others:
        list(over(range(2000), fails_here, others))
    before = len(done)
    time.sleep(0.1)
    assert len(done) == before < 2000


def test_nobody_waits_for_a_worker_that_has_not_started() -> None:
    before = set(psutil.Process().children())
    with processes(2) as others:
        for _ in range(2):
            did = list(over(range(10), process, others, prepare=partial(time.sleep, HOUR)))
            assert did == [os.getpid()] * 10
    assert all(
        child in before or "spawn_main" not in str(child.cmdline()) for child in psutil.Process().children()
    )


def test_a_worker_that_dies_is_told() -> None:
    with processes(2) as others, pytest.raises(CatenaryError, match="worker process ended") as told:
        list(over(range(2000), partial(dies_elsewhere, os.getpid()), others))
    assert "-9" in str(told.value.got)


def test_an_error_there_says_where_it_was_raised() -> None:
    with processes(2) as others, pytest.raises(FileNotFoundError, match="item") as told:
        list(over(range(2000), partial(fails_elsewhere, os.getpid()), others))
    assert "in fails_elsewhere" in "".join(told.value.__notes__)
