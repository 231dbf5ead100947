"""From what a client asks to the engine's settings; OpenAI's defaults, vLLM's names for what OpenAI lacks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from catenary.serve.asked import Sampling
from catenary.serve.asked_response import ResponseRequest
from catenary.serve.errors import INVALID_REQUEST, ApiError
from catenary.serve.limits import Limits
from catenary.serve.schemas import checked_schema, checked_source

DEFAULT_TEMPERATURE = 1.0  # OpenAI's


def settings_of(asked: Sampling, limits: Limits, *, max_tokens: int | None = None) -> dict[str, Any]:
    """The fields of GenerationSettings that differ from its defaults, as JSON values."""
    stop = [asked.stop] if isinstance(asked.stop, str) else asked.stop or []
    settings: dict[str, Any] = {
        "max_tokens": max_tokens or asked.max_tokens or limits.max_tokens,
        "temperature": DEFAULT_TEMPERATURE if asked.temperature is None else asked.temperature,
        "top_p": asked.top_p,
        "top_k": None if asked.top_k in (-1, None) else asked.top_k,
        "min_p": asked.min_p,
        "repetition_penalty": asked.repetition_penalty,
        "presence_penalty": asked.presence_penalty,
        "frequency_penalty": asked.frequency_penalty,
        "min_tokens": asked.min_tokens,
        "logit_bias": asked.logit_bias,
        "seed": asked.seed,
        "stop": stop or None,
        "n": asked.n,
    }
    if asked.n is not None and asked.n > limits.queue:
        raise ApiError(
            "A request takes 1 to {most} answers.", INVALID_REQUEST, param="n", got=asked.n, most=limits.queue
        )
    if asked.guided_regex is not None:
        settings["constraint"] = {
            "kind": "regex",
            "source": checked_source(asked.guided_regex, "guided_regex"),
        }
    if asked.guided_grammar is not None:
        settings["constraint"] = {
            "kind": "grammar",
            "source": checked_source(asked.guided_grammar, "guided_grammar"),
        }
    return {name: value for name, value in settings.items() if value is not None}


def check_stream_options(asked: Sampling | ResponseRequest) -> None:
    """Raise ApiError (400) where they stand without a stream."""
    if asked.stream_options is not None and not asked.stream:
        raise ApiError("stream_options needs stream: true.", INVALID_REQUEST, param="stream_options")


def constraint_of(kind: str, schema: Mapping[str, Any] | None, param: str) -> dict[str, str] | None:
    """What a format holds the answer to: text, json_object or json_schema. `param` names the schema's place.

    Raises ApiError (400) for a schema that is missing or too large.
    """
    if kind == "text":
        return None
    if kind == "json_object":
        return {"kind": "json"}
    if schema is None:
        raise ApiError("The parameter {key} is missing.", INVALID_REQUEST, param=param, key=param)
    return {"kind": "json_schema", "source": checked_schema(schema, param)}
