"""Finding one document among many: each dataset and collection carries `documents.parquet`, sorted by id.

Documents are no rows of the catalog. The file's own statistics name the one row group that can hold an id,
so a look-up reads the footer and that group, however many documents there are.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

DOCUMENTS = "documents.parquet"
KINDS_WITH_DOCUMENTS = ("collection", "dataset")


def find_document(path: Path, document_id: str) -> dict[str, Any] | None:
    """The row with this id in a Parquet file sorted by its column `id`, as a mapping of columns to values."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        names = [file.schema.column(leaf).path for leaf in range(len(file.schema))]
        column = names.index("id")  # statistics are kept by leaf, and a nested column has several
        for group in range(file.metadata.num_row_groups):
            known = file.metadata.row_group(group).column(column).statistics
            if known is not None and known.has_min_max:
                if document_id > known.max:
                    continue
                if document_id < known.min:
                    return None  # sorted: it would have come before
            ids = file.read_row_group(group, columns=["id"]).column("id")
            place = pc.index(ids, document_id).as_py()
            if place >= 0:
                row: dict[str, Any] = file.read_row_group(group).slice(place, 1).to_pylist()[0]
                return row
    return None
