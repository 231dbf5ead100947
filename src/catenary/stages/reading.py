"""How much there is to read, before anything runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from catenary.chain.stage import Known

ROW_BYTES = 4  # what Parquet writes beside each text: its length


@dataclass(frozen=True)
class Reading:
    """Tokens and documents of the training splits, frames included, and tokens of the validation splits."""

    tokens: int
    documents: int
    held_out: int


def reading_of(datasets: Sequence[Known], tokenizer: Known | None) -> Reading | None:
    """From the footers of the datasets' files and the tokenizer's report; None where one is not made yet."""
    if tokenizer is None or tokenizer.artifact is None or not all(one.artifact for one in datasets):
        return None
    bytes_per_token = tokenizer.artifact.manifest.report["valid"]["bytes_per_token"]
    if not bytes_per_token:
        return None
    paths = [one.artifact.path for one in datasets if one.artifact]
    text_bytes, documents = _sizes(paths, "train")
    valid_bytes, valid_documents = _sizes(paths, "valid")
    return Reading(
        round(text_bytes / bytes_per_token) + documents,
        documents,
        round(valid_bytes / bytes_per_token) + valid_documents,
    )


def _sizes(datasets: Sequence[Path], split: str) -> tuple[int, int]:
    """(bytes of text, documents) of a split."""
    import pyarrow.parquet as pq

    size = rows = 0
    for dataset in datasets:
        for path in dataset.glob(f"{split}-[0-9][0-9][0-9][0-9][0-9].parquet"):
            told = pq.read_metadata(path)
            names = [told.schema.column(leaf).path for leaf in range(told.num_columns)]
            rows += told.num_rows
            for group in range(told.num_row_groups):
                size += told.row_group(group).column(names.index("text")).total_uncompressed_size
                size -= ROW_BYTES * told.row_group(group).num_rows
    return size, rows
