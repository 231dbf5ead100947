"""How much of what was written its passages support."""

from __future__ import annotations

import pytest

from catenary.errors import InvalidInput
from catenary.evaluate.faithful import METRICS, Written, faithful_report


def test_sentences_and_answers_are_counted_and_what_has_no_support_is_shown() -> None:
    written = [
        Written(sentences=2, supported=1, right=True, unsupported=("Tea is blue.",)),
        Written(sentences=1, supported=1),
        Written(sentences=1, supported=0, unsupported=("No.",)),
        Written(sentences=0, supported=0),
    ]
    report = faithful_report(written, questions=["a?", "b?", "c?", "d?"])
    [told] = report.models
    assert tuple(told.metrics) == METRICS
    assert {name: one.value for name, one in told.metrics.items()} == {
        "faithful": 0.5,  # two of four sentences
        "answered": 0.5,
        "right": 0.25,
    }
    assert told.metrics["faithful"].low < 0.5 < told.metrics["faithful"].high
    assert [(one.text, one.predicted) for one in told.worst] == [("a?", "Tea is blue."), ("c?", "No.")]


def test_no_question_is_refused() -> None:
    with pytest.raises(InvalidInput):
        faithful_report([], questions=[])
