"""The training documents whose words are most like a text's: what `trace` shows beside an answer's lineage.

A match, not a cause: it says that the model was trained on something similar, not that this made the answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from heapq import nlargest
from typing import Any

from catenary.store import Artifact

SHOWN = 3
MOST_DOCUMENTS = 200_000  # looked at: about five seconds; an index over all of them is a later matter
COLUMNS = ("id", "text", "label", "file", "offset", "licence")


def nearest(text: str, datasets: Sequence[Artifact], shown: int = SHOWN) -> list[Mapping[str, Any]]:
    """The `shown` training documents with the greatest Jaccard similarity of character pairs, greatest first."""
    wanted = _pairs(text)
    scored = (
        (len(wanted & pairs) / len(wanted | pairs), row["id"], row) for row, pairs in _documents(datasets)
    )
    best = nlargest(shown, (one for one in scored if one[0] > 0), key=lambda one: one[:2])
    return [row for _, _, row in best]


def _documents(datasets: Sequence[Artifact]) -> Iterator[tuple[Mapping[str, Any], set[str]]]:
    from catenary.data import iter_split
    from catenary.errors import NotFound

    seen = 0
    for dataset in datasets:
        try:
            for batch in iter_split(dataset.path, "train", COLUMNS):
                for row in batch.to_pylist():
                    yield row, _pairs(row["text"])
                seen += batch.num_rows
                if seen >= MOST_DOCUMENTS:
                    return
        except NotFound:
            continue


def _pairs(text: str) -> set[str]:
    return {text[place : place + 2] for place in range(max(len(text) - 1, 1))}
