"""What the room says of itself runs."""

from __future__ import annotations

from pathlib import Path

import pytest

import catenary.access
from tests.store.examples import run_example


def test_the_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CATENARY_HOME", raising=False)
    monkeypatch.delenv("CATENARY_CATALOG", raising=False)
    run_example(catenary.access)
