"""Kills a process at random points of making an artifact, again and again, and looks at the store each time.

    python -m tests.store.killing HOME URL KILLS SEED

A child opens the store, resumes or begins an artifact, and commits it; it dies by SIGKILL either before a line of our
code that is drawn by lot (each point is as likely as any other), or after a time drawn by lot (the kernel's and the
database's code too). Exits with 0 and says what it saw when every kill left a store in which nothing is half made,
nothing that was committed is lost, and the next try goes on from the last checkpoint.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

import catenary
from catenary.config import Home
from catenary.store import Store, recipe_id

OURS = str(Path(catenary.__file__).parent)
STEPS = 3
FILES = 3


def recipe(trial: int, before: str | None) -> dict[str, Any]:
    return {
        "stage": "pretrain",
        "version": 1,
        "settings": {"trial": trial},
        "inputs": {} if before is None else {"from": before},
    }


def child(home: Home, trial: int, before: str | None) -> None:
    """A stage that keeps a checkpoint after each step, as `chain/run.py` runs it."""
    made = recipe(trial, before)
    artifact_id = recipe_id(**made)
    with Store.open(home) as store, store.workspace(artifact_id) as workspace:
        if store.has(artifact_id):
            return
        run = store.start_run("reviews", "models.base", "pretrain", artifact_id)
        checkpoint = workspace.state / "step"
        done = int(checkpoint.read_text()) if checkpoint.exists() else 0
        for step in range(done, STEPS):
            checkpoint.with_suffix(".new").write_text(str(step + 1))
            checkpoint.with_suffix(".new").replace(checkpoint)
        for number in range(FILES):
            (workspace.out / f"{number}.bin").write_bytes(b"%d" % number * 100_000)
        store.commit(workspace, id=artifact_id, kind="model", report={"steps": STEPS}, **made)
        store.end_run(run, "done")
        store.point("reviews", "models.base", artifact_id)


def lines_of(work: Any, limit: int | None = None) -> int:
    """Run `work` and count the lines of our code that it comes to; kill this process before line `limit`."""
    count = 0

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal count
        if not frame.f_code.co_filename.startswith(OURS):
            return None
        if event == "line":
            count += 1
            if count == limit:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(None)
    return count


def forked(work: Any) -> int:
    """Run `work` in a child; its process id."""
    process = os.fork()
    if process == 0:
        try:
            work()
            os._exit(0)
        except BaseException as error:
            sys.stderr.write(f"{error!r}\n")
            sys.stderr.flush()
            os._exit(1)
    return process


def killed(
    home: Home, trial: int, before: str | None, lots: random.Random, lines: int, seconds: float
) -> bool:
    """One try that may be killed; whether it was."""
    if lots.random() < 0.7:
        limit = lots.randint(1, lines)
        process = forked(lambda: lines_of(lambda: child(home, trial, before), limit))
    else:
        process = forked(lambda: child(home, trial, before))
        time.sleep(lots.random() * seconds)
        os.kill(process, signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, status
    return os.WIFSIGNALED(status)


def look(home: Home, trial: int, before: str | None, committed: set[str]) -> str:
    """What a kill left: everything committed before is there, this artifact whole or not at all."""
    artifact_id = recipe_id(**recipe(trial, before))
    with Store.open(home) as store:
        assert all(run.outcome is not None for run in store.runs()), "a dead run is marked as lost"
        assert committed <= {row.id for row in store.artifacts()}
        told = [finding.text("en") for finding in store.verify()]
        assert all("not in the catalog" in line for line in told), told
        half = (store.home.path / "work" / artifact_id / "state" / "step").exists()
        there = store.has(artifact_id)  # enters what the catalog missed
        assert store.verify() == []
        if there:
            assert store.get(artifact_id).manifest.size == FILES * 100_000
            return "catalog missed it" if told else "committed"
        return "checkpoint" if half else "nothing"


def main(home: Home, kills: int, seed: int) -> None:
    lots = random.Random(seed)
    kill_the_first_opening(home, lots)
    made_once = recipe_id(**recipe(-1, None))
    child(home, -1, None)
    lines, seconds = measured(lambda: child(home, -2, made_once))
    before = recipe_id(**recipe(-2, made_once))
    committed = [made_once, before]
    seen: Counter[str] = Counter()
    while seen.total() < kills:
        trial = len(committed)
        while killed(home, trial, before, lots, lines, seconds):
            seen[look(home, trial, before, set(committed))] += 1
            if lots.random() < 0.15:
                break
        child(home, trial, before)
        before = recipe_id(**recipe(trial, before))
        committed.append(before)
    with Store.open(home) as store:
        assert store.verify() == []
        store.doctor()
        assert store.doctor() == []
        assert list((home.path / "work").iterdir()) == []
        assert [row.id for row in store.ancestors(before)] == committed[:-1]
    sys.stdout.write(f"{seen.total()} kills among {lines} lines: {dict(sorted(seen.items()))}\n")


def kill_the_first_opening(home: Home, lots: random.Random) -> None:
    """Homes that were being made, catalog and all, when the kill came, open as if nothing had been."""
    if not home.catalog_url.startswith("sqlite"):
        return
    for number in range(6):
        fresh = Home.of(home.path.with_name(f"fresh-{number}"), {})
        limit = lots.randint(1, 60)
        os.waitpid(forked(lambda: lines_of(lambda: Store.open(fresh).close(), limit)), 0)  # noqa: B023 - waited for
        with Store.open(fresh) as store:
            assert store.verify() == []


def measured(work: Any) -> tuple[int, float]:
    """Lines and seconds of `work`, done in a child."""
    reader, writer = os.pipe()
    began = time.monotonic()
    assert os.waitpid(forked(lambda: os.write(writer, b"%d" % lines_of(work))), 0)[1] == 0
    return int(os.read(reader, 100)), time.monotonic() - began


if __name__ == "__main__":
    main(Home(Path(sys.argv[1]), sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
