"""What the runs that make an artifact say meanwhile: `logs/<artifact id>.log` in the home, bounded, gone with it.

It lies beside the objects and not in them: the same work must give the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from catenary.files import make_folder, write_whole

LOGS, JOBS = "logs", "console"
MOST_BYTES = 256 << 10  # of one artifact's; the older half goes
SHOWN_BYTES = 32 << 10


def log_path(home: Path, artifact_id: str) -> Path:
    """Where the log of an artifact's runs is."""
    return home / LOGS / f"{artifact_id}.log"


def add_line(home: Path, artifact_id: str, line: str) -> None:
    """Append a line."""
    path = log_path(home, artifact_id)
    make_folder(path.parent)
    with path.open("ab") as file:
        file.write(line.encode("utf-8", "replace") + b"\n")
        size = file.tell()
    if size > MOST_BYTES:
        newer = path.read_bytes()[-MOST_BYTES // 2 :]
        write_whole(path, newer[newer.find(b"\n") + 1 :])


def read_log(home: Path, artifact_id: str) -> str:
    """The end of it; empty where there is none."""
    try:
        data = log_path(home, artifact_id).read_bytes()
    except FileNotFoundError:
        return ""
    if len(data) > SHOWN_BYTES:
        data = data[-SHOWN_BYTES:]
        data = data[data.find(b"\n") + 1 :]
    return data.decode("utf-8", "replace")


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
