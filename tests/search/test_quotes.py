from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from catenary.search import SearchIndex, build_search
from catenary.search.bars import Bars
from catenary.search.overlap import Overlap
from catenary.search.quotes import Quote, quotes

TEXT = """\
# Backups

Tapes are slow. Backups are made with rsync every night. They are kept for two weeks on another machine in the cellar of
the other building, where nobody but the administrators may go.

## Restoring

To restore a file:

Run rsync the other way round. Ask first.
"""


@pytest.fixture
def index(tmp_path: Path) -> SearchIndex:
    rows = [{"id": "b", "source": "s", "file": "b.md", "offset": 1, "licence": "MIT", "text": TEXT}]
    build_search([pa.RecordBatch.from_pylist(rows)], tmp_path)
    return SearchIndex.open(tmp_path)


def quoted(index: SearchIndex, question: str) -> list[Quote]:
    return quotes(question, index.search(question), index.rarity)


def test_a_quote_is_what_stands_at_its_place_and_goes_on_while_it_is_short(index: SearchIndex) -> None:
    [quote, *_] = quoted(index, "How are backups made?")
    assert quote.text == TEXT[quote.start : quote.end]
    assert quote.text.startswith("Backups are made with rsync every night. They are kept")


def test_what_ends_with_a_colon_takes_along_what_follows(index: SearchIndex) -> None:
    [quote, *_] = quoted(index, "How do I restore a file?")
    assert quote.text.startswith("To restore a file:\n\nRun rsync the other way round.")


def test_no_sentence_speaks_of_it(index: SearchIndex) -> None:
    assert quoted(index, "bicycles") == []


def test_bars_are_cleared_by_words_or_by_meaning(index: SearchIndex) -> None:
    assert Bars().cleared(index.search("rsync backups"))
    assert not Bars().cleared(index.search("rsync on a tandem bicycle in Norway"))
    assert not Bars().cleared([])


def test_the_control_counts_words(index: SearchIndex) -> None:
    control = Overlap(index)
    assert control.search("restore")[0].passage.headings == ("Backups", "Restoring")
    assert control.search("restoring?") == []  # as it stands there, and headings are not read
