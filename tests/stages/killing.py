"""Kills `catenary run` of the small chain at moments drawn by lot, again and again, until it is done each time.

    python -m tests.stages.killing FOLDER KILLS SEED

Each link of each chain is killed up to twice, each time at a moment drawn by lot while it runs; SIGKILL leaves no
chance to tidy up. Exits with 0 and says where the kills fell when every chain that was resumed this way is, byte for
byte, the one in FOLDER, which was never interrupted: the same artifacts, manifests and files.

What is heavy to import is imported once; each run is a fork of this process, which has computed nothing yet.
"""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import IO

import onnxruntime  # noqa: F401
import onnxscript  # noqa: F401
import sklearn.linear_model  # noqa: F401
import torch  # noqa: F401

from catenary.chain.spec import load
from catenary.cli import main as catenary
from catenary.config import Home
from catenary.stages import STAGES
from catenary.store import Store
from tests.stages.mail import write_chain

MOST_KILLS_OF_A_LINK = 2  # in one chain


def run(folder: Path) -> tuple[int, IO[str]]:
    """`catenary run` in a fork: its process id, and what it prints."""
    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        os.chdir(folder)
        os.dup2(writing, 1)
        os.close(reading)
        try:
            catenary(["run"])
        except SystemExit as end:
            os._exit(end.code if isinstance(end.code, int) else 1)
        os._exit(1)
    os.close(writing)
    return process, os.fdopen(reading, encoding="utf-8")


def killed_in(folder: Path, link: str, delay: float) -> str:
    """Run and kill `delay` seconds after `link` started; the link that was running then, empty where the run ended."""
    process, told = run(folder)
    running = ""
    with told:
        for line in told:
            if line.startswith("> "):
                running = line.split()[1]
                if running == link:
                    wait(process, delay)
                    os.kill(process, signal.SIGKILL)
                    running = next(
                        (later.split()[1] for later in reversed(told.readlines()) if later[0] == ">"), link
                    )
                    break
    _, status = os.waitpid(process, 0)
    if os.WIFSIGNALED(status):
        return running
    assert os.WEXITSTATUS(status) == 0, status
    return ""


def wait(process: int, seconds: float) -> None:
    """Wait so long, or until the process ends, which it stays to be asked about."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and not os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT):
        time.sleep(0.002)


def contents(folder: Path) -> dict[str, str]:
    """Every file of every artifact, with its SHA-256."""
    objects = folder / ".catenary" / "objects"
    return {
        str(path.relative_to(objects)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(objects.rglob("*"))
        if path.is_file()
    }


def seconds_of(folder: Path) -> dict[str, float]:
    """How long each link took in the run that nobody interrupted, in the chain's order."""
    with Store.open(Home.of(folder)) as store:
        rows = {row.link: row.seconds or 0.0 for row in store.runs() if row.outcome == "done"}
    return {link.full_name: rows[link.full_name] for link in load(folder / "catenary.yaml", STAGES).links}


def left_to_run(folder: Path, links: dict[str, float]) -> list[str]:
    """The links that point to nothing yet; the store opens after any kill and holds nothing half made."""
    with Store.open(Home.of(folder)) as store:
        problems = [finding.text("en") for finding in store.verify()]
        assert all("not in the catalog" in problem for problem in problems), problems
        return [name for name in links if name not in store.links("mail")]


def finish(folder: Path, reference: Path, fell: Counter[str]) -> None:
    """Run to the end, and compare all there is with the chain that was never interrupted."""
    process, told = run(folder)
    with told:
        said = told.read()
    assert os.waitpid(process, 0)[1] == 0, said
    expected, found = contents(reference), contents(folder)
    differing = sorted(
        name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name)
    )
    if differing:
        shutil.copytree(folder, f"{reference}-differs", dirs_exist_ok=True)
    assert not differing, f"after kills in {dict(fell)}: {differing}"
    with Store.open(Home.of(folder)) as store:
        assert store.verify() == []
    assert list((folder / ".catenary" / "work").iterdir()) == []


def main(reference: Path, kills: int, seed: int) -> None:
    lots = random.Random(seed)
    fell: Counter[str] = Counter()
    seconds: dict[str, float] = {}
    while not seconds or fell.total() < kills:
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            write_chain(folder)
            # Link by link, so that each is met in every chain, and no slow one takes all the kills.
            for link in seconds:
                for _ in range(lots.randrange(MOST_KILLS_OF_A_LINK + 1)):
                    if fell.total() < kills and link in left_to_run(folder, seconds):
                        where = killed_in(folder, link, lots.random() * seconds[link])
                        fell.update([where] if where else [])
            finish(folder, reference, fell)
            seconds = seconds or seconds_of(folder)  # of a fork, which finds everything imported
    sys.stdout.write(f"{fell.total()} kills: {dict(sorted(fell.items()))}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
