"""A manifest is written one way, and any other byte in it is noticed."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catenary.errors import Damaged
from catenary.store.manifest import FileEntry, Manifest, parse_manifest, recipe_id

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
settings_values = st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), json_values, max_size=3)


def manifest(settings: dict[str, object]) -> Manifest:
    return Manifest(
        id=recipe_id("curate", 1, settings, {"from": "ab" * 32}),
        kind="dataset",
        stage="curate",
        version=1,
        settings=settings,
        inputs={"from": "ab" * 32},
        files={"文.txt": FileEntry("cd" * 32, 3)},
        report={"kept": 1},
    )


WRITTEN = manifest({"min_chars": 4, "language": ["zh"]}).to_bytes()


@given(settings_values)
def test_what_is_written_is_read(settings: dict[str, object]) -> None:
    written = manifest(settings)
    assert parse_manifest(written.to_bytes(), Path("manifest.json")) == written


@given(st.integers(0, len(WRITTEN) - 1), st.integers(1, 255))
def test_one_changed_byte_of_the_recipe_or_the_form_is_damage(place: int, flip: int) -> None:
    """Bytes of the files' list and the report are caught by the catalog, which keeps the manifest's digest."""
    changed = bytearray(WRITTEN)
    changed[place] ^= flip
    try:
        read = parse_manifest(bytes(changed), Path("manifest.json"))
    except Damaged:
        return
    assert (read.files, read.report, read.kind) != (
        manifest({}).files,
        manifest({}).report,
        manifest({}).kind,
    )


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[]", b"null", b'{"schema": 2}', WRITTEN + b"\n", WRITTEN[:-1]]
)
def test_what_is_no_manifest_is_damage(data: bytes) -> None:
    with pytest.raises(Damaged):
        parse_manifest(data, Path("manifest.json"))


def test_the_first_manifest_ever_written_is_still_read() -> None:
    path = Path(__file__).parent / "fixtures" / "manifest-schema-1.json"
    assert parse_manifest(path.read_bytes(), path) == manifest({"min_chars": 4, "language": ["zh"]})
    assert path.read_bytes() == WRITTEN
