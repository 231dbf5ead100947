"""From an encoder to a tagger of words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from catenary.data.annotations import joined
from catenary.errors import InvalidInput
from catenary.inference.task import Task
from catenary.inference.windows import word_windows
from catenary.models import load
from catenary.tokenizer import load as load_tokenizer
from catenary.train.batches import IGNORED, Batches, TokenRows
from catenary.train.class_weights import class_weights
from catenary.train.dropout import set_dropout
from catenary.train.exposures import write_exposures
from catenary.train.head_settings import TagSettings
from catenary.train.objectives.perturbed import perturbed
from catenary.train.objectives.tag import Tag
from catenary.train.report import TrainReport
from catenary.train.samples import sampled
from catenary.train.settings import TrainSettings
from catenary.train.tune import Session, keep, learn, reported

Tagged = tuple[Sequence[Sequence[str]], Sequence[Sequence[str]]]  # words, tags


def finetune_tagger(
    init: Path,
    words: Sequence[Sequence[str]],
    tags: Sequence[Sequence[str]],
    settings: TrainSettings,
    out: Path,
    *,
    tagging: TagSettings = TagSettings(),  # noqa: B008 - frozen
    valid: Tagged = ((), ()),
    session: Session = Session(),  # noqa: B008 - frozen
) -> TrainReport:
    """Train the model in the folder `init` to give each word its tag, and write it to the folder `out`.

    A text longer than the model is read in windows. Each word is tokenised by itself, so a tag never has to cover a
    part of a token; for Chinese characters a `char` tokenizer then reads as it did in pretraining. Raises
    InvalidInput for tags that do not fit.
    """
    names = sorted({tag for row in tags for tag in row})
    check_tags(words, tags, names)
    check_tags(*valid, names)
    tokenizer = load_tokenizer(init)
    model = load(init, "tag", labels=names, seed=settings.seed)
    set_dropout(model, settings.dropout)
    number_of = {name: number for number, name in enumerate(names)}

    def dealt(words: Sequence[Sequence[str]], tags: Sequence[Sequence[str]]) -> Batches:
        windows = word_windows(
            tokenizer.backend, words, model.config.max_position_embeddings, tagging.overlap
        )
        flat = [(number, window) for number, several in enumerate(windows) for window in several]
        marks = [
            [number_of.get(tags[number][word], IGNORED) if word >= 0 else IGNORED for word in window.words]
            for number, window in flat
        ]
        return Batches.of(
            TokenRows.of([window.ids for _, window in flat], [number for number, _ in flat]),
            settings,
            pad_id=model.config.pad_token_id or 0,
            marks=TokenRows.of(marks),
        )

    counts = Counter(tag for row in tags for tag in row)
    objective = Tag(
        tuple(names),
        tagging.label_smoothing,
        class_weights(tagging.class_weights, [counts[name] for name in names], names),
        tagging.focal,
    )
    batches, held_out = dealt(words, tags), dealt(*valid)
    fitted = learn(
        model,
        batches,
        perturbed(objective, tagging.adversarial),
        settings,
        held_out,
        session,
    )
    keep(model, out, init, settings, tagging, Task("tag"))
    write_exposures(out, batches, fitted.steps, fitted.seen)
    report = reported(model, fitted, len(words))
    if len(held_out.rows):
        texts = [joined(row) for row in valid[0]]
        report["samples"] = sampled(model, objective, held_out, len(held_out.rows), texts)
    return report


def check_tags(words: Sequence[Sequence[str]], tags: Sequence[Sequence[str]], names: Sequence[str]) -> None:
    """InvalidInput unless each word has one of the tags called `names`, and there are two of them at least."""
    if len(words) != len(tags) or any(len(one) != len(other) for one, other in zip(words, tags, strict=True)):
        raise InvalidInput("Each token needs one tag.", got=f"{len(words)}, {len(tags)}")
    if len(names) < 2:
        raise InvalidInput("A tagger needs words of at least two tags.", got=", ".join(names) or "-")
    strangers = sorted({tag for row in tags for tag in row} - set(names))
    if strangers:
        raise InvalidInput(
            "The validation texts have tags that no training text has.",
            got=", ".join(strangers),
            expected="{names}",
            names=", ".join(names),
        )
