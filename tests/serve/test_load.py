"""Many clients and too many requests, a little of it; `python -m tests.serve.load 1000` does much."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.serve.load import load


@pytest.mark.slow
def test_a_crowd_gets_answers_or_declared_refusals_and_no_receipt_is_lost(tmp_path: Path) -> None:
    outcome = load(100, 4, tmp_path, seconds=3)
    assert outcome.seen.told
    assert set(outcome.seen.statuses) == {200, 503}
    assert outcome.overload.statuses
