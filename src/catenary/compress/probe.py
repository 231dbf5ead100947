"""One export, asked in a process of its own: its answers, how long they took, and the most memory it needed.

python -m catenary.compress.probe <folder> <runtime> < rows.json > answers.json
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from catenary.compress.runtimes import Rows, answer
from catenary.errors import CatenaryError, Damaged
from catenary.memory import peak_bytes

MARK = "catenary-probe:"  # runtimes print what they like before it


@dataclass(frozen=True, slots=True)
class Probed:
    """Answers in the order of the rows; seconds with loading; peak memory in bytes."""

    answers: tuple[int, ...]
    seconds: float
    peak_bytes: int


def probe(folder: Path, runtime: str, rows: Rows) -> Probed:
    """Ask the export in `folder` by `runtime`. Raises Damaged where it fails, with what it said."""
    done = subprocess.run(
        [sys.executable, "-m", "catenary.compress.probe", str(folder), runtime],
        input=json.dumps([list(row) for row in rows]),
        capture_output=True,
        text=True,
        errors="replace",  # llama.cpp tells of halves of characters
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
    )
    line = next((line for line in done.stdout.splitlines() if line.startswith(MARK)), None)
    if done.returncode or line is None:
        raise Damaged(
            "The export cannot be run by {runtime}.",
            where=str(folder),
            runtime=runtime,
            got=(done.stderr.strip().splitlines() or ["-"])[-1][:500],
        )
    raw = json.loads(line.removeprefix(MARK))
    return Probed(tuple(raw["answers"]), raw["seconds"], raw["peak_bytes"])


def main() -> int:
    """Read rows, answer them, print the answers behind MARK."""
    folder, runtime = Path(sys.argv[1]), sys.argv[2]
    rows = json.load(sys.stdin)
    try:
        started = time.perf_counter()
        answers = answer(folder, runtime, rows)
        seconds = time.perf_counter() - started
    except CatenaryError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    told = {"answers": answers, "seconds": seconds, "peak_bytes": peak_bytes()}
    sys.stdout.write(f"\n{MARK}{json.dumps(told)}\n")
    sys.stdout.flush()
    return 0


if __name__ == "__main__":
    code = main()
    os._exit(code)  # llama.cpp's threads are not waited for
