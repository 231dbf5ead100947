"""How near what models write is to what was to be written, and what it is like, with intervals and paired tests.

    bleu     the geometric mean of n-gram precisions, 1 to 4, with a brevity penalty (Papineni et al. 2002), in percent
    chrf     F₂ of character n-grams, 1 to 6 (Popović 2015), in percent
    ter      edits and shifts for each 100 words of the reference (Snover et al. 2006): less is better
    nist, meteor, rouge1, rouge2, rougeL   `overlap.py`; METEOR and ROUGE in percent
    similarity                             the mean cosine with the reference, by any model that makes vectors
    distinct_1 … novelty                   without a reference: `diversity.py`; shares in percent, distinct from 0 to 1

BLEU, chrF and TER are sacrebleu's, with its tokenisation by language (Post 2018); their signatures are in the report.
For ROUGE a Chinese character is a word. All are functions of sums over documents: the bootstrap draws documents.

    written_report(references, {"memory": a, "model": b}, control="memory", language="zh").figures()["model.bleu"]
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from catenary.errors import InvalidInput
from catenary.evaluate.diversity import (
    distinct_sums,
    misspelt_sums,
    novelty_sums,
    repetition_sums,
    run_hashes,
    self_bleu,
    similarity_sums,
    slip_sums,
)
from catenary.evaluate.estimate import LEVEL, RESAMPLES, Estimate
from catenary.evaluate.intervals import Floats, Statistic, bca, bootstrap, resample
from catenary.evaluate.metrics import check_paired
from catenary.evaluate.overlap import ROUGES, Words, meteor, nist, nist_sums, rouge_words
from catenary.evaluate.paired import Comparison, shifted_p

WrittenMetric = Literal[
    "bleu", "chrf", "ter", "nist", "meteor", "rouge1", "rouge2", "rougeL", "similarity",
    "distinct_1", "distinct_2", "self_bleu", "repetition", "characters", "misspelt", "slips", "novelty",
]  # fmt: skip
WRITTEN_METRICS: tuple[WrittenMetric, ...] = get_args(WrittenMetric)
Embed = Callable[[Sequence[str]], Any]  # texts → (texts, D)
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
    trained: Iterable[str] | None = None,
    embed: Embed | None = None,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> WrittenReport:
    """Figures of each model, each other model against the `control`, and the others against one another.

    `language` is that of the references: it decides how BLEU and TER cut them. `trained` is the training text that
    novelty and misspelt compare with (a word that stands there twice is taken as spelt right), `embed` makes the
    vectors of similarity. Raises InvalidInput where texts do not pair.
    """
    if control is not None and control not in written:
        raise InvalidInput(
            "There are no predictions of this control.",
            got=control,
            expected="one of {names}",
            names=", ".join(written),
        )
    trained = None if trained is None else list(trained)
    counted = {
        name: {metric: _count(metric, references, texts, language, trained, embed) for metric in metrics}
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


def _count(
    metric: WrittenMetric,
    references: Sequence[str],
    texts: Sequence[str],
    language: str,
    trained: Iterable[str] | None,
    embed: Embed | None,
) -> _Counted:
    check_paired(references, texts)
    if metric in SACREBLEUS:
        return SACREBLEUS[metric](references, texts, language)
    said = [rouge_words(text) for text in texts]
    gold = [rouge_words(text) for text in references]
    if metric == "nist":
        return _Counted(nist_sums(said, gold), nist, "")
    if metric in ROUGES or metric == "meteor":
        score = ROUGES.get(metric, meteor)
        return _Counted(_each([score(a, b) for a, b in zip(said, gold, strict=True)]), _percent, "")
    if metric == "similarity":
        if embed is None:
            raise InvalidInput("Similarity needs a model that makes vectors.", expected="`embed`")
        vectors = np.asarray(embed([*texts, *references]), np.float64)
        return _Counted(similarity_sums(*np.split(vectors, 2)), _mean, "")
    if metric in ("novelty", "misspelt"):
        if trained is None:
            raise InvalidInput(
                "This metric compares with the training text.", got=metric, expected="`trained`"
            )
        words = (rouge_words(text) for text in trained)
        if metric == "novelty":
            return _Counted(novelty_sums(said, run_hashes(words)), _percent, "")
        times = Counter(word for of_text in words for word in of_text)
        return _Counted(misspelt_sums(said, {word for word, n in times.items() if n > 1}), _percent, "")
    return ALONE[metric](texts, said)


def _each(scores: Sequence[float]) -> Floats:
    """(N, 2): the scores of the documents, and ones."""
    return np.stack([np.asarray(scores, np.float64), np.ones(len(scores))], axis=1)


def _mean(sums: Floats) -> Floats:
    return np.divide(sums[..., 0], sums[..., 1], out=np.zeros_like(sums[..., 0]), where=sums[..., 1] > 0)


def _percent(sums: Floats) -> Floats:
    return 100 * _mean(sums)


# What needs no reference: texts, and their words.
ALONE: dict[str, Callable[[Sequence[str], Sequence[Words]], _Counted]] = {
    "distinct_1": lambda texts, said: _Counted(distinct_sums(said, 1), _mean, ""),
    "distinct_2": lambda texts, said: _Counted(distinct_sums(said, 2), _mean, ""),
    "self_bleu": lambda texts, said: _Counted(_each(self_bleu(said)), _percent, ""),
    "repetition": lambda texts, said: _Counted(repetition_sums(said), _percent, ""),
    "characters": lambda texts, said: _Counted(_each([float(len(text)) for text in texts]), _mean, ""),
    "slips": lambda texts, said: _Counted(slip_sums(texts, said), _percent, ""),
}


def _sacrebleu_bleu(references: Sequence[str], texts: Sequence[str], language: str) -> _Counted:
    from sacrebleu.metrics.bleu import BLEU

    return _counted_by(BLEU(tokenize="zh" if language == "zh" else "13a"), _bleu, references, texts)


def _sacrebleu_chrf(references: Sequence[str], texts: Sequence[str], language: str) -> _Counted:
    from sacrebleu.metrics.chrf import CHRF

    return _counted_by(CHRF(), _chrf, references, texts)


def _sacrebleu_ter(references: Sequence[str], texts: Sequence[str], language: str) -> _Counted:
    from sacrebleu.metrics.ter import TER

    # Chinese characters part from one another only where both are on.
    return _counted_by(
        TER(normalized=language == "zh", asian_support=language == "zh"), _ter, references, texts
    )


def _counted_by(
    judge: Any, statistic: Statistic, references: Sequence[str], texts: Sequence[str]
) -> _Counted:
    sums = np.asarray(judge._extract_corpus_statistics(list(texts), [list(references)]), np.float64)
    return _Counted(sums, statistic, str(judge.get_signature()))


SACREBLEUS: dict[str, Callable[[Sequence[str], Sequence[str], str], _Counted]] = {
    "bleu": _sacrebleu_bleu,
    "chrf": _sacrebleu_chrf,
    "ter": _sacrebleu_ter,
}


def _ter(sums: Floats) -> Floats:
    """Edits for each 100 words of the references (Snover et al., AMTA 2006); more than all of them are 100."""
    edits, words = sums[..., 0], sums[..., 1]
    return 100 * np.where(words > 0, edits / np.maximum(words, 1e-300), (edits > 0).astype(np.float64))


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
