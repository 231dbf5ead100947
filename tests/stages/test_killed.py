"""A chain that was killed anywhere, any number of times, ends as one that was not: the same bytes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.stages.mail import environment, made_once

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The chain, made without an interruption."""
    base = tmp_path_factory.getbasetemp()
    return made_once(base if worker_id == "master" else base.parent)


def killed(made: Path, kills: int, seed: int) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "tests.stages.killing", str(made), str(kills), str(seed)],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_few_kills(made: Path) -> None:
    assert killed(made, 6, seed=1).startswith("6 kills")


@pytest.mark.slow
def test_many_kills(made: Path) -> None:
    told = killed(made, 60, seed=2)
    assert told.startswith("60 kills")
    for link in ("datasets.mail", "models.base", "models.kind", "releases.kind"):
        assert link in told, told
