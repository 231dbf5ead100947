"""From a language model to one that answers: fine-tuning on conversations, and on preferences between replies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from catenary.errors import InvalidInput
from catenary.files import write_whole
from catenary.models import Model, copy_companions
from catenary.progress import SILENT, Progress
from catenary.tokenizer import (
    ChatTemplate,
    ChatTokens,
    Tokenizer,
    chat_tokens,
    read_template,
    reply_tokens,
    special_tokens,
)
from catenary.tokenizer import load as load_tokenizer
from catenary.tokenizer.chat import TEMPLATE_FILE, Message
from catenary.train.adapted import Adapted
from catenary.train.conversations import Conversations, TalkBatch
from catenary.train.dropout import set_dropout
from catenary.train.exposures import write_exposures
from catenary.train.loop import CHECKPOINT_SECONDS, fit
from catenary.train.objectives.distilled import Distilled
from catenary.train.objectives.preferred import Preferred, reply_log_probs
from catenary.train.objectives.reply import Reply
from catenary.train.objectives.targets import IGNORED
from catenary.train.preferences import Preferences
from catenary.train.report import TrainReport, train_report, write_settings
from catenary.train.samples import sampled
from catenary.train.seq2seq import distilled, keep
from catenary.train.settings import LaunchSettings, TrainSettings
from catenary.train.text_settings import ChatSettings, DistilSettings, PreferenceSettings

Talk = Sequence[Message]
FirstBatch = Sequence[tuple[str, bool]]  # tokens, and whether the loss counts each
SHOWN_TOKENS = 400  # of the first batch


class ChatReport(TrainReport):
    """`first_batch`: the first tokens of the first step, and which of them the loss counts."""

    first_batch: FirstBatch
    left_out: int  # conversations without a reply that fits


@dataclass(frozen=True)
class Preference:
    """A prompt, the better reply to it and the worse."""

    prompt: Talk
    better: str
    worse: str


def finetune_chat(
    model: Model,
    folder: Path,
    talks: Sequence[Talk],
    settings: TrainSettings,
    out: Path,
    *,
    chat: ChatSettings = ChatSettings(),  # noqa: B008 - frozen
    adapted: Adapted | None = None,
    teacher: tuple[Model, DistilSettings] | None = None,
    valid: Sequence[Talk] = (),
    show: Callable[[FirstBatch], None] | None = None,
    state: Path | None = None,
    progress: Progress = SILENT,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
    launch: LaunchSettings = LaunchSettings(),  # noqa: B008 - frozen
) -> ChatReport:
    """Train `model`, whose tokenizer and chat template stand in `folder`, on what the assistant says in `talks`.

    A model without a template gets a plain one. Conversations stand whole and apart in a step; one that is longer
    than the model (or `max_tokens`) loses its earliest turns. With `adapted` the weights stay and an adapter learns;
    `out` then holds the adapter alone, beside tokenizer and template. `show` is given the first batch before the first
    step: what a mask counts is best seen before hours are spent. What `fit` raises passes through.
    """
    tokenizer, template = speaker(folder, out)
    longest = min(
        chat.max_tokens or model.config.max_position_embeddings, model.config.max_position_embeddings
    )

    def dealt(talks: Sequence[Talk]) -> tuple[Conversations, list[int]]:
        """Those that fit, and which they are."""
        read = [_fitting(tokenizer, template, talk, longest, chat.turns == "last") for talk in talks]
        fitting = [(number, one) for number, one in enumerate(read) if one is not None]
        return Conversations.of([one for _, one in fitting], settings), [number for number, _ in fitting]

    (learnt, which), (held_out, held_which) = dealt(talks), dealt(valid)
    if not len(learnt):
        raise InvalidInput(
            "No conversation has a reply of the assistant that fits.",
            got=f"{len(talks)} conversations",
            expected="messages of the roles user and assistant, shorter than {tokens} tokens",
            tokens=longest,
        )
    first = shown(tokenizer, next(learnt.from_step(0)))
    if show is not None:
        show(first)
    set_dropout(model, settings.dropout)
    plain = Reply()
    objective: Reply | Distilled[Any] = plain if teacher is None else distilled(plain, model, teacher)
    if adapted is not None:
        adapted.attach(model, settings.seed)
    fitted = fit(
        model,
        learnt,
        objective,
        settings,
        state=state,
        progress=progress,
        validate=(lambda m: plain.measure(m, held_out)) if len(held_out) else None,
        checkpoint_seconds=checkpoint_seconds,
        processes=launch.processes,
        sharding=launch.sharding,
        what="Fine-tuning",
    )
    keep(model, out, adapted)
    write_settings(out, settings, chat)
    write_exposures(out, learnt, fitted.steps, fitted.seen, which)
    report = train_report(model, fitted, len(talks))
    if len(held_out):
        texts = [_last_turns(talk) for talk in valid]
        report["samples"] = sampled(model, plain, held_out, len(held_out), texts, held_which)
    return {**report, "first_batch": first, "left_out": len(talks) - len(learnt)}


def finetune_preference(
    model: Model,
    folder: Path,
    preferences: Sequence[Preference],
    settings: TrainSettings,
    out: Path,
    *,
    preference: PreferenceSettings = PreferenceSettings(),  # noqa: B008 - frozen
    adapted: Adapted | None = None,
    valid: Sequence[Preference] = (),
    state: Path | None = None,
    progress: Progress = SILENT,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
    launch: LaunchSettings = LaunchSettings(),  # noqa: B008 - frozen
) -> TrainReport:
    """Train `model` to find the better reply likelier than the worse; it is itself the reference that it stays near.

    What the reference thinks is computed once, before the first step, and kept in `state`.
    """
    tokenizer, template = speaker(folder, out)
    limit = model.config.max_position_embeddings
    longest = min(preference.max_tokens or limit, limit)
    if settings.dropout:
        set_dropout(model, settings.dropout)

    def dealt(preferences: Sequence[Preference], name: str) -> tuple[Preferences, list[int]]:
        read = [
            [reply_tokens(tokenizer, template, one.prompt, reply) for reply in (one.better, one.worse)]
            for one in preferences
        ]
        which = [at for at, both in enumerate(read) if max(len(reply.ids) for reply in both) <= longest]
        better, worse = [read[at][0] for at in which], [read[at][1] for at in which]
        kept = None if state is None else state / f"reference-{name}.safetensors"
        return Preferences.of(better, worse, model, settings, kept=kept, progress=progress), which

    (learnt, which), (held_out, held_which) = dealt(preferences, "train"), dealt(valid, "valid")
    if not len(learnt):
        raise InvalidInput(
            "No pair of replies fits.",
            got=f"{len(preferences)} pairs",
            expected="prompts and replies shorter than {tokens} tokens",
            tokens=longest,
        )
    if adapted is not None:
        adapted.attach(model, settings.seed)
    objective = Preferred(preference.beta, preference.label_smoothing)
    fitted = fit(
        model,
        learnt,
        objective,
        settings,
        state=state,
        progress=progress,
        validate=(lambda m: objective.measure(m, held_out)) if len(held_out) else None,
        checkpoint_seconds=checkpoint_seconds,
        processes=launch.processes,
        sharding=launch.sharding,
        what="Fine-tuning",
    )
    keep(model, out, adapted)
    write_settings(out, settings, preference)
    write_exposures(out, learnt, fitted.steps, fitted.seen, which)
    report = train_report(model, fitted, len(preferences))
    if len(held_out):
        texts = [f"{_last_turns(one.prompt)} → {one.better} | {one.worse}" for one in valid]
        report["samples"] = sampled(model, objective, held_out, len(held_out), texts, held_which)
    return report


def _last_turns(talk: Talk) -> str:
    """The last question and its answer, which say most about a conversation."""
    return " → ".join(str(message.get("content") or "") for message in list(talk)[-2:])


def speaker(folder: Path, out: Path) -> tuple[Tokenizer, ChatTemplate]:
    """The tokenizer and chat template of a model; both are kept in `out`."""
    out.mkdir(parents=True, exist_ok=True)
    copy_companions(folder, out)
    template = read_template(folder)
    if template is None:
        template = ChatTemplate.plain(special_tokens(folder))
        write_whole(out / TEMPLATE_FILE, template.source.encode("utf-8"))
    return load_tokenizer(folder), template


def shown(tokenizer: Tokenizer, batch: TalkBatch) -> list[tuple[str, bool]]:
    """The first tokens of a batch as text, and whether the loss counts each."""
    said = (batch.targets_N != IGNORED).tolist()
    counts = [False, *said[:-1]]  # a target is the token after
    ids = batch.input_ids_1N[0].tolist()
    return [
        (tokenizer.decode([number], skip_special_tokens=False), counted)
        for number, counted in zip(ids[:SHOWN_TOKENS], counts, strict=False)
    ]


def _fitting(
    tokenizer: Tokenizer, template: ChatTemplate, talk: Talk, longest: int, last_only: bool
) -> ChatTokens | None:
    """A conversation of at most `longest` tokens, earliest turns left out until it is; None where nothing is said."""
    messages = list(talk)
    first = 1 if messages and messages[0].get("role") == "system" else 0
    while any(message.get("role") == "assistant" for message in messages[first:]):
        tokens = chat_tokens(tokenizer, template, messages, last_only=last_only)
        if len(tokens.ids) <= longest:
            return tokens if any(tokens.said) else None
        del messages[first : first + 2]  # a question and its answer
    return None


def reply_likelihoods(
    model: Model, talks: Sequence[ChatTokens], *, progress: Progress = SILENT
) -> tuple[list[float], list[int]]:
    """log p of what is said in each conversation, and of how many tokens that is. Nothing is cut or left out."""
    import torch

    data = Conversations.of(talks, TrainSettings(steps=1, batch_tokens=2048))
    told = [0.0] * len(talks)
    progress.begin("scoring text", len(talks), "replies")
    with torch.inference_mode():
        model.eval()
        for batch in data.in_order():
            for number, value in zip(
                batch.documents.tolist(), reply_log_probs(model, batch).tolist(), strict=True
            ):
                told[number] = value
            progress.advance(len(batch.documents))
    return told, [sum(talk.said) for talk in talks]
