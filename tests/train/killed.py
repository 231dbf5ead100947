"""Run a training function in children that are killed at random moments until one comes to its end.

    python -m tests.train.killed <folder> <kills> <seed> <case> …

prints for each case (a function of `cases.py`) the hash of the uninterrupted run, that of the one killed, and how
many children died. The parent imports torch once and runs no parallel code, so that it may fork.
"""

from __future__ import annotations

import gc
import os
import random
import signal
import sys
import time
from pathlib import Path

import torch

from . import cases

torch.set_num_threads(1)


def attempt(case: str, state: Path, delay: float | None = None) -> tuple[bytes, bool]:
    """What a child told, and whether it was killed (after `delay` seconds, unless it ended before)."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            begun = time.monotonic()
            told = getattr(cases, case)(state)
            os.write(writing, f"{told} {time.monotonic() - begun}".encode())
            os._exit(0)
        finally:
            os._exit(1)
    os.close(writing)
    if delay is not None:
        time.sleep(delay)
        os.kill(pid, signal.SIGKILL)
    with os.fdopen(reading, "rb") as pipe:
        told = pipe.read()
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "the child failed"
    return told, os.WIFSIGNALED(status)


def main(folder: Path, kills: int, seed: int, names: list[str]) -> None:
    # A child collects what it makes itself: finalisers of the parent's objects are the parent's to run.
    gc.collect()
    gc.freeze()
    chance = random.Random(seed)
    for case in names:
        uninterrupted, seconds = attempt(case, folder / f"{case}-whole")[0].decode().split()
        state = folder / f"{case}-killed"
        died, longest = 0, float(seconds) / 2
        while died < kills:
            told, was_killed = attempt(case, state, chance.uniform(0, longest))
            died += was_killed
            if not was_killed:  # it came to its end: from the start again, and sooner
                assert told.decode().split()[0] == uninterrupted
                state, longest = state.with_name(f"{state.name}-again"), longest / 2
        resumed, _ = attempt(case, state)[0].decode().split()
        sys.stdout.write(f"{case} {uninterrupted} {resumed} {died}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
