"""Answers rated one by one, blind, by several criteria on one scale; and what the ratings say of the models.

    sheets = Sheets(answers_of(Path("report/answers.jsonl")), Path("ratings.jsonl"), ["fluent", "true"], scale=5)
    sheet = sheets.next("ann")                                # a question and an answer; whose it is, is not told
    sheets.rate("ann", sheet.number, {"fluent": 4, "true": 5})

Every rater rates every answer once, in an order of their own. A rating is on disk before it counts.
"""

from __future__ import annotations

import random
import re
import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from json import loads
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from catenary.errors import Damaged, InvalidInput
from catenary.evaluate.ballots import Answered
from catenary.evaluate.classification import Example
from catenary.evaluate.intervals import Statistic
from catenary.evaluate.kept_lines import append_line, drop_torn
from catenary.evaluate.scores import ScoreReport, Told, ratio, score_report

LEAST, MOST = 2, 10  # points of a scale
NAME = re.compile(r"[\w -]{1,40}")  # files are named by criteria


@dataclass(frozen=True, slots=True)
class Sheet:
    """An answer as a rater sees it: `number` says which."""

    number: int
    asked: str
    answer: str


@dataclass(frozen=True, slots=True)
class Rating:
    """What one rater says of one model's answer: points from 1 up by criterion."""

    question: str
    model: str
    rater: str
    points: Mapping[str, int]


class Sheets:
    """Answers and ratings; several raters may rate at once."""

    def __init__(
        self,
        answers: Sequence[Answered],
        file: Path,
        criteria: Sequence[str],
        *,
        scale: int = 5,
        seed: int = 17,
    ) -> None:
        named = bool(criteria) and len(set(criteria)) == len(criteria) and all(map(NAME.fullmatch, criteria))
        if not answers or not named or not LEAST <= scale <= MOST:
            raise InvalidInput(
                "There is nothing to rate, or no way to.",
                got=f"{len(answers)} answers, criteria {', '.join(criteria) or '-'}, scale {scale}",
                expected="answers, criteria of different names (letters, digits, spaces), and a scale of {least} to"
                " {most} points",
                least=LEAST,
                most=MOST,
            )
        self.criteria, self.scale, self.file, self.seed = list(criteria), scale, file, seed
        self.shown = [
            (one.question, model, one.asked, text) for one in answers for model, text in one.said.items()
        ]
        drop_torn(file)
        self.ratings = read_ratings(file)
        self._lock = threading.Lock()
        self._rated = {(one.rater, one.question, one.model) for one in self.ratings}

    def next(self, rater: str) -> Sheet | None:
        """The next answer that this rater has not rated; None when all are."""
        numbers = list(range(len(self.shown)))
        random.Random(f"{self.seed}:{rater}").shuffle(numbers)
        number = next((n for n in numbers if not self._has_rated(rater, n)), None)
        return None if number is None else Sheet(number, self.shown[number][2], self.shown[number][3])

    def done(self, rater: str) -> int:
        """How many answers this rater has rated."""
        return sum(self._has_rated(rater, number) for number in range(len(self.shown)))

    def rate(self, rater: str, number: int, points: Mapping[str, int]) -> bool:
        """Write a rating down; False where this rater has rated the answer before.

        Raises InvalidInput for an answer, a criterion or points that there are not.
        """
        right = points.keys() == set(self.criteria) and all(1 <= one <= self.scale for one in points.values())
        if not right or not 0 <= number < len(self.shown):
            raise InvalidInput(
                "This is no rating.",
                got=f"{number}: {dict(points)}",
                expected="1 to {scale} for each of {criteria}",
                scale=self.scale,
                criteria=", ".join(self.criteria),
            )
        question, model, _, _ = self.shown[number]
        rating = Rating(question, model, rater, {name: points[name] for name in self.criteria})
        with self._lock:
            if (rater, question, model) in self._rated:
                return False
            append_line(self.file, asdict(rating))
            self._rated.add((rater, question, model))
            self.ratings.append(rating)
        return True

    def _has_rated(self, rater: str, number: int) -> bool:
        question, model, _, _ = self.shown[number]
        return (rater, question, model) in self._rated


def read_ratings(path: Path) -> list[Rating]:
    """The ratings of a file, none where there is none. Raises Damaged, naming the line."""
    found = []
    for number, line in enumerate(path.read_text("utf-8").splitlines() if path.is_file() else (), 1):
        try:
            one = Rating(**loads(line))
            found.append(
                Rating(one.question, one.model, one.rater, {a: int(b) for a, b in one.points.items()})
            )
        except (ValueError, TypeError, AttributeError) as error:
            raise Damaged(
                "A rating cannot be read.",
                where=f"{path}:{number}",
                got=str(error),
                next="remove this line: it is the only one that is lost",
            ) from None
    return found


def ratings_report(
    ratings: Sequence[Rating],
    answers: Sequence[Answered] = (),
    *,
    control: str | None = None,
    seed: int = 17,
) -> ScoreReport:
    """Each model's mean points by criterion, over the questions on which all models were rated; several raters of an
    answer count as their mean. The least liked answers come first.

    Raises InvalidInput where no question has a rating of every model.
    """
    points: defaultdict[tuple[str, str], list[Mapping[str, int]]] = defaultdict(list)
    for one in ratings:
        points[one.question, one.model].append(one.points)
    models = list(dict.fromkeys(one.model for one in ratings))
    criteria = list(dict.fromkeys(chain.from_iterable(one.points for one in ratings)))
    questions = [
        question
        for question in dict.fromkeys(one.question for one in ratings)
        if all(points[question, model] for model in models)
    ]
    said = {(one.question, model): (one.asked, text) for one in answers for model, text in one.said.items()}
    told = {}
    for model in models:
        mean_QC = np.array(
            [
                [np.mean([one[name] for one in points[question, model] if name in one]) for name in criteria]
                for question in questions
            ]
        ).reshape(len(questions), len(criteria))
        order = np.argsort(mean_QC.mean(axis=1), kind="stable")
        worst = []
        for at in order.tolist():
            asked, text = said.get((questions[at], model), ("", ""))
            worst.append(Example(questions[at], f"{mean_QC[at].mean():.2f}", text, None, asked))
        told[model] = Told(np.concatenate([mean_QC, np.ones((len(questions), 1))], axis=1), worst)
    metrics = {name: _mean_of(column) for column, name in enumerate(criteria)}
    return score_report(told, metrics, task="ratings", control=control, seed=seed)


def _mean_of(column: int) -> Statistic:
    return lambda sums: ratio(sums[..., column], sums[..., -1])


def agreement(ratings: Sequence[Rating], criterion: str) -> float:
    """Krippendorff's alpha (interval) over the answers that two raters or more rated; nan where there are none.

    (Krippendorff 2011, Computing Krippendorff's alpha-reliability, with the squared difference as the metric.)
    """
    units: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for one in ratings:
        if criterion in one.points:
            units[one.question, one.model].append(one.points[criterion])
    return interval_alpha([of for of in units.values() if len(of) > 1])


def interval_alpha(units: Sequence[Sequence[float]]) -> float:
    """1 − observed / expected disagreement of values that stand in units of two or more; nan without a unit."""
    if not units:
        return float("nan")
    values = np.array([one for of in units for one in of], float)
    n = len(values)
    # Σ over ordered pairs of (a − b)² is 2 (n Σ a² − (Σ a)²)
    observed = sum(_squares(np.array(of, float)) / (len(of) - 1) for of in units) / n
    expected = _squares(values) / (n * (n - 1))
    return 1.0 if expected == 0 else float(1 - observed / expected)


def _squares(values: NDArray[np.float64]) -> float:
    return float(2 * (len(values) * (values**2).sum() - values.sum() ** 2))
