"""A hostile source from files to a dataset, by `hostile.py`: everything has a reason, memory stays under the cap."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CAP_BYTES = 600 << 20
HOSTILE = {
    "42.zip": "read:bomb",
    "42.zip!/0.zip!/0.zip!/0.zip!/0.txt": "read:too_large",
    "deep.zip!/0.zip!/0.zip!/0.zip!/0.zip!/0.zip": "read:too_deep",
    "line.txt": "read:too_large",
    "line.lines": "read:too_large",
    "line.jsonl": "read:too_large",
    "page.zip": "read:wrong_format",
    "text.txt": "read:wrong_format",
    "table.parquet": "read:wrong_format",
    "program": "read:unknown_format",
    "cut.pdf": "read:damaged",
}


@pytest.mark.parametrize(
    ("tiny_files", "line_bytes"),
    [(200, 20_000_000), pytest.param(30_000, 2_000_000_000, marks=pytest.mark.slow)],
    ids=["quick", "large"],
)
def test_what_must_not_harm_has_a_reason_and_stays_within_memory(
    tmp_path: Path, tiny_files: int, line_bytes: int
) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "tests.data.hostile", str(tmp_path), str(tiny_files), str(line_bytes)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout)
    assert told["hostile"] == HOSTILE
    assert told["became"]["kept"] == tiny_files
    assert told["documents"] == tiny_files + len(HOSTILE)
    assert told["peak_bytes"] < CAP_BYTES
    assert told["peak_bytes_of_readers"] < CAP_BYTES
