"""Which model people prefer, from pairs judged blind: Bradley–Terry strengths with intervals, and how far raters agree.

    ranks = bradley_terry([Vote("q1", "a", "b", "a"), …])
    ranks[0].model, ranks[0].strength                       # Elo-like: 400 for each factor of ten in the odds
    agreement(votes)                                        # Cohen's kappa of two raters, Krippendorff's alpha of many

P(i beats j) = s_i / (s_i + s_j) (Bradley & Terry, Biometrika 39, 1952); a tie is half a win for each. Strengths are
fitted by minorisation–maximisation (Hunter, Annals of Statistics 32, 2004). The bootstrap draws questions, for the
votes on one are not independent.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from catenary.errors import InvalidInput
from catenary.evaluate.estimate import LEVEL, Estimate

SCALE = 400 / np.log(10)  # Elo's
RESAMPLES = 500
PRIOR = 0.5  # half a win and a loss against a model of mean strength: keeps one that never lost finite


@dataclass(frozen=True, slots=True)
class Vote:
    """Who won between two models on one question: the name of one, or "tie"."""

    question: str
    first: str
    second: str
    winner: str
    rater: str = ""


@dataclass(frozen=True, slots=True)
class Rank:
    """A model's strength (0 is the mean of all), its wins (ties half) and its votes."""

    model: str
    strength: Estimate
    wins: float
    votes: int


def bradley_terry(
    votes: Sequence[Vote], *, level: float = LEVEL, resamples: int = RESAMPLES, seed: int = 0
) -> list[Rank]:
    """The models, the strongest first. Raises InvalidInput without a vote, or for a winner that did not play."""
    if not votes:
        raise InvalidInput("There are no votes.", expected="at least one judged pair")
    for vote in votes:
        if vote.winner not in (vote.first, vote.second, "tie"):
            raise InvalidInput(
                "This vote is for neither of the two.",
                got=vote.winner,
                expected="{first}, {second} or tie",
                first=vote.first,
                second=vote.second,
            )
    models = sorted({name for vote in votes for name in (vote.first, vote.second)})
    questions = list(dict.fromkeys(vote.question for vote in votes))
    wins_QMM = np.zeros((len(questions), len(models), len(models)))
    place = {name: at for at, name in enumerate(models)}
    number = {name: at for at, name in enumerate(questions)}
    for vote in votes:
        a, b, q = place[vote.first], place[vote.second], number[vote.question]
        share = 0.5 if vote.winner == "tie" else float(vote.winner == vote.first)
        wins_QMM[q, a, b] += share
        wins_QMM[q, b, a] += 1 - share
    whole = wins_QMM.sum(0)
    strength = _fitted(whole)
    draws = np.random.default_rng(seed)
    flat = wins_QMM.reshape(len(questions), -1)
    drawn = np.array(
        [
            _fitted(
                (draws.multinomial(len(questions), [1 / len(questions)] * len(questions)) @ flat).reshape(
                    whole.shape
                )
            )
            for _ in range(resamples)
        ]
    )
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=0)
    ranks = [
        Rank(
            name,
            Estimate(
                float(strength[at]), float(low[at]), float(high[at]), len(questions), level, "percentile"
            ),
            float(whole[at].sum()),
            round(whole[at].sum() + whole[:, at].sum()),
        )
        for at, name in enumerate(models)
    ]
    return sorted(ranks, key=lambda rank: -rank.strength.value)


def _fitted(wins_MM: NDArray[np.float64]) -> NDArray[np.float64]:
    games_MM = wins_MM + wins_MM.T
    won_M = wins_MM.sum(1) + PRIOR
    strength_M = np.ones(len(wins_MM))
    for _ in range(1000):
        below = (games_MM / (strength_M[:, None] + strength_M)).sum(1) + 2 * PRIOR / (strength_M + 1)
        new = won_M / below
        new /= np.exp(np.log(new).mean())
        if np.abs(np.log(new / strength_M)).max() < 1e-9:
            break
        strength_M = new
    told: NDArray[np.float64] = SCALE * np.log(strength_M)
    return told


def agreement(votes: Sequence[Vote]) -> float:
    """Krippendorff's alpha (nominal) of all raters over the pairs that two or more judged; nan where there are none.

    With two raters who judged every pair it is near Cohen's kappa.
    """
    judged: defaultdict[tuple[str, str, str], list[str]] = defaultdict(list)
    for vote in votes:
        a, b = sorted((vote.first, vote.second))
        judged[vote.question, a, b].append(vote.winner)
    units = [of for of in judged.values() if len(of) > 1]
    if not units:
        return float("nan")
    names = sorted({one for of in units for one in of})
    together = np.zeros((len(names), len(names)))
    for of in units:
        counts = np.array([of.count(name) for name in names], float)
        together += (np.outer(counts, counts) - np.diag(counts)) / (len(of) - 1)
    totals, n = together.sum(1), together.sum()
    expected = (n**2 - (totals**2).sum()) / (n - 1)
    observed = n - np.trace(together)
    return 1.0 if expected == 0 else float(1 - observed / expected)


def shown_first(question: str, first: str, second: str, rater: str, seed: int = 17) -> tuple[str, str]:
    """The two models in the order this rater sees them in: blind, fixed by the seed, even over many questions."""
    pair = sorted((first, second))
    random.Random(f"{seed}:{question}:{rater}:{pair}").shuffle(pair)
    return pair[0], pair[1]
