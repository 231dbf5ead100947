"""Which document was in which step: "from which step on had this model seen document X?"

    exposures.parquet    one row each time a document is in a step, sorted by document, then by step

The order is a function of the data, the seed and the step, so the loop keeps no list: the record is made afterwards
from the same function, and a digest that the loop took of what it really saw must agree. Both columns are
delta-encoded: documents take next to nothing, steps about as many bits as the number of steps has.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catenary.errors import NotFound
from catenary.train.dealing import Dealer
from catenary.train.run import seen_after

FILE = "exposures.parquet"
ROW_GROUP = 1 << 16


def write_exposures(
    folder: Path, batches: Dealer[Any], steps: int, seen: str, rows: Sequence[int] | None = None
) -> Path:
    """Record into `folder` what the first `steps` steps of `batches` saw; `seen` is `Fit.seen` of that run.

    Documents are told by their number in the data. `rows` says which row of the split each is, where it is another.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    documents: list[NDArray[np.int64]] = []
    digest = ""
    for dealt in islice(batches.documents_from(0), steps):
        digest = seen_after(digest, dealt)
        documents.append(np.unique(dealt))
    assert digest == seen, "the order of documents is not the one that was trained on"
    step = np.repeat(np.arange(1, len(documents) + 1, dtype=np.int32), [len(one) for one in documents])
    document = np.concatenate([*documents, np.zeros(0, np.int64)])
    if rows is not None:
        document = np.asarray(rows, np.int64)[document]
    order = np.argsort(document, kind="stable")
    table = pa.table(
        {"document": document[order], "step": step[order]}, metadata={"steps": str(steps), "seen": seen}
    )
    path = folder / FILE
    pq.write_table(
        table,
        path,
        version="2.6",
        row_group_size=ROW_GROUP,
        compression="zstd",
        use_dictionary=False,
        column_encoding={"document": "DELTA_BINARY_PACKED", "step": "DELTA_BINARY_PACKED"},
    )
    return path


def steps_with(folder: Path, document: int) -> tuple[list[int], int]:
    """(the steps, from 1, that document number `document` was in; how many steps there were).

    Raises NotFound where the model in `folder` has no record.
    """
    import pyarrow.parquet as pq

    path = folder / FILE
    if not path.is_file():
        raise NotFound("This model has no record of the documents it saw.", where=str(folder))
    told = pq.read_schema(path).metadata
    found = pq.read_table(path, columns=["step"], filters=[("document", "=", document)])
    return found.column("step").to_pylist(), int(told[b"steps"])
