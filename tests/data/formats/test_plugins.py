"""A format of somebody else's package: in the same table, found by its suffix, and named in the recipe."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from catenary.data import Source, formats, resolve
from catenary.data.formats import by_suffix, find, plugin_version
from catenary.errors import InvalidInput
from catenary.stages.collect import content
from tests.data.formats.reads import rows, texts

PLUGIN = """
from catenary.data.formats import Format
from catenary.data.formats.records import one

def read(given, reading):
    for number, minute in enumerate(given.whole(reading.source.max_document_bytes).decode().split(";"), 1):
        yield one(minute, offset=number)

FORMAT = Format(read, suffixes=(".min",))
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A package as pip leaves it."""
    site = tmp_path / "site"
    notes = site / "acme_minutes-1.2.dist-info"
    notes.mkdir(parents=True)
    (site / "acme_minutes.py").write_text(PLUGIN)
    (notes / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-minutes\nVersion: 1.2\n")
    (notes / "entry_points.txt").write_text("[catenary.formats]\nminutes = acme_minutes:FORMAT\n")
    monkeypatch.syspath_prepend(str(site))
    for cached in (formats._plugins, formats._suffixes):
        cached.cache_clear()
    yield
    for cached in (formats._plugins, formats._suffixes):
        cached.cache_clear()
    sys.modules.pop("acme_minutes", None)


@pytest.mark.usefixtures("installed")
def test_a_plugin_brings_a_format(tmp_path: Path) -> None:
    assert by_suffix("a.min") == "minutes"
    assert find("minutes") is not None
    assert plugin_version("minutes") == "acme-minutes 1.2"
    assert texts(rows(tmp_path, "a.min", "一;二".encode())) == ["一", "二"]
    declared = Source.model_validate({"path": "files", "format": "minutes", "licence": "MIT"})
    assert len(resolve(declared, tmp_path)) == 1
    assert content("s", declared, tmp_path, lambda path: "")["plugins"] == ["acme-minutes 1.2"]
    found = Source.model_validate({"path": "files", "licence": "MIT"})
    assert content("s", found, tmp_path, lambda path: "")["plugins"] == ["acme-minutes 1.2"]


def test_without_it_the_format_is_unknown() -> None:
    with pytest.raises(InvalidInput, match="no such format"):
        Source.model_validate({"path": "files", "format": "minutes", "licence": "MIT"})
