"""What an artifact says of itself: `manifest.json` beside its files.

A manifest holds no time, host or path, so an artifact that is made again has the same one, byte for byte.
Its id is the digest of its recipe, so a manifest whose recipe was edited names itself a liar.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from catenary.digest import digest
from catenary.errors import Damaged, InvalidInput
from catenary.files import json_blocks

MANIFEST = "manifest.json"
SCHEMA = 1


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file of an artifact."""

    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """An artifact's recipe (stage, version, settings, inputs by role), its files by path, its report."""

    id: str
    kind: str
    stage: str
    version: int
    settings: Mapping[str, Any]
    inputs: Mapping[str, str]
    files: Mapping[str, FileEntry]
    report: Mapping[str, Any]

    @property
    def size(self) -> int:
        """The size of all files together, in bytes."""
        return sum(entry.bytes for entry in self.files.values())

    def _as_json(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "id": self.id,
            "kind": self.kind,
            "stage": self.stage,
            "version": self.version,
            "settings": dict(self.settings),
            "inputs": dict(self.inputs),
            "files": {
                path: {"sha256": entry.sha256, "bytes": entry.bytes} for path, entry in self.files.items()
            },
            "report": dict(self.report),
        }

    def to_bytes(self) -> bytes:
        """The one way to write this manifest down. Raises InvalidInput for what JSON cannot hold."""
        return b"".join(self.blocks())

    def blocks(self) -> Iterator[bytes]:
        """The same a piece at a time: of a source with a million files it is half a gigabyte."""
        raw = self._as_json()
        try:
            if other := _other_key(raw):  # json would turn it into a text, in another order
                raise TypeError(f"key {other}")
            yield from json_blocks(raw)
        except (TypeError, ValueError) as error:
            raise InvalidInput(
                "The settings or the report of a stage cannot be written as JSON.",
                where=self.stage,
                got=str(error),
                expected="texts, finite numbers, true, false, null, lists and mappings with text keys",
            ) from error


def recipe_id(stage: str, version: int, settings: Mapping[str, Any], inputs: Mapping[str, str]) -> str:
    """The id of what `stage` at `version` makes with `settings` from `inputs` (role → artifact id)."""
    return digest(["recipe", stage, version, dict(settings), dict(inputs)])


def manifest_sha256(data: bytes) -> str:
    """SHA-256 (64 hexadecimal digits) of a manifest as it lies on disk; the catalog keeps it."""
    return hashlib.sha256(data).hexdigest()


def parse_manifest(data: bytes, where: Path) -> Manifest:
    """The manifest in `data`. Raises Damaged unless `to_bytes` wrote it and its id is its recipe's."""
    try:
        manifest = _manifest(json.loads(data))
        intact = _is(data, manifest.blocks()) and manifest.id == recipe_id(
            manifest.stage, manifest.version, manifest.settings, manifest.inputs
        )
    except (ValueError, TypeError, KeyError, AttributeError, InvalidInput) as error:
        raise _damaged(where) from error
    if not intact:
        raise _damaged(where)
    return manifest


def _is(data: bytes, blocks: Iterable[bytes]) -> bool:
    at = 0
    for block in blocks:
        if not data.startswith(block, at):
            return False
        at += len(block)
    return at == len(data)


def committed_manifest(data: bytes) -> Manifest:
    """The manifest in `data`, whose SHA-256 the catalog keeps: so `to_bytes` wrote it, and nothing else is compared."""
    return _manifest(json.loads(data))


def _other_key(value: Any) -> str | None:
    """A key that is no text, wherever it stands in `value`; None where there is none."""
    if isinstance(value, Mapping):
        others = [repr(key) for key in value if not isinstance(key, str)]
        return next(chain(others, filter(None, map(_other_key, value.values()))), None)
    if isinstance(value, list | tuple):
        return next(filter(None, map(_other_key, value)), None)
    return None


def _manifest(raw: Any) -> Manifest:
    raw = dict(raw)
    if raw.pop("schema") != SCHEMA:
        raise ValueError(raw)
    files = {path: FileEntry(**entry) for path, entry in raw.pop("files").items()}
    return Manifest(files=files, **raw)


def _damaged(where: Path) -> Damaged:
    return Damaged(
        "The manifest of an artifact is not what was written.",
        where=str(where),
        expected="the manifest that was committed",
        next="catenary verify",
    )
