"""The longest spans of a text that stand in the documents, found as looking everywhere finds them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catenary.errors import Damaged, InvalidInput, NotFound
from catenary.evaluate.suffixes import suffix_array
from catenary.evaluate.verbatim import Index, build_index

WORDS = st.lists(st.integers(0, 3), max_size=60)


@given(WORDS)
def test_suffixes_are_in_order(tokens: list[int]) -> None:
    found = suffix_array(np.array(tokens, np.uint16), 4).tolist()
    assert found == sorted(range(len(tokens)), key=lambda at: tokens[at:])


def holds(document: list[int], run: list[int]) -> int:
    return sum(document[at : at + len(run)] == run for at in range(len(document) - len(run) + 1))


def test_spans_are_those_found_by_looking_everywhere(tmp_path: Path) -> None:
    draw = np.random.default_rng(4)
    documents = {f"d{n}": draw.integers(0, 5, draw.integers(0, 80)).tolist() for n in range(40)}
    for shard_tokens, vocab in ((1 << 24, 5), (200, 5), (64, 70_000)):
        folder = tmp_path / f"{shard_tokens}-{vocab}"
        told = build_index(documents.items(), folder, vocab_size=vocab, shard_tokens=shard_tokens)
        index = Index.open(folder)
        assert told["documents"] >= 40
        assert (
            index.bytes <= 7 * (2 if vocab < 1 << 16 else 4) * (told["tokens"] + told["documents"]) + 8 * 40
        )
        if shard_tokens == 64:
            continue  # documents are parted: what runs over the cut is not found
        for _ in range(20):
            asked = draw.integers(0, 5, 30).tolist()
            spans = index.spans(asked, min_tokens=3, spans=100, places=100)
            assert spans, asked
            inside = set()
            for span in spans:
                run = asked[span.start : span.end]
                assert span.occurrences == sum(holds(one, run) for one in documents.values())
                for place in span.documents:
                    assert documents[place.document][place.token : place.token + span.tokens] == run
                for longer in (asked[span.start - 1 : span.end], asked[span.start : span.end + 1]):
                    if len(longer) > span.tokens:
                        assert not any(holds(one, longer) for one in documents.values())
                inside |= set(range(span.start, span.end))
            assert spans[0].tokens == max(span.tokens for span in spans)
            assert index.covered(asked, min_tokens=3) == len(inside)


def test_no_match_runs_from_one_document_into_the_next(tmp_path: Path) -> None:
    build_index([("a", [1, 2, 3]), ("b", [4, 5, 6])], tmp_path / "i", vocab_size=7)
    [first, second] = Index.open(tmp_path / "i").spans([1, 2, 3, 4, 5, 6], min_tokens=2)
    assert (first.start, first.end, second.start, second.end) == (0, 3, 3, 6)
    assert second.documents[0].document == "b"


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput):
        build_index([("a", [7])], tmp_path / "a", vocab_size=7)
    with pytest.raises(InvalidInput):
        build_index([], tmp_path / "b", vocab_size=7)
    with pytest.raises(NotFound):
        Index.open(tmp_path / "c")
    build_index([("a", [1])], tmp_path / "d", vocab_size=7)
    (tmp_path / "d" / "00000" / "ids.txt").write_text("a\nb")
    with pytest.raises(Damaged):
        Index.open(tmp_path / "d")
