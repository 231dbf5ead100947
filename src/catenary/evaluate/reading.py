"""Readers: whether the answer found is the one asked for, to the letter and in part.

`exact` and `answer_f1` after normalisation. English as in SQuAD (Rajpurkar et al. 2016, §6.1, and its script): case,
marks and articles do not count, and F1 is over the words in common. Chinese as in CMRC 2018 (Cui et al. 2019, and its
script): marks do not count, each character is a word, and F1 is over the longest run in common. A question without an
answer is right when none is given. Of several right answers the nearest counts.

    >>> exact("The 1,200 m.", ["1200 m"]), exact("《红楼梦》", ["红楼梦"])
    (1.0, 1.0)
    >>> round(overlap("曹雪芹高鹗", ["曹雪芹"]), 3), round(overlap("the red house", ["red houses", "red"]), 3)
    (0.75, 0.667)
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from catenary.evaluate.classification import Example
from catenary.evaluate.scores import ScoreReport, Told, ratio, score_report

HAN = re.compile(r"[぀-ヿ㐀-鿿豈-﫿]")
ARTICLES = re.compile(r"\b(a|an|the)\b")
PIECES = re.compile(r"[぀-ヿ㐀-鿿豈-﫿]|[^\s぀-ヿ㐀-鿿豈-﫿]+")

METRICS = {
    "answer_f1": lambda sums: ratio(sums[..., 1], sums[..., 2]),
    "exact": lambda sums: ratio(sums[..., 0], sums[..., 2]),
}


def exact(told: str | None, gold: Sequence[str]) -> float:
    """1 if the answer is one of the right ones after normalisation, else 0. No right answer: None is right."""
    if not gold or told is None:
        return float(not gold and told is None)
    return float(any(normalised(told) == normalised(one) for one in gold))


def overlap(told: str | None, gold: Sequence[str]) -> float:
    """F1 of the answer with the nearest of the right ones."""
    if not gold or told is None:
        return float(not gold and told is None)
    return max(_chinese_f1(told, one) if HAN.search(one) else _word_f1(told, one) for one in gold)


def normalised(text: str) -> str:
    """What of an answer counts."""
    plain = "".join(c for c in text.lower() if not unicodedata.category(c).startswith(("P", "S")))
    if HAN.search(text):
        return "".join(plain.split())
    return " ".join(ARTICLES.sub(" ", plain).split())


def _word_f1(told: str, gold: str) -> float:
    a, b = Counter(normalised(told).split()), Counter(normalised(gold).split())
    if not a or not b:
        return float(a == b)
    both = sum((a & b).values())
    return 2 * both / (sum(a.values()) + sum(b.values()))


def _chinese_f1(told: str, gold: str) -> float:
    a, b = (list(PIECES.findall(_plain(text))) for text in (told, gold))
    if not a or not b:
        return float(a == b)
    return 2 * _longest_run(a, b) / (len(a) + len(b))


def _plain(text: str) -> str:
    return "".join(c for c in text.lower() if not unicodedata.category(c).startswith(("P", "S")))


def _longest_run(a: Sequence[str], b: Sequence[str]) -> int:
    """The longest run of pieces that stands in both."""
    best, before = 0, [0] * (len(b) + 1)
    for one in a:
        now = [0] * (len(b) + 1)
        for place, other in enumerate(b, 1):
            if one == other:
                now[place] = before[place - 1] + 1
                best = max(best, now[place])
        before = now
    return best


def reading_report(
    gold: Sequence[Sequence[str]],
    predictions: Mapping[str, Sequence[str | None]],
    *,
    questions: Sequence[str] | None = None,
    ids: Sequence[str] | None = None,
    control: str | None = None,
    **rest: Any,
) -> ScoreReport:
    """Figures over questions; `gold` has the right answers of each, none where the passage has none."""
    ids = [str(number) for number in range(1, len(gold) + 1)] if ids is None else ids
    told = {}
    for name, answers in predictions.items():
        scores = [(exact(a, g), overlap(a, g), 1.0) for a, g in zip(answers, gold, strict=True)]
        missed = [
            Example(
                ids[row],
                gold[row][0] if gold[row] else "–",
                answers[row] or "–",
                None,
                questions[row] if questions else None,
            )
            for row in sorted(range(len(scores)), key=lambda row: (scores[row][1], ids[row]))
            if not scores[row][0]
        ]
        told[name] = Told(np.array(scores), missed)
    return score_report(told, METRICS, task="read", control=control, **rest)
