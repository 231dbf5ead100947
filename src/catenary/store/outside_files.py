"""The files from outside that an artifact was made of, as its settings or its report tell of them.

Few are a list of `{name, bytes, sha256, …}`. Of many, `{count, bytes, sha256}` is told: they are rows of a table that
lies in the artifact under `FILES_TABLE`, and `sha256` is the digest of what the list would say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

FILES_TABLE = "files.parquet"


@dataclass(frozen=True, slots=True)
class OutsideFiles:
    """How many files, of how many bytes; each of them in `listed`, or none and the digest of their table's rows."""

    count: int
    bytes: int
    listed: Sequence[Mapping[str, Any]]
    sha256: str = ""


def outside_files(told: Mapping[str, Any]) -> OutsideFiles:
    """The files that a manifest's report, or `content` in its settings, tells of."""
    files = told.get("files", [])
    if isinstance(files, Mapping) and files.keys() >= {"count", "bytes", "sha256"}:
        return OutsideFiles(files["count"], files["bytes"], (), files["sha256"])
    listed = [
        file for file in files if isinstance(files, list) and isinstance(file, Mapping) and "name" in file
    ]
    return OutsideFiles(len(listed), sum(file.get("bytes") or 0 for file in listed), listed)
