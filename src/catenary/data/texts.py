"""The texts of a dataset's split, for whoever trains or measures on them.

    texts, labels = labelled_texts_of(folder, "train")

A split that a dataset does not have is empty here: not every chain holds out a part for validation.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from catenary.errors import InvalidInput, NotFound


def texts_of(folder: Path, split: str) -> Iterator[str]:
    """The texts of a split, in the order of their documents' ids; of the training split as often as they are read."""
    from catenary.data.repeats import iter_read

    try:
        for batch in iter_read(folder, split, ["id", "text"]):
            yield from batch.column("text").to_pylist()
    except NotFound:
        return


def count_of(folder: Path, split: str) -> int:
    """How many texts `texts_of` gives; read from the files' footers."""
    import pyarrow.parquet as pq

    from catenary.data.repeats import more_rows
    from catenary.data.shards import shard_paths

    try:
        documents: int = sum(pq.read_metadata(path).num_rows for path in shard_paths(folder, split))
        return documents + (more_rows(folder) if split == "train" else 0)
    except NotFound:
        return 0


def labelled_texts_of(folder: Path, split: str) -> tuple[list[str], list[str]]:
    """The texts of a split and their labels. Raises InvalidInput where a document has none."""
    _, texts, labels = labelled_documents_of(folder, split)
    return texts, labels


def labelled_documents_of(folder: Path, split: str) -> tuple[list[str], list[str], list[str]]:
    """The ids, texts and labels of a split. Raises InvalidInput where a document has no label."""
    from catenary.data.repeats import repeated, repeats_of
    from catenary.data.shards import read_split

    try:
        table = read_split(folder, split, ["id", "text", "label"])
        if split == "train":
            table = repeated(table, repeats_of(folder))
    except NotFound:
        return [], [], []
    ids, texts, labels = (table.column(name).to_pylist() for name in ("id", "text", "label"))
    missing = labels.count(None)
    if missing:
        raise InvalidInput(
            "A classifier needs a label for every document; {missing} of {n} in the split `{split}` have none.",
            missing=missing,
            n=len(labels),
            split=split,
            got=f"doc:{ids[labels.index(None)]}",
            expected="a source with `files: {{label: …}}` or `label: <column>`",
        )
    return ids, texts, labels
