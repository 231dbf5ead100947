"""Kills collecting and curating at moments drawn by lot, again and again, until it is done each time.

    python -m tests.data.killing KILLS SEED

SIGKILL leaves no chance to tidy up. Exits with 0 and says where the kills fell when whatever was resumed this way ended
with the bytes of the run that nobody interrupted, in which each document that was read stands once. Of ten
corpora one is curated by two processes, and only the one that started the other is killed.

What is heavy to import, and the compiled loops, are loaded once; each run is a fork of this process.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import pyarrow.parquet  # noqa: F401

from catenary.data import curate, read_index
from tests.data.test_curate import STEPS, corpus, run

MOST_KILLS = 12  # of one corpus, so that each is done at last


def life(work: Path, workers: int, delay: float | None) -> bool:
    """Go on with a corpus, in a fork that is killed after so many seconds; whether it was. `done` holds its digests."""
    process = os.fork()
    if process == 0:
        code = 1
        try:
            source, base = corpus(work.parent / "source")
            if workers > 1:
                os.environ |= {"MEETING": str(work / f"meeting-{os.getpid()}"), "MEETING_SECONDS": "10"}
            (work / "done").write_text(json.dumps(run(work, source, base, workers=workers)), "utf-8")
            code = 0
        finally:
            os._exit(code)
    if delay is not None:
        until = time.monotonic() + delay
        while time.monotonic() < until and not os.waitid(
            os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT
        ):
            time.sleep(0.001)
        os.kill(process, signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    killed = os.WIFSIGNALED(status)
    assert killed or os.WEXITSTATUS(status) == 0, status
    return killed


def place(work: Path) -> str:
    """What was being done when the kill fell, by what is there."""
    state = work / "state-out"
    if not (state / "plan").exists():
        return "collecting"
    if (work / "out").exists() and any((work / "out").glob("*.parquet*")):
        return "writing the dataset"
    if (state / "resolved-0").exists():
        return "second pass"
    return "finding duplicates" if (state / "resolved-0.part").exists() else "first pass"


def main(kills: int, seed: int) -> None:
    curate(["很好，值得买", "请致电13812345678"], STEPS)
    lots = random.Random(seed)
    fell: Counter[str] = Counter()
    corpora = 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        corpus(folder / "source")
        seconds = []
        for workers, name in ((1, "whole"), (2, "by-two")):
            (folder / name).mkdir()
            began = time.monotonic()
            life(folder / name, workers, None)
            seconds.append(time.monotonic() - began)
        expected = json.loads((folder / "whole" / "done").read_text("utf-8"))
        raw, index = (
            read_index(folder / "whole" / name, ["id"]).column("id").to_pylist() for name in ("raw", "out")
        )
        assert sorted(raw) == index
        assert len(set(index)) == len(index) > 800
        while fell.total() < kills:
            work = folder / f"corpus-{corpora}"
            work.mkdir()
            workers = 2 if corpora % 10 == 1 else 1
            starting = seconds[workers - 1] - seconds[0]  # the other one
            mine = 0
            while mine < MOST_KILLS and fell.total() < kills:
                if not life(work, workers, starting * lots.random() + seconds[0] * lots.random() ** 2):
                    break
                fell[place(work)] += 1
                mine += 1
            if not (work / "done").exists():
                life(work, workers, None)
            found = json.loads((work / "done").read_text("utf-8"))
            differing = sorted(
                name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name)
            )
            assert not differing, f"seed {seed}, corpus {corpora}, after kills in {dict(fell)}: {differing}"
            corpora += 1
            sys.stderr.write(f"{fell.total()} kills\n")
    sys.stdout.write(f"{fell.total()} kills of {corpora} corpora: {dict(sorted(fell.items()))}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
