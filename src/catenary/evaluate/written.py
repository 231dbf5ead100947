"""How near what models write is to what was to be written: BLEU, chrF and ROUGE, with intervals and paired tests.

    bleu     the geometric mean of n-gram precisions, 1 to 4, with a brevity penalty (Papineni et al. 2002), in percent
    chrf     F₂ of character n-grams, 1 to 6 (Popović 2015), in percent
    rouge1, rouge2, rougeL   F₁ of words, of pairs of words, of the longest common subsequence (Lin 2004), in percent

BLEU and chrF are sacrebleu's, with its tokenisation by language (Post 2018); their signatures are in the report. For
ROUGE a Chinese character is a word. All are functions of sums over the documents, so the bootstrap draws documents.

    written_report(references, {"memory": a, "model": b}, control="memory", language="zh").figures()["model.bleu"]
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from catenary.errors import InvalidInput
from catenary.evaluate.estimate import LEVEL, RESAMPLES, Estimate
from catenary.evaluate.intervals import Floats, Statistic, bca, bootstrap, resample
from catenary.evaluate.metrics import check_paired
from catenary.evaluate.paired import Comparison, shifted_p

WrittenMetric = Literal["bleu", "chrf", "rouge1", "rouge2", "rougeL"]
WRITTEN_METRICS: tuple[WrittenMetric, ...] = ("bleu", "chrf", "rouge1", "rouge2", "rougeL")
HAN = r"\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U000323af"
WORD = re.compile(rf"[{HAN}]|[^\W_{HAN}]+")
ORDERS = 4  # of BLEU


@dataclass(frozen=True, slots=True)
class WrittenFigures:
    """One model's figures, in percent."""

    name: str
    metrics: Mapping[str, Estimate]


@dataclass(frozen=True, slots=True)
class WrittenReport:
    """All models on the same documents. `signatures`: how sacrebleu counted."""

    n: int
    models: tuple[WrittenFigures, ...]
    control: str | None
    comparisons: tuple[Comparison, ...]
    signatures: Mapping[str, str]
    level: float
    resamples: int
    seed: int

    def figures(self) -> dict[str, Estimate]:
        """`model.metric` → estimate, for gates and tables."""
        return {
            f"{model.name}.{name}": figure for model in self.models for name, figure in model.metrics.items()
        }


@dataclass(frozen=True, slots=True)
class _Counted:
    """What each document adds to the sums of a metric, (documents, S), and the metric as a function of the sums."""

    sums_NS: NDArray[np.float64]
    statistic: Statistic
    signature: str


def written_report(
    references: Sequence[str],
    written: Mapping[str, Sequence[str]],
    *,
    control: str | None = None,
    metrics: Sequence[WrittenMetric] = ("bleu", "chrf"),
    language: str = "en",
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> WrittenReport:
    """Figures of each model, each other model against the `control`, and the others against one another.

    `language` is that of the references: it decides how BLEU cuts them. Raises InvalidInput where texts do not pair.
    """
    if control is not None and control not in written:
        raise InvalidInput(
            "There are no predictions of this control.",
            got=control,
            expected="one of {names}",
            names=", ".join(written),
        )
    counted = {
        name: {metric: _count(metric, references, texts, language) for metric in metrics}
        for name, texts in written.items()
    }
    once = np.ones(len(references), np.int64)
    models = tuple(
        WrittenFigures(
            name,
            {
                metric: bootstrap(
                    one.sums_NS, once, one.statistic, level=level, resamples=resamples, seed=seed
                )
                for metric, one in of_model.items()
            },
        )
        for name, of_model in counted.items()
    )
    others = [name for name in written if name != control]
    pairs = [(name, control) for name in others if control is not None] + list(combinations(others, 2))
    comparisons = tuple(
        _compared(
            metric, first, second, counted[first][metric], counted[second][metric], level, resamples, seed
        )
        for metric in metrics
        for first, second in pairs
    )
    first_model = next(iter(counted.values()), {})
    signatures: dict[str, str] = {
        metric: one.signature for metric, one in first_model.items() if one.signature
    }
    return WrittenReport(len(references), models, control, comparisons, signatures, level, resamples, seed)


def _compared(
    metric: str, first: str, second: str, a: _Counted, b: _Counted, level: float, resamples: int, seed: int
) -> Comparison:
    sums = np.concatenate([a.sums_NS, b.sums_NS], axis=1)
    cut = a.sums_NS.shape[1]

    def difference(s: Floats) -> Floats:
        return a.statistic(s[..., :cut]) - b.statistic(s[..., cut:])

    once = np.ones(len(sums), np.int64)
    drawn_R = resample(sums, once, difference, resamples=resamples, seed=seed)
    estimate = bca(drawn_R, sums, once, difference, level=level)
    return Comparison(first, second, metric, estimate, shifted_p(estimate.value, drawn_R), "paired_bootstrap")


def _count(metric: WrittenMetric, references: Sequence[str], texts: Sequence[str], language: str) -> _Counted:
    check_paired(references, texts)
    if metric.startswith("rouge"):
        score = ROUGES[metric]
        f_N = np.array(
            [
                score(rouge_words(said), rouge_words(gold))
                for said, gold in zip(texts, references, strict=True)
            ]
        )
        return _Counted(np.stack([f_N, np.ones(len(f_N))], axis=1), _mean, "")
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF

    judge: Any = BLEU(tokenize="zh" if language == "zh" else "13a") if metric == "bleu" else CHRF()
    sums = np.asarray(judge._extract_corpus_statistics(list(texts), [list(references)]), np.float64)
    return _Counted(sums, _bleu if metric == "bleu" else _chrf, str(judge.get_signature()))


def _bleu(sums: Floats) -> Floats:
    """sacrebleu's, for many samples at once: (…, 2 + 2 · ORDERS) → (…). An order without a match counts half a match
    of it, a quarter of the next … (its smoothing "exp")."""
    said, wanted = sums[..., 0], sums[..., 1]
    right, all_of = sums[..., 2 : 2 + ORDERS], sums[..., 2 + ORDERS :]
    without = (right == 0) & (all_of > 0)
    halves = 0.5 ** np.cumsum(without, axis=-1)
    smooth = np.where(without, halves, right)
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.where(all_of > 0, np.log(smooth / all_of), -np.inf)
        brevity = np.where(said < wanted, np.exp(1 - wanted / said), 1.0)
    # Nothing right at all is 0, whatever smoothing says.
    return np.where(right.sum(-1) > 0, 100 * brevity * np.exp(logs.mean(-1)), 0.0)


def _chrf(sums: Floats) -> Floats:
    """sacrebleu's: the mean of precisions and of recalls over the orders that both sides have, then F₂."""
    said, wanted, right = sums[..., 0::3], sums[..., 1::3], sums[..., 2::3]
    counts = (said > 0) & (wanted > 0)
    orders = counts.sum(-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = np.where(counts, right / said, 0.0).sum(-1) / orders
        recall = np.where(counts, right / wanted, 0.0).sum(-1) / orders
        f = 5 * precision * recall / (4 * precision + recall)
    return np.where(orders > 0, 100 * np.nan_to_num(f), 0.0)


def _mean(sums: Floats) -> Floats:
    return 100 * sums[..., 0] / sums[..., 1]


def rouge_words(text: str) -> list[str]:
    """Lower case; a Chinese character is a word."""
    return WORD.findall(text.lower())


def _overlap(size: int) -> Callable[[Sequence[str], Sequence[str]], float]:
    def score(said: Sequence[str], gold: Sequence[str]) -> float:
        a, b = (Counter(zip(*(words[at:] for at in range(size)), strict=False)) for words in (said, gold))
        return _f1((a & b).total(), a.total(), b.total())

    return score


def _longest(said: Sequence[str], gold: Sequence[str]) -> float:
    row = [0] * (len(gold) + 1)
    for word in said:
        before = 0
        for at, other in enumerate(gold, 1):
            before, row[at] = row[at], before + 1 if word == other else max(row[at], row[at - 1])
    return _f1(row[-1], len(said), len(gold))


def _f1(right: int, said: int, gold: int) -> float:
    return 2 * right / (said + gold) if said and gold else 0.0


ROUGES: dict[str, Callable[[Sequence[str], Sequence[str]], float]] = {
    "rouge1": _overlap(1),
    "rouge2": _overlap(2),
    "rougeL": _longest,
}
