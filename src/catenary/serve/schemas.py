"""Schemas and grammars of clients, bounded before anything is done with them: size, depth, number of parts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from catenary.serve.errors import INVALID_REQUEST, ApiError

MOST_BYTES = 64 << 10
MOST_DEPTH = 48
MOST_PARTS = 5000


def checked_schema(schema: Mapping[str, Any], param: str) -> str:
    """A JSON Schema as JSON. Raises ApiError (400) for one that is too large or deep."""
    level: list[Any] = [schema]
    parts = 0
    for _ in range(MOST_DEPTH):
        parts += len(level)
        if parts > MOST_PARTS or not level:
            break
        level = [
            inner
            for one in level
            for inner in (one.values() if isinstance(one, dict) else one if isinstance(one, list) else ())
        ]
    if level or parts > MOST_PARTS:
        raise ApiError(
            "The JSON Schema is nested deeper than {depth} levels, or has more than {parts} parts.",
            INVALID_REQUEST,
            param=param,
            depth=MOST_DEPTH,
            parts=MOST_PARTS,
        )
    return checked_source(json.dumps(schema, ensure_ascii=False), param)


def checked_source(source: str, param: str) -> str:
    """A grammar's text. Raises ApiError (400) for one that is too large."""
    if len(source.encode("utf-8")) > MOST_BYTES:
        raise ApiError("This is larger than {most} bytes.", INVALID_REQUEST, param=param, most=MOST_BYTES)
    return source
