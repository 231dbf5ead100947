"""From an encoder to a classifier of texts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import nn

from catenary.errors import InvalidInput
from catenary.models import copy_companions, load, save
from catenary.progress import SILENT, Progress
from catenary.tokenizer import load as load_tokenizer
from catenary.train.batches import Batches
from catenary.train.dropout import set_dropout
from catenary.train.exposures import write_exposures
from catenary.train.loop import CHECKPOINT_SECONDS, fit
from catenary.train.objectives import ClassifierAndReader, Classify, ClassifyAndRead, MaskedLM
from catenary.train.report import TrainReport, train_report, write_settings
from catenary.train.settings import ClassifySettings, TrainSettings
from catenary.train.vocabulary import first_tokens, mask_id, ordinary_ids


def finetune_classifier(
    init: Path,
    texts: Sequence[str],
    labels: Sequence[str],
    settings: TrainSettings,
    out: Path,
    *,
    classify: ClassifySettings = ClassifySettings(),  # noqa: B008 - frozen
    valid: tuple[Sequence[str], Sequence[str]] = ((), ()),
    state: Path | None = None,
    progress: Progress = SILENT,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
) -> TrainReport:
    """Train the model in the folder `init` to tell the labels apart and write it to the folder `out`.

    `labels` has the label of each text, `valid` held-out texts and theirs. The model reads a text's first
    tokens, as many as it has positions for. The tokenizer is the one in `init`. Raises InvalidInput for labels
    that do not fit; what `load` and `fit` raise passes through.
    """
    names = sorted(set(labels))
    _check(texts, labels, valid, names)
    tokenizer = load_tokenizer(init)
    classifier = load(init, "classify", labels=names, seed=settings.seed)
    set_dropout(classifier, settings.dropout)

    def dealt(texts: Sequence[str], labels: Sequence[str]) -> Batches:
        rows = first_tokens(tokenizer, texts, classifier.config.max_position_embeddings)
        classes = [names.index(label) for label in labels]
        return Batches.of(rows, settings, pad_id=classifier.config.pad_token_id or 0, labels=classes)

    model: nn.Module = classifier
    plain = Classify(classify.label_smoothing)
    objective: Classify | ClassifyAndRead = plain
    if classify.mlm_weight:
        masked = MaskedLM(classify.mask_rate, mask_id(tokenizer, init), ordinary_ids(tokenizer))
        objective = ClassifyAndRead(plain, masked, classify.mlm_weight)
        model = ClassifierAndReader(classifier, load(init, "mlm", seed=settings.seed))
    valid_batches = dealt(*valid)
    batches = dealt(texts, labels)
    fitted = fit(
        model,
        batches,
        objective,
        settings,
        state=state,
        progress=progress,
        validate=(lambda m: objective.measure(m, valid_batches)) if len(valid_batches.rows) else None,
        checkpoint_seconds=checkpoint_seconds,
        what="Fine-tuning",
    )
    save(classifier, out)
    copy_companions(init, out)
    write_exposures(out, batches, fitted.steps, fitted.seen)
    write_settings(out, settings, classify)
    return train_report(classifier, fitted, len(texts))


def _check(
    texts: Sequence[str],
    labels: Sequence[str],
    valid: tuple[Sequence[str], Sequence[str]],
    names: list[str],
) -> None:
    if len(texts) != len(labels) or len(valid[0]) != len(valid[1]):
        raise InvalidInput(
            "Each text needs one label.",
            got=f"{len(texts)} texts, {len(labels)} labels; valid: {len(valid[0])}, {len(valid[1])}",
        )
    if len(names) < 2:
        raise InvalidInput("A classifier needs texts of at least two labels.", got=", ".join(names) or "-")
    strangers = sorted(set(valid[1]) - set(names))
    if strangers:
        raise InvalidInput(
            "The validation texts have labels that no training text has.",
            got=", ".join(strangers),
            expected="{names}",
            names=", ".join(names),
        )
