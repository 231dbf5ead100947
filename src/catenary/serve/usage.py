"""What keys used, a day and a model each, as CSV: one form at the command line and over HTTP."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Any

COLUMNS = (
    *("day", "key", "name", "model", "plan", "requests", "input_tokens", "output_tokens"),
    *("cost", "currency"),
)


def usage_csv(rows: Iterable[Mapping[str, Any]]) -> str:
    """The rows under the names of their columns."""
    told = io.StringIO()
    writer = csv.DictWriter(told, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _cell(row[name]) for name in COLUMNS} for row in rows)
    return told.getvalue()


def _cell(value: object) -> object:
    """A text that a spreadsheet would take for a formula is kept a text."""
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") and len(value) > 1:
        return f"'{value}"
    return "" if value is None else value
