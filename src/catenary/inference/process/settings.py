"""Generation settings, pieces and refusals as JSON values, in both directions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from catenary.errors import CatenaryError, Interrupted, InvalidInput
from catenary.inference.constraint import Constraint
from catenary.inference.generation import Choice, GenerationSettings, Piece, TokenLogprob

# What the engine says when a prompt, or it with its longest answer, is too long for the model or its cache.
TOO_LONG = (
    "This prompt leaves the model no room for an answer.",
    "The prompt and its longest answer do not fit into the cache.",
)


def settings_of(told: Mapping[str, Any]) -> GenerationSettings:
    """Raises InvalidInput for what is out of range."""
    values = dict(told)
    constraint = values.pop("constraint", None)
    bias = values.pop("logit_bias", {})
    return GenerationSettings(
        **{**values, "stop": tuple(values.get("stop", ()))},
        logit_bias={int(id): float(amount) for id, amount in bias.items()},
        constraint=None if constraint is None else Constraint(**constraint),
    )


def piece_json(piece: Piece) -> list[Any]:
    """`[choice, text, tokens, logprobs or None, finish_reason or None]`"""
    logprobs = [logprob_json(one) for one in piece.logprobs] or None
    return [piece.choice, piece.text, len(piece.ids), logprobs, piece.finish_reason]


def choice_json(number: int, choice: Choice) -> list[Any]:
    """A whole answer in the form of a piece."""
    logprobs = [logprob_json(one) for one in choice.logprobs] or None
    return [number, choice.text, len(choice.ids), logprobs, choice.finish_reason]


def logprob_json(one: TokenLogprob) -> list[Any]:
    """`[token, logprob, [[token, logprob], …]]`"""
    return [one.token, one.logprob, [[token, logprob] for _, token, logprob in one.top]]


def refusal(error: BaseException) -> dict[str, Any]:
    """`kind`: invalid (the request's fault), too_long, interrupted, or fault (ours); `text` for the first two."""
    if isinstance(error, Interrupted):
        return {"kind": "interrupted", "text": ""}
    if isinstance(error, InvalidInput):
        return {"kind": "too_long" if error.what in TOO_LONG else "invalid", "text": str(error)}
    text = str(error) if isinstance(error, CatenaryError) else f"{type(error).__name__}: {error}"
    return {"kind": "fault", "text": text[:2000]}
