"""Reading bytes as a source's file, for the tests of formats."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from catenary.data import Source, read, resolve
from catenary.data.settings import parse

Row = dict[str, Any]


def rows(folder: Path, name: str, data: bytes, **settings: object) -> list[Row]:
    """The documents of a file with this name and content."""
    path = folder / "files" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    source = parse(Source, {"path": "files", "files": [name], "licence": "MIT", **settings})
    found = []
    for batch in read(source, resolve(source, folder), "s"):
        batch.validate(full=True)
        found += batch.to_pylist()
    assert len({row["id"] for row in found}) == len(found)
    return [{**row, "meta": dict(row["meta"])} for row in found]


def texts(found: list[Row]) -> list[str]:
    return [row["text"] for row in found]


def told(found: list[Row]) -> dict[str, str]:
    """What became of each file and part: its text, or why there is none."""
    return {row["file"]: row["dropped"] or row["text"] for row in found}


def columns(found: list[Row]) -> list[Any]:
    return [json.loads(row["annotations"]) for row in found]
