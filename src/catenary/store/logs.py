"""What the runs that make an artifact say meanwhile: `logs/<artifact id>.log` in the home, bounded, gone with it.

It lies beside the objects and not in them: the same work must give the same bytes. Where the home encrypts, each line
is sealed, for an error may quote what it stumbled over.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from catenary.errors import Damaged
from catenary.files import make_folder, write_whole
from catenary.store.sealed_text import SEALED, opened_in, sealed_in

LOGS, JOBS = "logs", "console"
MOST_BYTES = 256 << 10  # of one artifact's; the older half goes
SHOWN_BYTES = 32 << 10
_SEALED_LINE = json.dumps({SEALED: ""})[:-2].encode()


def log_path(home: Path, artifact_id: str) -> Path:
    """Where the log of an artifact's runs is."""
    return home / LOGS / f"{artifact_id}.log"


def add_line(home: Path, artifact_id: str, line: str) -> None:
    """Append a line. Raises Refused where it is to be sealed and the key is missing."""
    path = log_path(home, artifact_id)
    make_folder(path.parent)
    with path.open("ab") as file:
        file.write(_kept(home, artifact_id, line.encode("utf-8", "replace")) + b"\n")
        size = file.tell()
    if size > MOST_BYTES:
        newer = path.read_bytes()[-MOST_BYTES // 2 :]
        write_whole(path, newer[newer.find(b"\n") + 1 :])


def read_log(home: Path, artifact_id: str) -> str:
    """The end of it; empty where there is none. Raises Refused where it is sealed and the key is missing."""
    try:
        data = log_path(home, artifact_id).read_bytes()
    except FileNotFoundError:
        return ""
    if len(data) > SHOWN_BYTES:
        data = data[-SHOWN_BYTES:]
        data = data[data.find(b"\n") + 1 :]
    return b"\n".join(_told(home, artifact_id, line) for line in data.split(b"\n")).decode("utf-8", "replace")


def reseal_logs(home: Path) -> None:
    """After the encryption of a home was changed: every line as it is kept now. Killed on the way, do it again."""
    for path in logs(home):
        lines = [_told(home, path.stem, line) for line in path.read_bytes().split(b"\n")[:-1]]
        write_whole(path, b"".join(_kept(home, path.stem, line) + b"\n" for line in lines))


def _kept(home: Path, artifact_id: str, line: bytes) -> bytes:
    text = line.decode("utf-8", "replace")
    kept = sealed_in(home, artifact_id, text)
    return line if kept is text else json.dumps(kept).encode()


def _told(home: Path, artifact_id: str, line: bytes) -> bytes:
    """A line of the file as it was said; one that is not what was written is left as it lies."""
    if not line.startswith(_SEALED_LINE):
        return line
    try:
        return str(opened_in(home, artifact_id, json.loads(line))).encode()
    except (ValueError, Damaged):
        return line


def forget_log(home: Path, artifact_id: str) -> None:
    """Remove it, where there is one."""
    log_path(home, artifact_id).unlink(missing_ok=True)


def forget_jobs(home: Path) -> None:
    """Remove what the runs that the console started have printed; none of them may live."""
    for path in job_logs(home):
        path.unlink(missing_ok=True)


def logs(home: Path) -> Iterator[Path]:
    """All artifacts' logs; a file's stem is the artifact's id."""
    yield from sorted((home / LOGS).glob("*.log"))


def job_logs(home: Path) -> list[Path]:
    """What runs that the console started have printed, oldest first."""
    return sorted((home / JOBS).glob("*.log"))
