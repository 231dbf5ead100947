"""From an encoder to a reader that finds answers in passages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from catenary.errors import InvalidInput
from catenary.inference.task import Task
from catenary.inference.windows import QuestionWindow, question_windows
from catenary.models import load
from catenary.tokenizer import load as load_tokenizer
from catenary.train.batches import Batches, TokenRows
from catenary.train.dropout import set_dropout
from catenary.train.exposures import write_exposures
from catenary.train.head_settings import ReadSettings
from catenary.train.objectives.perturbed import perturbed
from catenary.train.objectives.span import Span
from catenary.train.report import TrainReport
from catenary.train.samples import sampled
from catenary.train.settings import TrainSettings
from catenary.train.tune import Session, keep, learn, reported

NOWHERE = (0, 0)  # the first token stands for "the answer is not in this window"


@dataclass(frozen=True, slots=True)
class Question:
    """`answer` starts at character `start` of `context`; None where the context does not hold it."""

    question: str
    context: str
    answer: str | None
    start: int = 0


def finetune_reader(
    init: Path,
    questions: Sequence[Question],
    settings: TrainSettings,
    out: Path,
    *,
    reading: ReadSettings = ReadSettings(),  # noqa: B008 - frozen
    valid: Sequence[Question] = (),
    session: Session = Session(),  # noqa: B008 - frozen
) -> TrainReport:
    """Train the model in the folder `init` to find answers, and write it to the folder `out`.

    A passage longer than the model is read in windows with the question before each; in a window without the answer the
    right thing to say is nothing. Raises InvalidInput where there are no questions.
    """
    if not questions:
        raise InvalidInput("There are no questions to learn from.", got=0)
    tokenizer = load_tokenizer(init)
    model = load(init, "span", seed=settings.seed)
    set_dropout(model, settings.dropout)

    def dealt(asked: Sequence[Question]) -> Batches:
        windows = question_windows(
            tokenizer.backend,
            [one.question for one in asked],
            [one.context for one in asked],
            model.config.max_position_embeddings,
            reading.overlap,
        )
        flat = [(number, window) for number, several in enumerate(windows) for window in several]
        return Batches.of(
            TokenRows.of([window.ids for _, window in flat], [number for number, _ in flat]),
            settings,
            pad_id=model.config.pad_token_id or 0,
            labels=np.array([span_in(window, asked[number]) for number, window in flat], np.int64).reshape(
                -1, 2
            ),
            seconds=[window.second for _, window in flat],
        )

    batches, held_out = dealt(questions), dealt(valid)
    objective = Span(reading.label_smoothing)
    fitted = learn(
        model,
        batches,
        perturbed(objective, reading.adversarial),
        settings,
        held_out,
        session,
    )
    keep(model, out, init, settings, reading, Task("read"))
    write_exposures(out, batches, fitted.steps, fitted.seen)
    report = reported(model, fitted, len(questions))
    if len(held_out.rows):
        texts = [f"{one.question} → {one.answer or '-'}" for one in valid]
        report["samples"] = sampled(model, Span(), held_out, len(held_out.rows), texts)
    return report


def span_in(window: QuestionWindow, question: Question) -> tuple[int, int]:
    """The first and the last token of the answer in a window, NOWHERE unless all of it is there."""
    if question.answer is None:
        return NOWHERE
    start, end = question.start, question.start + len(question.answer)
    inside = [i for i, span in enumerate(window.spans) if span and span[0] < end and span[1] > start]
    if not inside:
        return NOWHERE
    first, last = window.spans[inside[0]], window.spans[inside[-1]]
    assert first is not None
    assert last is not None
    return (inside[0], inside[-1]) if first[0] <= start and last[1] >= end else NOWHERE
