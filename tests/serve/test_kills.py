"""A few kills under load; `python -m tests.serve.kills 300` does many."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.serve.kills import kills


@pytest.mark.slow
def test_kills_lose_no_receipt_and_cut_no_stream_unseen(tmp_path: Path) -> None:
    outcome = kills(4, tmp_path)
    assert outcome.told
    assert [len(seconds) for seconds in outcome.ready.values()] == [2, 2]
