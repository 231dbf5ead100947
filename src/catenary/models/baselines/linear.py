"""The control of every classifier: logistic regression on TF-IDF-weighted n-grams (`tfidf.py`).

    p(y|d) = softmax(W x_d + b)_y       W and b minimise  ½|W|² - C Σ_d ln p(y_d|d)

Hard to beat on short texts, and it says which n-grams it goes by. Fitting takes scikit-learn; predicting only numpy.

    model = fit_linear(["好看", "很好", "无聊", "太差"], ["positive"] * 2 + ["negative"] * 2, LinearSettings(min_df=1))
    model.labels, model.predict_proba(["真好"])    # ('negative', 'positive'), (1, 2)
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from catenary.errors import CatenaryWarning, Damaged, InvalidInput, NotFound
from catenary.files import make_folder, write_whole
from catenary.messages import say
from catenary.models.baselines.grams import Keys, find_keys
from catenary.models.baselines.linear_settings import Analysis, LinearSettings
from catenary.models.baselines.tensors import expect_tensors, map_tensors, write_tensors
from catenary.models.baselines.tfidf import Vectors, Vocabulary, idf, weigh
from catenary.progress import SILENT, Progress

TEXTS_AT_ONCE = 4096  # bounds the memory of a prediction


class LinearConfig(BaseModel):
    """What `config.json` says of a linear classifier."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    family: Literal["linear"] = "linear"
    format: Literal[1] = 1
    labels: tuple[str, ...]
    features: tuple[int, ...]  # how many n-grams of each length
    settings: LinearSettings
    training_documents: int


@dataclass(frozen=True, eq=False)
class LinearClassifier:
    """Weights of n-grams for each label: `coefficients` (labels, features), `intercepts` (labels,)."""

    config: LinearConfig
    vocabulary: Vocabulary
    idf: NDArray[np.float32]
    coefficients: NDArray[np.float32]
    intercepts: NDArray[np.float32]

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the columns of `predict_proba`, sorted."""
        return self.config.labels

    def vectors(self, texts: Sequence[str]) -> Vectors:
        """The TF-IDF vectors that the classifier sees."""
        counts = self.vocabulary.count(texts)
        return weigh(counts, self.idf.astype(np.float64), sublinear=self.config.settings.sublinear)

    def predict_proba(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """p(label | text): (texts, labels), each row summing to 1. A text without a known n-gram gets the prior."""
        rows = [np.zeros((0, len(self.labels)))]
        for start in range(0, len(texts), TEXTS_AT_ONCE):
            some = texts[start : start + TEXTS_AT_ONCE]
            x = self.vectors(some)
            logits = np.stack(
                [
                    np.bincount(x.text, weights=x.value * weight_G[x.gram], minlength=len(some)) + intercept
                    for weight_G, intercept in zip(self.coefficients, self.intercepts, strict=True)
                ],
                axis=1,
            )
            powers = np.exp(logits - logits.max(axis=1, keepdims=True))
            rows.append(powers / powers.sum(axis=1, keepdims=True))
        return np.concatenate(rows)

    def predict(self, texts: Sequence[str]) -> list[str]:
        """The likeliest label of each text."""
        return [self.labels[k] for k in self.predict_proba(texts).argmax(axis=1).tolist()]

    def weightiest(self, label: str, n: int = 10) -> list[tuple[str, float]]:
        """The n-grams that speak most for `label`, with their weights."""
        weight_G = self.coefficients[self.labels.index(label)]
        ngrams = self.vocabulary.ngrams()
        return [(ngrams[g], float(weight_G[g])) for g in np.argsort(-weight_G, kind="stable")[:n].tolist()]

    def save(self, folder: Path) -> None:
        """Write config.json, vocabulary.json and model.safetensors into `folder`; equal models give equal bytes."""
        make_folder(folder)
        write_whole(folder / "vocabulary.json", _vocabulary_json(self.vocabulary))
        write_tensors(
            folder / "model.safetensors",
            {"idf": self.idf, "coefficients": self.coefficients, "intercepts": self.intercepts},
        )
        write_whole(folder / "config.json", (self.config.model_dump_json(indent=2) + "\n").encode())

    @classmethod
    def load(cls, folder: Path) -> LinearClassifier:
        """The classifier that `save` wrote into `folder`.

        Raises NotFound when a file is missing and Damaged when one is not what `save` writes.
        """
        config = _read_config(folder / "config.json")
        vocabulary = _read_vocabulary(folder / "vocabulary.json", config)
        weights = folder / "model.safetensors"
        tensors = map_tensors(weights)
        labels, features = len(config.labels), sum(config.features)
        expect_tensors(
            tensors,
            {
                "idf": ("float32", (features,)),
                "coefficients": ("float32", (labels, features)),
                "intercepts": ("float32", (labels,)),
            },
            weights,
        )
        return cls(config, vocabulary, tensors["idf"], tensors["coefficients"], tensors["intercepts"])


def fit_linear(
    texts: Sequence[str],
    labels: Sequence[str],
    settings: LinearSettings | None = None,
    seed: int = 0,
    progress: Progress = SILENT,
) -> LinearClassifier:
    """Fit a classifier of two or more labels.

    The objective is convex and the solver (L-BFGS) draws nothing: `seed` is there for solvers that do.
    Raises InvalidInput when texts and labels do not pair, fewer than two labels differ, or no n-gram is frequent
    enough.
    """
    from scipy.sparse import csr_matrix
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    settings = settings or LinearSettings()
    names = tuple(sorted(set(labels)))
    if len(texts) != len(labels):
        raise InvalidInput("Each text needs one label.", got=len(labels), expected="{n} labels", n=len(texts))
    if len(names) < 2:
        raise InvalidInput("A classifier needs at least two different labels.", got=", ".join(names))

    progress.begin("fitting the linear control", 2, "passes")
    vocabulary, counts = Vocabulary.of(texts, settings.analysis, settings.ngrams, min_df=settings.min_df)
    if counts.grams == 0:
        raise InvalidInput(
            "No n-gram stands in enough texts.", got=len(texts), expected="a lower min_df, or more texts"
        )
    idf_G = idf(counts)
    x = weigh(counts, idf_G, sublinear=settings.sublinear)
    progress.advance(1)

    solver = LogisticRegression(C=settings.C, max_iter=settings.max_iterations, random_state=seed)
    matrix = csr_matrix((x.value, (x.text, x.gram)), shape=(len(texts), counts.grams))
    with (
        threadpool_limits(limits=1),
        warnings.catch_warnings(),
    ):  # one thread: sums in one order, so equal bytes
        warnings.simplefilter("ignore", ConvergenceWarning)
        solver.fit(matrix, np.array(labels))
    if solver.n_iter_.max() >= settings.max_iterations:
        warnings.warn(
            say("The linear classifier had not settled after {n} iterations.", n=settings.max_iterations),
            CatenaryWarning,
            stacklevel=2,
        )
    progress.advance(1)
    coefficients, intercepts = solver.coef_, solver.intercept_
    if len(names) == 2:  # one row stands for both: halved, softmax gives the same probabilities
        coefficients = np.concatenate([-coefficients, coefficients]) / 2
        intercepts = np.concatenate([-intercepts, intercepts]) / 2
    config = LinearConfig(
        labels=names, features=vocabulary.sizes, settings=settings, training_documents=len(texts)
    )
    return LinearClassifier(
        config,
        vocabulary,
        idf_G.astype(np.float32),
        coefficients.astype(np.float32),
        intercepts.astype(np.float32),
    )


def _vocabulary_json(vocabulary: Vocabulary) -> bytes:
    """[[the units], [the n-grams of 2 units], …] as texts, so that people can look."""
    by_length = [vocabulary.spelled(length) for length in range(1, len(vocabulary.levels) + 2)]
    return (json.dumps(by_length, ensure_ascii=False, indent=0) + "\n").encode("utf-8", "surrogatepass")


def _read_vocabulary(path: Path, config: LinearConfig) -> Vocabulary:
    if not path.is_file():
        raise NotFound("A model's vocabulary is missing.", where=str(path))
    settings = config.settings
    try:
        by_length = json.loads(path.read_bytes().decode("utf-8", "surrogatepass"))
        units = tuple(by_length[0])
        levels = _levels(by_length, {unit: number for number, unit in enumerate(units)}, settings.analysis)
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise Damaged(
            "This is not the vocabulary of a linear classifier.", got=error, where=str(path)
        ) from error
    vocabulary = Vocabulary(settings.analysis, settings.ngrams, units, levels)
    if len(levels) + 1 != settings.ngrams[1] or vocabulary.sizes != config.features:
        raise Damaged(
            "This is not the vocabulary of a linear classifier.", got=vocabulary.sizes, where=str(path)
        )
    return vocabulary


def _levels(by_length: list[list[str]], number_of: dict[str, int], analysis: Analysis) -> tuple[Keys, ...]:
    levels: list[Keys] = []
    base = np.uint64(len(number_of))
    for length, ngrams in enumerate(by_length[1:], 2):
        split = [ngram.split(" ") if analysis == "words" else list(ngram) for ngram in ngrams]
        gram_GL = np.array([[number_of[unit] for unit in units] for units in split], np.uint64).reshape(
            -1, length
        )
        key_G = gram_GL[:, 0]
        for column, level in zip(range(1, length), [*levels, None], strict=True):
            key_G = key_G * base + gram_GL[:, column]
            if level is not None:
                key_G = find_keys(level, key_G).astype(np.uint64)
        if (key_G[1:] <= key_G[:-1]).any():
            raise ValueError(length)
        levels.append(key_G)
    return tuple(levels)


def _read_config(path: Path) -> LinearConfig:
    if not path.is_file():
        raise NotFound("A model's configuration is missing.", where=str(path))
    try:
        return LinearConfig.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise Damaged(
            "This is not the configuration of a linear classifier.", got=error, where=str(path)
        ) from error
