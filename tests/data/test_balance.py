from __future__ import annotations

from collections import Counter

import pytest

from catenary.data import curate
from catenary.errors import InvalidInput
from catenary.records import Document

DOCUMENTS = [
    Document(f"{label}{n}", label=label, source="web" if n % 2 else "book")
    for label, count in (("a", 400), ("b", 100), ("c", 25))
    for n in range(count)
]


def left(settings: object, by: str = "label") -> dict[str, int]:
    return dict(Counter(getattr(one, by) for one in curate(DOCUMENTS, [{"balance": settings}]).kept))


def test_shares() -> None:
    assert left("label") == {"a": 25, "b": 25, "c": 25}
    assert left({"by": "label", "weights": {"a": 3, "b": 1}}) == {"a": 300, "b": 100}
    assert left({"by": "label", "temperature": 1.0}) == {"a": 400, "b": 100, "c": 25}
    assert left({"by": "label", "temperature": 0.5}) == {"a": 100, "b": 50, "c": 25}
    assert left({"by": "label", "temperature": 1.0, "at_most": 90}) == {"a": 90, "b": 90, "c": 25}
    assert left({"by": "source", "weights": {"web": 1, "book": 2}}, "source") == {"web": 131, "book": 263}


def test_who_stays_hangs_on_the_document_alone() -> None:
    one = {document.id for document in curate(DOCUMENTS, [{"balance": "label"}]).kept}
    other = {document.id for document in curate(DOCUMENTS[::-1], [{"balance": "label"}]).kept}
    assert one == other
    assert one != {d.id for d in curate(DOCUMENTS, [{"balance": {"by": "label", "seed": 1}}]).kept}


def test_a_weight_of_nothing() -> None:
    with pytest.raises(InvalidInput, match="has no document"):
        left({"by": "label", "weights": {"d": 1}})
