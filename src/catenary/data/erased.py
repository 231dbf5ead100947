"""Documents that somebody had erased: of each only its id, its file and its place stay, and that it was erased."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from catenary.digest import text_sha256

ERASED = "read:erased"  # in the column `dropped`


def without(table: pa.Table, erased: Collection[str]) -> pa.Table:
    """Documents (`records.document_schema`) with all that is known of the `erased` ones taken out."""
    gone = pc.is_in(table.column("id"), value_set=pa.array(sorted(erased), pa.string()))
    if not pc.any(gone).as_py():
        return table
    blank: dict[str, Any] = {
        **dict.fromkeys(("label", "duplicate_of", "annotations")),
        "text": "",
        "sha256": text_sha256(""),
        "dropped": ERASED,
    }
    for name, value in blank.items():
        field = table.schema.field(name)
        column = pc.if_else(gone, pa.scalar(value, field.type), table.column(name))
        table = table.set_column(table.schema.get_field_index(name), field, column)
    field = table.schema.field("meta")  # a map, which `if_else` does not take
    rows = zip(gone.to_pylist(), table.column("meta").to_pylist(), strict=True)
    column = pa.array([[] if erase else meta for erase, meta in rows], field.type)
    return table.set_column(table.schema.get_field_index("meta"), field, column)
