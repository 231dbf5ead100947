"""How well questions find what answers them: recall, reciprocal rank, nDCG, refusals; each with its interval.

    told = {"index": [Looked((1,), refused=False, quoted=True), …], "overlap": […]}     # in the order of the questions
    report = retrieval_report([True, True, False], told, control="overlap")

A question that has an answer is found at the ranks of the passages that hold it. Where several do, one is enough:
recall at k is the share of questions with such a passage among the first k (success at k), and nDCG has gains of 0 or 1
for the first of them (Järvelin & Kekäläinen 2002). A question without an answer should be refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log2

import numpy as np

from catenary.errors import InvalidInput
from catenary.evaluate.classification import Example
from catenary.evaluate.scores import ScoreReport, Told, ratio, score_report

DEPTH = 10  # ranks that count


@dataclass(frozen=True, slots=True)
class Looked:
    """What became of one question: the ranks (from 1) of passages that hold the answer; whether it was refused; whether
    a passage that was cited holds the answer; what came first, for the list of mistakes."""

    ranks: tuple[int, ...]
    refused: bool = False
    cited: bool = False
    first: str = ""


def retrieval_report(
    answerable: Sequence[bool],
    told: Mapping[str, Sequence[Looked]],
    *,
    questions: Sequence[str] = (),
    control: str | None = None,
    seed: int = 0,
) -> ScoreReport:
    """Figures of each way of looking up, compared with the control in the first two. Raises InvalidInput for none."""
    if not answerable:
        raise InvalidInput("There is nothing to evaluate.", expected="at least one question")
    scored = {name: _told(answerable, looked, questions) for name, looked in told.items()}
    metrics = {
        name: (lambda sums, at=at, of=of: ratio(sums[..., at], sums[..., of]))
        for name, (at, of) in COLUMNS.items()
        if any(answerable if of == ANSWERABLE else [not one for one in answerable])
    }
    return score_report(scored, metrics, task="retrieve", control=control, seed=seed)


ANSWERABLE, UNANSWERABLE = 6, 8
# metric → (the column of its sum, the column that counts)
COLUMNS = {
    "recall_at_5": (1, ANSWERABLE),
    "mrr": (2, ANSWERABLE),
    "recall_at_1": (0, ANSWERABLE),
    "ndcg_at_10": (3, ANSWERABLE),
    "cited": (4, ANSWERABLE),
    "over_refused": (5, ANSWERABLE),
    "refused": (7, UNANSWERABLE),
}


def _told(answerable: Sequence[bool], looked: Sequence[Looked], questions: Sequence[str]) -> Told:
    rows: list[tuple[float, ...]] = []
    missed = []
    for at, (has_answer, one) in enumerate(zip(answerable, looked, strict=True)):
        rank = min(one.ranks, default=0)
        if has_answer:
            found = 0 < rank <= DEPTH
            gain = 1 / log2(rank + 1) if found else 0.0
            rows.append(
                (rank == 1, 0 < rank <= 5, 1 / rank if found else 0, gain, one.cited, one.refused, 1, 0, 0)
            )
        else:
            rows.append((0, 0, 0, 0, 0, 0, 0, one.refused, 1))
        wrong = (one.refused or not one.cited) if has_answer else not one.refused
        if wrong:
            gold = "answered" if has_answer else "refused"
            said = "refused" if one.refused else one.first
            question = questions[at] if questions else ""
            missed.append(Example(str(at + 1), gold, said, None, question))
    return Told(np.array(rows, np.float64), missed)
