"""What a classifier does when its texts are written another way, and when the person in them is another.

    probes = probe({"linear": predict}, texts, gold, disturbances=["typos"], groups={"zh": ["gender"]})
    probes["linear"].robustness["typos"].difference        # accuracy lost, with its interval
    probes["linear"].fairness[0].gaps[0]                   # the term whose scores lie furthest from the others'

Figures for gates: `robustness_typos` is the accuracy on disturbed texts less that on the same as they are, and
`gap_zh_gender` the largest gap of a term of that group, without its sign.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from catenary.evaluate.counterfactual import Gap, counterfactuals, gaps
from catenary.evaluate.estimate import Estimate
from catenary.evaluate.paired import Comparison
from catenary.evaluate.predictions import Predictions
from catenary.evaluate.robustness import SUBSTITUTION, Predict, robustness, under_attack


@dataclass(frozen=True, slots=True)
class GroupGaps:
    """Of one group's terms, in one language: by how much the probability of `label` differs, the largest gap first."""

    language: str
    group: str
    label: str
    gaps: tuple[Gap, ...]

    @property
    def largest(self) -> Estimate:
        """The largest gap without its sign. Chosen as the largest of several, so it lies rather high."""
        found = self.gaps[0].difference
        if found.value >= 0:
            return found
        return replace(found, value=-found.value, low=-found.high, high=-found.low)


@dataclass(frozen=True, slots=True)
class Probed:
    """What one model showed: kind of disturbance → comparison, and one `GroupGaps` a group and label."""

    robustness: Mapping[str, Comparison]
    fairness: tuple[GroupGaps, ...]

    def figures(self) -> dict[str, Estimate]:
        """Figure → estimate; of several labels, the one with the largest gap counts."""
        told = {f"robustness_{kind}": one.difference for kind, one in self.robustness.items()}
        for one in self.fairness:
            name = gap_name(one.language, one.group)
            if name not in told or one.largest.value > told[name].value:
                told[name] = one.largest
        return told


def gap_name(language: str, group: str) -> str:
    """What a group's largest gap is called among the figures."""
    return f"gap_{language}_{group}"


def probe(
    models: Mapping[str, Predict],
    texts: Sequence[str],
    gold: Sequence[str],
    *,
    disturbances: Sequence[str] = (),
    groups: Mapping[str, Sequence[str]] | None = None,
    synonyms: Mapping[str, Sequence[str]] | None = None,
    seed: int = 17,
    done: Callable[[], None] = lambda: None,
) -> dict[str, Probed]:
    """Every model probed; `groups` are those of each language; with `synonyms`, an attacker chooses words by them.
    `done` is called after each model.

    Raises InvalidInput for a disturbance, a language or a group that there is none of.
    """
    told = {}
    for name, predict in models.items():
        found = tuple(
            one
            for language, several in (groups or {}).items()
            for group in several
            for one in _group_gaps(predict, language, group, seed)
        )
        lost = robustness(predict, texts, gold, kinds=disturbances, seed=seed)
        if synonyms:
            lost[SUBSTITUTION] = under_attack(predict, texts, gold, synonyms, seed=seed)
        told[name] = Probed(lost, found)
        done()
    return told


def _group_gaps(predict: Predict, language: str, group: str, seed: int) -> list[GroupGaps]:
    """For each label; of two labels the second alone, for the first's gaps are the same with another sign."""
    pairs = counterfactuals(language, group)
    said = predict([pair.text for pair in pairs])
    names = list(said.names) or sorted(set(said.labels))
    shown = names[1:] if len(names) == 2 else names
    return [
        GroupGaps(language, group, label, tuple(gaps(pairs, _scores(said, label, names), seed=seed)))
        for label in shown
    ]


def _scores(said: Predictions, label: str, names: Sequence[str]) -> list[float]:
    """The probability of `label` for each text; without probabilities, whether it was said."""
    if said.probabilities_NK is None:
        return [float(one == label) for one in said.labels]
    column: list[float] = np.asarray(said.probabilities_NK)[:, list(names).index(label)].tolist()
    return column
