"""Reading one request: a bounded body, strict JSON, the keys that the route knows and no others.

Python's own JSON reader takes NaN, 1e309, repeated keys and half surrogates; none of them is JSON (RFC 8259)
or can be answered, so each is refused with 400.
"""

from __future__ import annotations

import difflib
import json
import math
from typing import Any, NoReturn, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect

from catenary.serve.errors import (
    CLIENT_GONE,
    INVALID_REQUEST,
    TOO_LARGE,
    UNSUPPORTED,
    WRONG_CONTENT_TYPE,
    ApiError,
)

NAME_CHARACTERS = 200
SHOWN_CHARACTERS = 100


Body = TypeVar("Body", bound=BaseModel)


async def read_request(request: Request, kind: type[Body], limit_bytes: int) -> Body:
    """The request's body as a `kind`; raises ApiError for everything else."""
    _check_headers(request, limit_bytes)
    return validate(parse_json(await _read_body(request, limit_bytes)), kind)


def _check_headers(request: Request, limit_bytes: int) -> None:
    content_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
    # A page in a browser may post text/plain to this server unasked, but not JSON.
    if content_type != "application/json":
        raise ApiError(
            "The body must be sent as application/json.", WRONG_CONTENT_TYPE, got=shown(content_type)
        )
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding != "identity":
        raise ApiError("Compressed bodies are not taken.", WRONG_CONTENT_TYPE, got=shown(encoding))
    declared = request.headers.get("content-length", "0")
    if not (declared.isascii() and declared.isdigit()) or int(declared) > limit_bytes:
        raise _too_large(limit_bytes)


async def _read_body(request: Request, limit_bytes: int) -> bytes:
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > limit_bytes:
                raise _too_large(limit_bytes)
    except ClientDisconnect:
        raise ApiError("The client left before its request was read.", CLIENT_GONE) from None
    return bytes(body)


def _too_large(limit_bytes: int) -> ApiError:
    return ApiError("The body is larger than {limit} bytes.", TOO_LARGE, limit=limit_bytes)


def parse_json(body: bytes) -> Any:
    """The JSON value in `body`, by RFC 8259 to the letter; ApiError (400) otherwise."""
    try:
        text = body.decode("utf-8")
        value = json.loads(
            text,
            parse_constant=_refuse_constant,
            parse_float=_finite,
            object_pairs_hook=_without_repeats,
        )
        if "\\ud" in text.lower():  # an escaped surrogate: a whole pair is a character, a half is nothing
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except RecursionError:
        raise ApiError("The JSON is nested too deep.", INVALID_REQUEST) from None
    except UnicodeError:
        raise ApiError("The body is not valid UTF-8 text.", INVALID_REQUEST) from None
    except ValueError as error:  # JSONDecodeError, and whole numbers of more than 4,300 digits
        raise ApiError("The body is not valid JSON.", INVALID_REQUEST, got=shown(str(error))) from None
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ApiError("{name} is no number in JSON.", INVALID_REQUEST, name=name)


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ApiError("The number {number} is out of range.", INVALID_REQUEST, number=shown(digits))
    return value


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for key, member in pairs:
        if key in value:
            raise ApiError("The key {key} is given twice.", INVALID_REQUEST, param=shown(key), key=shown(key))
        value[key] = member
    return value


# What OpenAI's API knows and this does not. A client may send it as null, which asks for nothing.
KNOWN_ELSEWHERE = frozenset(
    (
        *("audio", "background", "best_of", "context_management", "conversation"),
        *("echo", "function_call", "functions", "include", "logprobs"),
        *("max_tool_calls", "modalities", "moderation", "prediction", "previous_response_id"),
        *("prompt", "prompt_cache_key", "prompt_cache_retention", "reasoning", "reasoning_effort"),
        *("safety_identifier", "service_tier", "suffix", "truncation", "verbosity"),
        *("web_search_options",),
    )
)


def validate(value: Any, kind: type[Body]) -> Body:
    """`value` as a `kind`; ApiError (400) naming the key at fault otherwise."""
    if not isinstance(value, dict):
        raise ApiError("The body must be one JSON object.", INVALID_REQUEST)
    value = {
        key: one
        for key, one in value.items()
        if not (one is None and key in KNOWN_ELSEWHERE and key not in kind.model_fields)
    }
    for key in value:
        if key not in kind.model_fields:
            near = difflib.get_close_matches(key[:NAME_CHARACTERS], kind.model_fields, n=1)
            raise ApiError(
                "The parameter {key} is not supported.",
                UNSUPPORTED,
                param=shown(key),
                key=shown(key),
                expected=", ".join(near or kind.model_fields),
            )
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        # Of a union every branch complains; the deepest one says where the fault is.
        found = error.errors(include_url=False, include_context=False, include_input=False)
        deepest = max(found, key=lambda one: len(_path(value, one)))
        path = shown(".".join(map(str, _path(value, deepest))))
        if deepest["type"] == "extra_forbidden":
            raise ApiError(
                "The parameter {key} is not supported.", UNSUPPORTED, param=path, key=path
            ) from None
        raise ApiError(
            "The parameter {key} is not as it must be.",
            INVALID_REQUEST,
            param=path,
            key=path,
            got=shown(deepest["msg"]),
        ) from None


def _path(value: Any, error: Any) -> list[int | str]:
    """Where an error is, without what pydantic adds for the arms of a union; a key that is missing is its last."""
    path: list[int | str] = []
    location: tuple[Any, ...] = error["loc"]
    for at, step in enumerate(location):
        if (isinstance(value, dict) and isinstance(step, str) and step in value) or (
            isinstance(value, list) and isinstance(step, int) and step < len(value)
        ):
            inner: Any = value
            value = inner[step]
        elif not (error["type"] == "missing" and isinstance(value, dict) and at == len(location) - 1):
            continue
        path.append(step)
    return path


def refuse_query(request: Request, *known: str) -> None:
    """Raise ApiError (400) for a parameter in the address that the route does not know."""
    for key in request.query_params:
        if key not in known:
            raise ApiError(
                "The parameter {key} is not supported.",
                UNSUPPORTED,
                param=shown(key),
                key=shown(key),
                expected=", ".join(known) or None,
            )


def schema_of(kind: type[BaseModel]) -> dict[str, Any]:
    """The body of a route, for /openapi.json; `with_components` moves what it refers to where that is looked for."""
    schema = kind.model_json_schema(ref_template="#/components/schemas/{model}")
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def with_components(document: dict[str, Any]) -> dict[str, Any]:
    """The document with every body's definitions among its components."""
    for path in document["paths"].values():
        for operation in path.values():
            for content in operation.get("requestBody", {}).get("content", {}).values():
                found = content["schema"].pop("$defs", {})
                document.setdefault("components", {}).setdefault("schemas", {}).update(found)
    return document


def shown(text: str) -> str:
    """`text` short enough for a message, with what cannot be printed escaped."""
    short = text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "…"
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in short)
