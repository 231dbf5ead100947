"""A language model's figures: perplexity and bits per byte with intervals, and paired comparisons on the same text.

Any object whose `log_probs(sequence)` gives the natural log probability of each predicted token will do. What is drawn
anew for an interval is whole sequences, for the tokens of one text are not independent.

    likelihoods = {"trigram": score(trigram, held_out, text_bytes=sizes), "gru": score(gru, held_out, text_bytes=sizes)}
    report = language_model_report(likelihoods, control="trigram")
    report.figures()["gru.bits_per_byte"]
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from catenary.errors import InvalidInput
from catenary.evaluate.estimate import LEVEL, RESAMPLES, Estimate
from catenary.evaluate.intervals import Floats, Statistic, bca, bootstrap, resample
from catenary.evaluate.paired import Comparison, shifted_p
from catenary.progress import SILENT, Progress

BLOCKS = 5000  # more sequences than this are drawn in blocks of neighbours: quicker, and no narrower


class LanguageModel(Protocol):
    """What scoring needs of a model."""

    def log_probs(self, sequence: Sequence[int], /) -> ArrayLike:
        """The natural log probability of each predicted token of `sequence`, its end included if the model has one."""


@dataclass(frozen=True, slots=True)
class Likelihoods:
    """What each of S sequences cost a model: log_prob (natural), predicted tokens, bytes of UTF-8 where known."""

    log_prob: NDArray[np.float64]
    tokens: NDArray[np.int64]
    text_bytes: NDArray[np.int64] | None = None


@dataclass(frozen=True, slots=True)
class LanguageModelFigures:
    """One model's figures and totals."""

    name: str
    metrics: Mapping[str, Estimate]
    log_prob: float
    tokens: int
    text_bytes: int | None


@dataclass(frozen=True, slots=True)
class LanguageModelReport:
    """All models on the same sequences. Less is better: a model that beats another differs by a negative figure."""

    sequences: int
    models: tuple[LanguageModelFigures, ...]
    control: str | None
    comparisons: tuple[Comparison, ...]
    level: float
    resamples: int
    seed: int

    def figures(self) -> dict[str, Estimate]:
        """`model.metric` → estimate, for gates and tables."""
        return {
            f"{model.name}.{name}": figure for model in self.models for name, figure in model.metrics.items()
        }


def score(
    model: LanguageModel,
    sequences: Sequence[Sequence[int]],
    *,
    text_bytes: Sequence[int] | None = None,
    progress: Progress = SILENT,
) -> Likelihoods:
    """The likelihood of each sequence; `text_bytes` are the lengths of their texts in UTF-8.

    Raises InvalidInput when there is nothing to score, sizes do not pair, or a log probability is NaN or above 0.
    """
    if not sequences:
        raise InvalidInput("There is nothing to evaluate.", got=0, expected="at least one sequence")
    if text_bytes is not None and len(text_bytes) != len(sequences):
        raise InvalidInput(
            "Each text needs one size.", got=len(text_bytes), expected="{n} sizes", n=len(sequences)
        )
    log_prob, tokens = np.zeros(len(sequences)), np.zeros(len(sequences), np.int64)
    progress.begin("scoring text", len(sequences), "sequences")
    for item, sequence in enumerate(sequences):
        scored = np.asarray(model.log_probs(sequence), np.float64)
        if not (scored <= 1e-6).all():  # rounding may leave a certain token a little above 0
            raise InvalidInput("This is no log probability.", got=float(scored.max()), expected="0 or less")
        log_prob[item], tokens[item] = scored.sum(), len(scored)
        progress.advance(1)
    return Likelihoods(log_prob, tokens, None if text_bytes is None else np.asarray(text_bytes, np.int64))


def perplexity_estimate(
    likelihoods: Likelihoods, *, level: float = LEVEL, resamples: int = RESAMPLES, seed: int = 0
) -> Estimate:
    """exp of the mean negative log probability of a token; `n` counts sequences."""
    return _ratio_estimate(likelihoods.log_prob, likelihoods.tokens, _perplexity, level, resamples, seed)


def bits_per_byte_estimate(
    likelihoods: Likelihoods, *, level: float = LEVEL, resamples: int = RESAMPLES, seed: int = 0
) -> Estimate | None:
    """The mean negative log₂ probability for each byte of text, comparable between tokenizers; None without sizes."""
    if likelihoods.text_bytes is None:
        return None
    return _ratio_estimate(likelihoods.log_prob, likelihoods.text_bytes, _bits, level, resamples, seed)


def compare_likelihoods(
    likelihoods: Mapping[str, Likelihoods], *, level: float = LEVEL, resamples: int = RESAMPLES, seed: int = 0
) -> Comparison:
    """The first of two models less the second, in bits per byte (perplexity when sizes are unknown); less is better.

    Raises InvalidInput when they were not scored on the same sequences, or, without sizes, not on the same tokens.
    """
    (first, a), (second, b) = likelihoods.items()
    if a.text_bytes is not None and b.text_bytes is not None:
        metric, transform, unit_a, unit_b = "bits_per_byte", _bits, a.text_bytes, b.text_bytes
    else:
        metric, transform, unit_a, unit_b = "perplexity", _perplexity, a.tokens, b.tokens
    if not np.array_equal(unit_a, unit_b):
        raise InvalidInput(
            "These models were not scored on the same text.",
            got=f"{first}, {second}",
            expected="the same sequences; with different tokenizers, sizes in bytes",
        )
    sums = _blocks(np.stack([a.log_prob, b.log_prob, unit_a], axis=1))
    times = np.ones(len(sums), np.int64)

    def difference(s: Floats) -> Floats:
        return transform(s[..., [0, 2]]) - transform(s[..., [1, 2]])

    drawn_R = resample(sums, times, difference, resamples=resamples, seed=seed)
    estimate = bca(drawn_R, sums, times, difference, level=level)
    p = shifted_p(estimate.value, drawn_R)
    return Comparison(
        first,
        second,
        metric,
        replace(estimate, n=len(a.tokens)),
        p,
        "paired_bootstrap",
    )


def language_model_report(
    likelihoods: Mapping[str, Likelihoods],
    *,
    control: str | None = None,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> LanguageModelReport:
    """Figures of each model, each other model against the `control`, and the others against one another.

    Raises InvalidInput when the models were not scored on the same text, or the control was not scored.
    """
    if control is not None and control not in likelihoods:
        raise InvalidInput(
            "There are no predictions of this control.",
            got=control,
            expected="one of {names}",
            names=", ".join(likelihoods),
        )
    models = []
    for name, found in likelihoods.items():
        metrics = {"perplexity": perplexity_estimate(found, level=level, resamples=resamples, seed=seed)}
        bits = bits_per_byte_estimate(found, level=level, resamples=resamples, seed=seed)
        if bits is not None:
            metrics["bits_per_byte"] = bits
        text_bytes = None if found.text_bytes is None else int(found.text_bytes.sum())
        total = math.fsum(found.log_prob.tolist())
        models.append(LanguageModelFigures(name, metrics, total, int(found.tokens.sum()), text_bytes))
    others = [name for name in likelihoods if name != control]
    pairs = [(name, control) for name in others if control is not None] + list(combinations(others, 2))
    comparisons = tuple(
        compare_likelihoods(
            {a: likelihoods[a], b: likelihoods[b]}, level=level, resamples=resamples, seed=seed
        )
        for a, b in pairs
    )
    sequences = len(next(iter(likelihoods.values())).tokens) if likelihoods else 0
    return LanguageModelReport(sequences, tuple(models), control, comparisons, level, resamples, seed)


def _ratio_estimate(
    log_prob: NDArray[np.float64],
    unit: NDArray[np.int64],
    transform: Statistic,
    level: float,
    resamples: int,
    seed: int,
) -> Estimate:
    sums = _blocks(np.stack([log_prob, unit], axis=1))
    estimate = bootstrap(
        sums, np.ones(len(sums), np.int64), transform, level=level, resamples=resamples, seed=seed
    )
    return replace(estimate, n=len(log_prob))


def _blocks(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """The sums of neighbouring sequences, at most BLOCKS of them."""
    if len(sums) <= BLOCKS:
        return sums
    starts = np.linspace(0, len(sums), BLOCKS, endpoint=False).astype(np.int64)
    blocks: NDArray[np.float64] = np.add.reduceat(sums, starts, axis=0)
    return blocks


def _perplexity(sums: Floats) -> Floats:
    return np.exp(-sums[..., 0] / sums[..., 1])


def _bits(sums: Floats) -> Floats:
    return -sums[..., 0] / sums[..., 1] / math.log(2)
