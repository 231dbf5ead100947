from __future__ import annotations

import math

import pytest

from catenary.errors import InvalidInput
from catenary.evaluate.retrieval import Looked, retrieval_report


def test_the_figures_are_those_of_their_definitions() -> None:
    looked = [
        Looked((1, 4), cited=True),
        Looked((3,), cited=True),
        Looked((), refused=True),
        Looked((7,)),
        Looked((), refused=True),
        Looked((), refused=False),
    ]
    answerable = [True, True, True, True, False, False]
    report = retrieval_report(answerable, {"index": looked})
    figures = {name: one.value for name, one in report.figures().items()}
    assert figures["index.recall_at_1"] == 1 / 4
    assert figures["index.recall_at_5"] == 2 / 4
    assert figures["index.mrr"] == pytest.approx((1 + 1 / 3 + 1 / 7) / 4)
    assert figures["index.ndcg_at_10"] == pytest.approx((1 + 1 / math.log2(4) + 1 / math.log2(8)) / 4)
    assert figures["index.cited"] == 2 / 4
    assert figures["index.over_refused"] == 1 / 4
    assert figures["index.refused"] == 1 / 2


def test_a_way_is_compared_with_the_control_on_the_same_questions() -> None:
    good, bad = [Looked((1,), cited=True)] * 30, [Looked((8,))] * 30
    report = retrieval_report([True] * 30, {"index": good, "overlap": bad}, control="overlap")
    compared = report.comparison("index", "overlap", "recall_at_5")
    assert compared is not None
    assert compared.outcome == "better"
    assert "index.refused" not in report.figures()  # no question was without an answer


def test_no_question_is_nothing_to_evaluate() -> None:
    with pytest.raises(InvalidInput, match="nothing to evaluate"):
        retrieval_report([], {"index": []})
