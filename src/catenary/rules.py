"""What was expected of a value that pydantic refuses, as messages of the catalogue: in the user's language."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

# pydantic's type of error → a message; its {places} are those of the error's context.
# https://docs.pydantic.dev/latest/errors/validation_errors/
RULES: Mapping[str, str] = {
    "bool_parsing": "`true` or `false`",
    "bool_type": "`true` or `false`",
    "dict_type": "a mapping of keys to values",
    "finite_number": "a finite number",
    "float_parsing": "a valid number",
    "float_type": "a valid number",
    "greater_than": "a number greater than {gt}",
    "greater_than_equal": "a number greater than or equal to {ge}",
    "int_from_float": "a valid integer, without a fraction",
    "int_parsing": "a valid integer",
    "int_type": "a valid integer",
    "less_than": "a number less than {lt}",
    "less_than_equal": "a number less than or equal to {le}",
    "list_type": "a list",
    "mapping_type": "a mapping of keys to values",
    "model_attributes_type": "a mapping of keys to values",
    "model_type": "a mapping of keys to values",
    "string_pattern_mismatch": "a text that matches {pattern}",
    "string_too_long": "a text of at most {max_length} characters",
    "string_too_short": "a text of at least {min_length} characters",
    "string_type": "a text",
    "too_long": "at most {max_length} entries",
    "too_short": "at least {min_length} entries",
    "tuple_type": "a list",
}


def rule_of(error: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """(the message of what was expected, its values) of one of pydantic's errors; its own words where we have none."""
    known = RULES.get(error["type"])
    if known is not None:
        return known, dict(error.get("ctx", {}))
    names = names_of(error)
    if names:
        return "one of: {names}", {"names": ", ".join(names)}
    return "{rule}", {"rule": error["msg"]}  # in a place of its own: a pattern in it may hold braces


def names_of(error: Mapping[str, Any]) -> list[str]:
    """The names among which one was to be chosen; none where the error is another one."""
    if error["type"] not in ("literal_error", "enum"):
        return []
    return re.findall(r"'([^']*)'", str(error["ctx"]["expected"]))
