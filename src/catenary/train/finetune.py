"""From an encoder to a classifier of texts or of pairs of texts: one label each, several, or a number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from catenary.errors import InvalidInput
from catenary.inference.task import Task
from catenary.models import Model, load
from catenary.progress import SILENT, Progress
from catenary.tokenizer import Tokenizer
from catenary.tokenizer import load as load_tokenizer
from catenary.train.batches import Batches
from catenary.train.best_and_worst import Samples, best_and_worst
from catenary.train.class_weights import class_weights
from catenary.train.dropout import set_dropout
from catenary.train.exposures import write_exposures
from catenary.train.head_settings import ClassifySettings
from catenary.train.loop import CHECKPOINT_SECONDS
from catenary.train.objectives import ClassifierAndReader, Classify, ClassifyAndRead, MaskedLM
from catenary.train.objectives.classify import class_logits, document_losses
from catenary.train.objectives.measured import Measured
from catenary.train.objectives.multi_label import MultiLabel
from catenary.train.objectives.perturbed import perturbed
from catenary.train.objectives.regress import Regress
from catenary.train.report import TrainReport
from catenary.train.samples import sampled
from catenary.train.sampling import few_shots, oversampled
from catenary.train.settings import LaunchSettings, TrainSettings
from catenary.train.tune import Session, keep, learn, reported
from catenary.train.vocabulary import mask_id, ordinary_ids, text_rows

Text = str | tuple[str, str]  # a text, or a pair of them
Label = str | float | Sequence[str]
NUMBER = "value"  # what the one output of a regression is called
THRESHOLDS = np.arange(0.05, 0.96, 0.05)


def finetune_classifier(
    init: Path,
    texts: Sequence[Text],
    labels: Sequence[Label],
    settings: TrainSettings,
    out: Path,
    *,
    classify: ClassifySettings = ClassifySettings(),  # noqa: B008 - frozen
    valid: tuple[Sequence[Text], Sequence[Label]] = ((), ()),
    state: Path | None = None,
    progress: Progress = SILENT,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
    launch: LaunchSettings = LaunchSettings(),  # noqa: B008 - frozen
) -> TrainReport:
    """Train the model in the folder `init` to tell the labels apart and write it to the folder `out`.

    `labels` has the label of each text (of `kind: several` a list, of `kind: number` a number), `valid` held-out texts
    and theirs. The model reads a text's first tokens, as many as it has positions for; of a pair, the longer one is cut
    first. The tokenizer is the one in `init`. With `kind: several` each label's threshold is the one that is best on
    `valid`, 0.5 without. Raises InvalidInput for labels that do not fit; what `load` and `fit` raise passes through.
    """
    names = _names(labels, classify.kind)
    _check(texts, labels, valid, names, classify.kind)
    tokenizer = load_tokenizer(init)
    classifier = load(init, "classify", labels=names, seed=settings.seed)
    set_dropout(classifier, settings.dropout)
    rows = _chosen(labels, classify, settings.seed)
    chosen = [labels[row] for row in rows]
    if classify.oversample:
        rows = rows[oversampled([str(label) for label in chosen], settings.seed)]

    def dealt(texts: Sequence[Text], labels: Sequence[Label]) -> Batches:
        tokens, seconds = text_rows(tokenizer, texts, classifier.config.max_position_embeddings)
        numbers = numbered(labels, names, classify.kind)
        pad_id = classifier.config.pad_token_id or 0
        return Batches.of(tokens, settings, pad_id=pad_id, labels=numbers, seconds=seconds)

    objective, model = _objective(classifier, classify, chosen, names, tokenizer, init, settings)
    batches, valid_batches = dealt([texts[row] for row in rows], [labels[row] for row in rows]), dealt(*valid)
    batches = replace(batches, rows=replace(batches.rows, documents=rows))
    fitted = learn(
        model,
        batches,
        perturbed(objective, classify.adversarial),
        settings,
        valid_batches,
        Session(state, progress, checkpoint_seconds, launch=launch),
    )
    samples = _samples(classifier, objective, valid_batches, valid[0], classify.kind)
    thresholds: dict[str, float] = {}
    if isinstance(objective, Regress):
        objective.settle(classifier)
    if classify.kind == "several":
        thresholds = _thresholds(classifier, valid_batches, names)
    keep(classifier, out, init, settings, classify, Task("classify", classify.kind, thresholds))
    write_exposures(out, batches, fitted.steps, fitted.seen)
    report = reported(classifier, fitted, len(chosen))
    if samples is not None:
        report["samples"] = samples
    return report


def _samples(
    classifier: Model, objective: Measured, held_out: Batches, valid: Sequence[Text], kind: str
) -> Samples | None:
    shown = [text if isinstance(text, str) else " | ".join(text) for text in valid]
    if not shown:
        return None
    if kind == "one":
        return best_and_worst(document_losses(classifier, held_out), shown)
    return sampled(classifier, objective, held_out, len(shown), shown)


def numbered(labels: Sequence[Label], names: Sequence[str], kind: str) -> NDArray[Any]:
    """Labels as a model is trained on them: (N,) classes, (N, C) yes or no, or (N,) numbers."""
    if kind == "number":
        return np.array([_number(label) for label in labels], np.float32)
    if kind == "several":
        table = np.zeros((len(labels), len(names)), np.float32)
        for row, several in enumerate(labels):
            assert not isinstance(several, str | float | int)
            table[row, [names.index(name) for name in several]] = 1.0
        return table
    return np.array([names.index(str(label)) for label in labels], np.int64)


def _objective(
    classifier: Model,
    classify: ClassifySettings,
    labels: Sequence[Label],
    names: Sequence[str],
    tokenizer: Tokenizer,
    init: Path,
    settings: TrainSettings,
) -> tuple[Measured, nn.Module]:
    """What is learnt, and the module that learns it."""
    if classify.kind == "number":
        numbers = np.array([_number(label) for label in labels])
        return Regress(float(numbers.mean()), float(numbers.std()) or 1.0), classifier
    if classify.kind == "several":
        counts = Counter(
            name for several in labels if not isinstance(several, str | float | int) for name in several
        )
        weights = class_weights(classify.class_weights, [counts[name] for name in names], names)
        # Of several labels each is a question of its own: a missed yes costs as much as there are noes to one yes.
        if classify.class_weights == "balanced":
            weights = tuple((len(labels) - counts[name]) / max(counts[name], 1) for name in names)
        plain: Measured = MultiLabel(weights, classify.focal)
    else:
        counts = Counter(map(str, labels))
        weights = class_weights(classify.class_weights, [counts[name] for name in names], names)
        plain = Classify(classify.label_smoothing, weights, classify.focal)
    if not isinstance(plain, Classify) or not classify.mlm_weight:
        return plain, classifier
    masked = MaskedLM(classify.mask_rate, mask_id(tokenizer, init), ordinary_ids(tokenizer))
    both = ClassifierAndReader(classifier, load(init, "mlm", seed=settings.seed))
    return ClassifyAndRead(plain, masked, classify.mlm_weight), both


def _chosen(labels: Sequence[Label], classify: ClassifySettings, seed: int) -> NDArray[np.int64]:
    """The documents that are trained on."""
    if classify.shots is None:
        return np.arange(len(labels), dtype=np.int64)
    return few_shots([str(label) for label in labels], classify.shots, seed)


@torch.no_grad()
def _thresholds(model: Model, batches: Batches, names: Sequence[str]) -> dict[str, float]:
    """For each label the probability from which on it holds: of 0.05 … 0.95 the one with the best F1.

    Of equally good ones it is the nearest to 0.5.
    """
    if not len(batches.rows):
        return dict.fromkeys(names, 0.5)
    told, gold = [], []
    for batch in batches.in_order():
        assert batch.labels_B is not None
        told.append(class_logits(model, batch).float().sigmoid().numpy())
        gold.append(batch.labels_B.numpy())
    told_NC, gold_NC = np.concatenate(told), np.concatenate(gold)
    found: dict[str, float] = {}
    for column, name in enumerate(names):
        yes_KN = told_NC[:, column] >= THRESHOLDS[:, None]
        both_K = (yes_KN * gold_NC[:, column]).sum(axis=1)
        f1_K = 2 * both_K / np.maximum(yes_KN.sum(axis=1) + gold_NC[:, column].sum(), 1)
        order = np.lexsort((np.abs(THRESHOLDS - 0.5), -f1_K))
        found[name] = round(float(THRESHOLDS[order[0]]), 2)
    return found


def _names(labels: Sequence[Label], kind: str) -> list[str]:
    if kind == "number":
        return [NUMBER]
    if kind == "several":
        return sorted({name for several in labels if isinstance(several, list | tuple) for name in several})
    return sorted({str(label) for label in labels})


def _number(label: Label) -> float:
    try:
        number = float(label)  # type: ignore[arg-type]
        if np.isfinite(number):
            return number
    except (TypeError, ValueError):
        pass
    raise InvalidInput("A regression needs a number for every document.", got=repr(label))


def _check(
    texts: Sequence[Text],
    labels: Sequence[Label],
    valid: tuple[Sequence[Text], Sequence[Label]],
    names: list[str],
    kind: str,
) -> None:
    if len(texts) != len(labels) or len(valid[0]) != len(valid[1]):
        raise InvalidInput(
            "Each text needs one label.",
            got=f"{len(texts)} texts, {len(labels)} labels; valid: {len(valid[0])}, {len(valid[1])}",
        )
    if not texts:
        raise InvalidInput("There is no text to train on.", got=0)
    if len({isinstance(text, str) for text in (*texts, *valid[0])}) > 1:
        raise InvalidInput("Either all documents are pairs of texts, or none is.")
    if kind == "number":
        return
    if len(names) < (1 if kind == "several" else 2):
        raise InvalidInput("A classifier needs texts of at least two labels.", got=", ".join(names) or "-")
    strangers = sorted(set(_names(valid[1], kind)) - set(names))
    if strangers:
        raise InvalidInput(
            "The validation texts have labels that no training text has.",
            got=", ".join(strangers),
            expected="{names}",
            names=", ".join(names),
        )
