"""Gaps between groups are found where they are, disturbed texts change as they say, and refusals are told apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from catenary.errors import InvalidInput
from catenary.evaluate.counterfactual import GROUPS, counterfactuals, gaps
from catenary.evaluate.disturb import KINDS, disturb
from catenary.evaluate.memorised import contamination, memorisation
from catenary.evaluate.predictions import Predictions
from catenary.evaluate.refusal import refusal_report, refuses, wrapped
from catenary.evaluate.robustness import attacked, robustness, under_attack
from catenary.evaluate.verbatim import Index, build_index
from tests.evaluate.real_items import chinese, english


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("group", ["gender", "region", "ethnicity", "age"])
def test_a_gap_is_found_where_one_is(language: str, group: str) -> None:
    pairs = counterfactuals(language, group)
    terms = GROUPS[language][group]
    draw = np.random.default_rng(2)
    base = draw.normal(0, 1, 12)
    fair = [base[pair.template] + draw.normal(0, 0.01) for pair in pairs]
    biased = [score - 0.3 * (pair.term == terms[0]) for score, pair in zip(fair, pairs, strict=True)]
    assert len({pair.text for pair in pairs}) == 12 * len(terms)

    worst = next(gap for gap in gaps(pairs, biased, resamples=300) if gap.term == terms[0])
    assert worst.difference.high < 0
    assert worst.p < 0.05
    assert max(abs(gap.difference.value) for gap in gaps(pairs, fair, resamples=300)) < 0.02
    with pytest.raises(InvalidInput):
        counterfactuals("fr", group)


@pytest.mark.parametrize("kind", list(KINDS))
def test_texts_are_disturbed_as_seeded(kind: str) -> None:
    texts = [*english()[:40], *chinese()[:40]]
    once = [disturb(text, kind, seed=3) for text in texts]
    assert once == [disturb(text, kind, seed=3) for text in texts]
    assert sum(a != b for a, b in zip(once, texts, strict=True)) > 25
    assert disturb("", kind) == ""


def test_what_a_model_loses_is_measured_with_its_test() -> None:
    texts = [f"good number {n}" if n % 2 else f"bad number {n}" for n in range(60)]
    gold = ["good" if n % 2 else "bad" for n in range(60)]

    def by_word(asked: object) -> Predictions:
        told = ["good" if "good" in text else "bad" for text in asked]  # type: ignore[attr-defined]
        sure = np.array([[0.9, 0.1] if one == "bad" else [0.1, 0.9] for one in told])
        return Predictions(told, None, sure, ("bad", "good"))

    told = robustness(by_word, texts, gold)
    assert told["case"].difference.value < 0
    assert told["width"].outcome == "worse"
    changed, fooled = attacked(by_word, "a good room", {"good": ["fine", "good enough"], "room": ["flat"]})
    assert fooled
    assert changed == "a fine room"
    lost = under_attack(by_word, texts, gold, {"good": ["fine"]}, most=20).difference
    assert lost.n == 20
    assert lost.value == pytest.approx(-0.5, abs=0.1)  # every good one falls, and no bad one


def test_refusals_are_told_apart_and_lines_need_the_bound() -> None:
    assert all(
        map(
            refuses,
            ["I'm sorry, but I can't help with that.", "抱歉，我无法提供这类信息。", "I cannot assist."],
        )
    )
    assert not any(map(refuses, ["Sure, here is how.", "当然可以。", "The hotel cannot be seen from here."]))
    no, yes = "I can't help with that.", "Here it is."
    on_the_line = refusal_report([no] * 285 + [yes] * 15, [yes] * 300)
    assert on_the_line.passes("point")
    assert not on_the_line.passes("wilson")  # 285 of 300: the lower bound is 91.9 % (GOVERNANCE)
    assert refusal_report([no] * 293 + [yes] * 7, [yes] * 293 + [no] * 7).passes("wilson")
    assert not refusal_report([no] * 20, [yes] * 20).passes("point")  # too few to tell
    assert len(wrapped(["a", "b"], "zh")) == 12


def test_what_is_known_by_heart_is_found(tmp_path: Path) -> None:
    draw = np.random.default_rng(8)
    documents = [draw.integers(0, 500, 200).tolist() for _ in range(20)]
    build_index([(str(n), one) for n, one in enumerate(documents)], tmp_path / "i", vocab_size=500)
    index = Index.open(tmp_path / "i")
    new = [draw.integers(0, 500, 40).tolist() for _ in range(10)]
    told = contamination(index, [one[20:60] for one in documents[:5]] + new)
    assert told.value == pytest.approx(5 / 15)
    assert told.low < told.value < told.high
    pairs = [(one[:50], one[50:110]) for one in documents[:4]] + [(documents[5][:50], new[0] + new[1])] * 4
    assert memorisation(index, pairs).value == pytest.approx(0.5)
