"""Runs that were started here: `catenary run` in processes of their own, which no restart of the console ends."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from catenary.errors import NotFound, Refused
from catenary.files import make_folder
from catenary.store import RunRow, Store
from catenary.store.runs import living, mark_lost

NAME = re.compile(r"[0-9]{13,}-[A-Za-z0-9_.-]{1,100}\Z")
TAIL_BYTES = 32 << 10


@dataclass(frozen=True, slots=True)
class Job:
    """One started run; `log` is what it has printed."""

    name: str
    log: Path

    @property
    def links(self) -> str:
        return self.name.partition("-")[2]

    def tail(self) -> str:
        """The end of what it has printed."""
        with self.log.open("rb") as file:
            file.seek(max(0, self.log.stat().st_size - TAIL_BYTES))
            return file.read().decode("utf-8", "replace")


def start(store: Store, chain_file: Path, links: Sequence[str], overrides: Sequence[str]) -> Job:
    """Start `catenary run`; what it prints goes to a file of the home."""
    folder = _folder(store)
    make_folder(folder)
    name = f"{int(time.time() * 1000)}-{'+'.join(links)[:90] or 'all'}".replace("+", "_")
    log = folder / f"{name}.log"
    command = [
        sys.executable,
        "-c",
        "from catenary.cli import main; main()",
        "run",
        *links,
        "-f",
        str(chain_file),
    ]
    for override in overrides:
        command += ["--set", override]
    with log.open("wb") as out:
        subprocess.Popen(
            command,
            cwd=chain_file.parent,
            env={**os.environ, "PYTHONUNBUFFERED": "1", "COLUMNS": "120"},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return Job(name, log)


def stop(store: Store, run: RunRow) -> None:
    """Ask a run to end: what it has done is kept. Raises Refused where it has ended or is not this machine's."""
    mark_lost(store.engine, store.home.path)
    with store.reading() as connection:
        lives = any(one.id == run.id for one in living(connection))
    if not lives or run.host != socket.gethostname() or run.pid == os.getpid():
        raise Refused(
            "This run cannot be stopped from here.",
            got=run.id,
            expected="a run of this machine that has not ended",
        )
    os.kill(run.pid, signal.SIGTERM)  # it holds its run's lock, so the number is still its own


def job(store: Store, name: str) -> Job:
    """The job of this name. Raises NotFound."""
    path = _folder(store) / f"{name}.log"
    if not NAME.fullmatch(name) or not path.is_file():
        raise NotFound("Nothing was started here under this name.", got=name[:120])
    return Job(name, path)


def jobs(store: Store) -> list[Job]:
    """All, newest first."""
    return [Job(path.stem, path) for path in sorted(_folder(store).glob("*.log"), reverse=True)]


def stamps(store: Store) -> list[tuple[str, int]]:
    """How far the newest have printed: changes while one runs."""
    return [(one.name, one.log.stat().st_size) for one in jobs(store)[:20]]


def _folder(store: Store) -> Path:
    return store.home.path / "console"
