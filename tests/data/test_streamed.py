"""Sharing a stream of work with other processes: the order of what comes, and what becomes of it when one fails."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest

from catenary.data.streamed import ALONE, HELD, streamed
from catenary.errors import CatenaryError, InvalidInput


def refused(number: int) -> int:
    if number == 13:
        raise InvalidInput("Thirteen is not wanted.", got="13")
    return number


def doing(folder: Path, number: int) -> int:
    """The process that does it; once the others have started, when two of them have come as far."""
    (folder / str(os.getpid())).touch()
    until = time.monotonic() + 120
    while number >= ALONE and len(list(folder.iterdir())) < 2 and time.monotonic() < until:
        time.sleep(0.01)
    return os.getpid()


def dies_elsewhere(parent: int, number: int) -> int:
    if os.getpid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.05)  # so that the other gets a piece too
    return number


def started() -> list[psutil.Process]:
    return [one for one in psutil.Process().children() if "spawn_main" in str(one.cmdline())]


@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.parametrize("count", [0, 1, ALONE, 60])
def test_what_comes_is_in_the_order_of_the_pieces(workers: int, count: int) -> None:
    pieces = [(f"piece {at}", None if at % 5 == 4 else -at) for at in range(count)]
    expected = [(place, None if piece is None else -piece) for place, piece in pieces]
    assert list(streamed(pieces, abs, workers)) == expected
    assert not started()


def test_both_processes_work_and_little_is_held(tmp_path: Path) -> None:
    taken = 0

    def pieces() -> Iterator[tuple[int, int]]:
        nonlocal taken
        for taken in range(60):
            yield taken, taken

    did = set()
    for place, process in streamed(pieces(), partial(doing, tmp_path), 2):
        assert taken - place <= 2 * HELD
        did.add(process)
    assert len(did) == 2
    assert os.getpid() in did


def test_few_pieces_start_no_process(tmp_path: Path) -> None:
    for _ in streamed([(at, at) for at in range(ALONE - 1)], abs, 2):
        assert not started()


def test_an_error_is_raised_here_and_leaves_no_process() -> None:
    with pytest.raises(InvalidInput, match="Thirteen"):
        list(streamed(((at, at) for at in range(60)), refused, 2))
    assert not started()


def test_a_process_that_dies_is_told() -> None:
    with pytest.raises(CatenaryError, match="worker process ended") as told:
        list(streamed(((at, at) for at in range(4000)), partial(dies_elsewhere, os.getpid()), 2))
    assert "-9" in str(told.value.got)
    assert not started()


def test_who_stops_early_leaves_no_process() -> None:
    pieces = streamed(((at, at) for at in range(60)), abs, 2)
    for _ in range(ALONE + 2):
        next(pieces)
    pieces.close()
    assert not started()
