"""From a large language model to a small one: on raw text, learning what the teacher thinks likely at each token."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from catenary.errors import InvalidInput
from catenary.models import Model, copy_companions, save
from catenary.progress import SILENT, Progress
from catenary.tokenizer import ChatTokens
from catenary.tokenizer import load as load_tokenizer
from catenary.train.conversations import Conversations
from catenary.train.dropout import set_dropout
from catenary.train.exposures import write_exposures
from catenary.train.loop import CHECKPOINT_SECONDS, fit
from catenary.train.objectives.reply import Reply
from catenary.train.report import TrainReport, train_report, write_settings
from catenary.train.seq2seq import distilled
from catenary.train.settings import TrainSettings
from catenary.train.text_settings import DistilSettings


def distil_texts(
    student: Model,
    folder: Path,
    teacher: Model,
    texts: Sequence[str],
    settings: TrainSettings,
    out: Path,
    *,
    distil: DistilSettings = DistilSettings(),  # noqa: B008 - frozen
    valid: Sequence[str] = (),
    state: Path | None = None,
    progress: Progress = SILENT,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
) -> TrainReport:
    """Train `student`, whose tokenizer stands in `folder`, on every token of `texts` and what `teacher` expects there.

    Texts longer than the models are read in pieces. Raises InvalidInput where the two have not one vocabulary; what
    `fit` raises passes through.
    """
    tokenizer = load_tokenizer(folder)
    config = student.config
    eos = config.eos_token_id[0] if isinstance(config.eos_token_id, tuple) else config.eos_token_id
    if eos is None:
        raise InvalidInput("The model does not say what ends a text.", got=str(folder))
    first = eos if config.bos_token_id is None else config.bos_token_id
    longest = min(config.max_position_embeddings, teacher.config.max_position_embeddings)
    if settings.batch_tokens is not None:
        longest = min(longest, settings.batch_tokens)

    def dealt(texts: Sequence[str]) -> tuple[Conversations, list[int]]:
        """Pieces in which every token but the first counts, and whose they are."""
        pieces = [
            (number, [first, *ids, eos][at : at + longest])
            for number, ids in enumerate(tokenizer.encode_batch(texts))
            for at in range(0, len(ids) + 1, longest - 1)
        ]
        talks = [ChatTokens(piece, [False] + [True] * (len(piece) - 1)) for _, piece in pieces]
        return Conversations.of(talks, settings), [number for number, _ in pieces]

    (learnt, whose), (held_out, _) = dealt(texts), dealt(valid)
    if not len(learnt):
        raise InvalidInput("There is no text to train on.", got="0 texts")
    plain = Reply()
    objective = distilled(plain, student, (teacher, distil))
    set_dropout(student, settings.dropout)
    fitted = fit(
        student,
        learnt,
        objective,
        settings,
        state=state,
        progress=progress,
        validate=(lambda m: plain.measure(m, held_out)) if len(held_out) else None,
        checkpoint_seconds=checkpoint_seconds,
        what="Training",
    )
    save(student, out)
    copy_companions(folder, out)
    write_settings(out, settings, distil)
    write_exposures(out, learnt, fitted.steps, fitted.seen, whose)
    return train_report(student, fitted, len(texts))
