"""What an answer must be: JSON of a schema, a match of a regular expression, or a text of a grammar."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ConstraintKind = Literal["json_schema", "json", "regex", "grammar"]


@dataclass(frozen=True, slots=True)
class Constraint:
    """`source`: a JSON Schema as JSON, a regular expression, or a grammar in Lark's notation; nothing for `json`."""

    kind: ConstraintKind
    source: str = ""
