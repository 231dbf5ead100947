"""What a model wrote from passages: how much of it they support, and whether it answers; each with its interval.

    report = faithful_report([Written(sentences=2, supported=1, right=True, unsupported=("…",)), …], questions=[…])

Faithfulness is the share of the written sentences that a passage supports (Es et al. 2024, 2309.15217, there judged by
a model, here by words), before any is dropped; intervals are over questions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from catenary.evaluate.classification import Example
from catenary.evaluate.scores import ScoreReport, Told, ratio, score_report

METRICS = ("faithful", "answered", "right")


@dataclass(frozen=True, slots=True)
class Written:
    """An answer: its sentences, how many are supported, whether one of those stands on a passage that answers."""

    sentences: int
    supported: int
    right: bool = False
    unsupported: tuple[str, ...] = ()


def faithful_report(written: Sequence[Written], *, questions: Sequence[str], seed: int = 0) -> ScoreReport:
    """Raises InvalidInput for no question."""
    rows = [(one.supported, one.sentences, one.supported > 0, one.right, 1) for one in written]
    missed = [
        Example(str(at), "supported", " ".join(one.unsupported), None, question)
        for at, (one, question) in enumerate(zip(written, questions, strict=True), 1)
        if one.unsupported
    ]
    metrics = {
        name: (lambda sums, at=at, of=of: ratio(sums[..., at], sums[..., of]))
        for name, at, of in (("faithful", 0, 1), ("answered", 2, 4), ("right", 3, 4))
    }
    told = Told(np.array(rows, np.float64).reshape(-1, 5), missed)
    return score_report({"writer": told}, metrics, task="write", seed=seed)
