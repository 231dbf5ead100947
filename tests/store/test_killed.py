"""kill -9 at any point: nothing committed is lost, nothing half made is seen, the next try goes on."""

from __future__ import annotations

import subprocess
import sys

import pytest

from catenary.config import Home


def run(home: Home, kills: int, seed: int) -> str:
    command = [
        sys.executable,
        "-m",
        "tests.store.killing",
        str(home.path),
        home.catalog_url,
        str(kills),
        str(seed),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_few_dozen_kills(home: Home) -> None:
    assert " kills among " in run(home, 25, seed=1)


@pytest.mark.slow
def test_hundreds_of_kills(home: Home) -> None:
    told = run(home, 200, seed=2)
    for outcome in ("catalog missed it", "checkpoint", "committed", "nothing"):
        assert outcome in told, told
