"""Kills at random points of collecting and curating, by `killing.py`, which takes any number of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_whatever_is_killed_ends_with_the_same_bytes() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "tests.data.killing", "60", "1"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("60 kills")
