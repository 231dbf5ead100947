"""Classifiers of several labels a text, and numbers for texts.

`f1_micro` is over all (text, label) pairs, `f1` the mean over labels, `accuracy` the share of texts of which every
label is right. `mae` and `rmse` are in the numbers' own unit; Pearson's correlation is of the numbers, Spearman's of
their ranks among all items (the bootstrap keeps those ranks).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catenary.evaluate.classification import Example
from catenary.evaluate.intervals import Floats
from catenary.evaluate.scores import ScoreReport, Told, ratio, score_report

Labels = Sequence[Sequence[str]]


def labels_report(
    gold: Labels,
    predictions: Mapping[str, Labels],
    *,
    texts: Sequence[str] | None = None,
    ids: Sequence[str] | None = None,
    control: str | None = None,
    **rest: Any,
) -> ScoreReport:
    """Figures over texts with several labels each, or none."""
    ids = [str(number) for number in range(1, len(gold) + 1)] if ids is None else ids
    names = sorted(
        {name for row in (*gold, *(r for rows in predictions.values() for r in rows)) for name in row}
    )

    def sums(true: Sequence[str], said: Sequence[str]) -> list[int]:
        """[all right, 1, and for each label: right, in the gold, told]."""
        told = [set(true) == set(said), 1]
        for name in names:
            told += [name in true and name in said, name in true, name in said]
        return [int(one) for one in told]

    told = {
        name: Told(
            np.array([sums(a, b) for a, b in zip(gold, rows, strict=True)], np.int64),
            [
                Example(
                    ids[row],
                    ", ".join(gold[row]) or "–",
                    ", ".join(rows[row]) or "–",
                    None,
                    texts[row] if texts else None,
                )
                for row in sorted(
                    range(len(gold)), key=lambda row: (-len(set(gold[row]) ^ set(rows[row])), ids[row])
                )
                if set(gold[row]) != set(rows[row])
            ],
        )
        for name, rows in predictions.items()
    }
    metrics = {
        "f1_micro": lambda sums: _f1(_counts(sums).sum(axis=-2)),
        "f1": _f1_macro,
        "accuracy": lambda sums: ratio(sums[..., 0], sums[..., 1]),
    }
    return score_report(told, metrics, task="labels", control=control, **rest)


def _counts(sums: Floats) -> Floats:
    return sums[..., 2:].reshape(*sums.shape[:-1], -1, 3)


def _f1(counts: Floats) -> Floats:
    return ratio(2 * counts[..., 0], counts[..., 1] + counts[..., 2])


def _f1_macro(sums: Floats) -> Floats:
    counts = _counts(sums)
    present = (counts[..., 1] + counts[..., 2]) > 0
    return ratio((_f1(counts) * present).sum(axis=-1), present.sum(axis=-1))


def numbers_report(
    gold: Sequence[float],
    predictions: Mapping[str, Sequence[float]],
    *,
    texts: Sequence[str] | None = None,
    ids: Sequence[str] | None = None,
    control: str | None = None,
    **rest: Any,
) -> ScoreReport:
    """Figures over texts with a number each; every text that is not hit exactly is a mistake, the furthest first."""
    ids = [str(number) for number in range(1, len(gold) + 1)] if ids is None else ids
    true = np.asarray(gold, np.float64)
    told = {}
    for name, values in predictions.items():
        said = np.asarray(values, np.float64)
        off = np.abs(said - true)
        columns = [
            np.ones_like(true),
            off,
            off**2,
            *_moments(true, said),
            *_moments(_ranks(true), _ranks(said)),
        ]
        missed = [
            Example(ids[row], f"{true[row]:.6g}", f"{said[row]:.6g}", None, texts[row] if texts else None)
            for row in sorted(range(len(true)), key=lambda row: (-off[row], ids[row]))
            if off[row] > 0
        ]
        told[name] = Told(np.stack(columns, axis=1), missed)
    metrics = {
        "mae": lambda sums: ratio(sums[..., 1], sums[..., 0]),
        "rmse": lambda sums: np.sqrt(ratio(sums[..., 2], sums[..., 0])),
        "pearson": lambda sums: _correlation(sums[..., 0], sums[..., 3:8]),
        "spearman": lambda sums: _correlation(sums[..., 0], sums[..., 8:13]),
    }
    return score_report(told, metrics, task="numbers", control=control, **rest)


def _moments(x: NDArray[np.float64], y: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """What an item adds to Σx, Σy, Σxy, Σx², Σy², counted from the means so that no digits are lost."""
    x, y = x - x.mean(), y - y.mean()
    return [x, y, x * y, x**2, y**2]


def _correlation(n: Floats, sums: Floats) -> Floats:
    x, y, xy, xx, yy = (sums[..., place] for place in range(5))
    spread = np.sqrt(np.maximum(n * xx - x**2, 0) * np.maximum(n * yy - y**2, 0))
    return ratio(n * xy - x * y, spread)


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks from 1; equal values share the mean of theirs."""
    from scipy.stats import rankdata

    return np.asarray(rankdata(values), np.float64)
