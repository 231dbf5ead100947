"""Files that must be whole or absent, also after kill -9 and a power cut; and JSON as they hold it.

    write_whole(path, b"...")   # readers see the old content or the new, never a part

Renaming is atomic; what makes it durable is syncing the content before and the folder after
(Pillai et al., "All File Systems Are Not Created Equal", OSDI 2014).
"""

from __future__ import annotations

import json
import os
import secrets
import stat
import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from catenary.errors import Refused

JSON_PIECES = 1 << 14


def write_whole(path: Path, data: bytes, *, mode: int = 0o666) -> None:
    """Write `data` to `path` (made with permissions `mode` less the umask), replacing what is there."""
    _write(path, [data], mode, synced=True)
    sync_folder(path.parent)


def write_unsynced(path: Path, pieces: Iterable[bytes | memoryview]) -> None:
    """The same for what can be made again, without waiting for the disk: readers see the old content or the new, but
    after a power cut any part of it, so they must be able to tell."""
    _write(path, pieces, 0o666, synced=False)


def _write(path: Path, pieces: Iterable[bytes | memoryview], mode: int, *, synced: bool) -> None:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with open(descriptor, "wb") as file:  # noqa: PTH123 - pathlib cannot open a descriptor
            file.writelines(pieces)
            if synced:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def json_blocks(value: Any) -> Iterator[bytes]:
    """`value` as indented JSON with sorted keys, and a line feed, a block at a time.

    `json.dumps` holds every piece of such a text: ten times the text itself, gigabytes for a source of a million files.
    Raises TypeError and ValueError for what JSON cannot hold.
    """
    pieces = json.JSONEncoder(ensure_ascii=False, allow_nan=False, indent=1, sort_keys=True).iterencode(value)
    while block := list(islice(pieces, JSON_PIECES)):
        yield "".join(block).encode("utf-8")
    yield b"\n"


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable: files made, renamed and removed in it."""
    if sys.platform == "win32":  # Windows opens no folders, and keeps names durable by itself
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Make `folder` and its missing parents, durably."""
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for place in missing:
        sync_folder(place.parent)


def require_private(path: Path) -> None:
    """Raises Refused where others than its owner may read this file, which holds a key."""
    if sys.platform != "win32" and stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise Refused(
            "A private key is readable by others.",
            where=str(path),
            expected="a file that its owner alone may read",
            next="chmod 600 {path}",
            path=path,
        )
