"""SHA-256 of files outside the store, remembered by size, time and inode so that planning stays quick.

with FileDigests.of(home) as digests:
    digests.sha256(path)        # reads the file once; later answers come from the cache until the file changes
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from functools import cached_property
from pathlib import Path

from catenary.digest import file_sha256

# A file changed twice within one tick of the clock could keep its time: one this fresh is not remembered
# (git's rule for "racily clean" entries).
SETTLED_SECONDS = 2.0
TOGETHER = 10_000  # new ones are written down at once: they may be a million


class FileDigests:
    """A cache of file digests. A lost, broken or busy cache costs a second reading, nothing else."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._new: list[tuple[bytes, str, str]] = []

    @classmethod
    def of(cls, home: Path) -> FileDigests:
        """That of the store in this folder."""
        return cls(home / "cache" / "file-digests.db")

    def __enter__(self) -> FileDigests:
        return self

    def __exit__(self, *_: object) -> None:
        self._write_down()
        if "_cache" in vars(self) and self._cache is not None:
            self._cache.close()

    def sha256(self, path: Path) -> str:
        """The SHA-256 of the file's bytes as it stands now."""
        status = path.stat()
        key = os.fsencode(path.absolute())
        mark = f"{status.st_size} {status.st_mtime_ns} {status.st_ino}"
        if found := self._remembered(key, mark):
            return found
        sha = file_sha256(path)
        if time.time() - status.st_mtime > SETTLED_SECONDS:
            self._new.append((key, mark, sha))
            if len(self._new) == TOGETHER:
                self._write_down()
        return sha

    @cached_property
    def _cache(self) -> sqlite3.Connection | None:
        try:
            return _opened(self.path)
        except (OSError, sqlite3.OperationalError):
            return None
        except sqlite3.DatabaseError:  # what lies there is no cache
            with contextlib.suppress(OSError, sqlite3.Error):
                self.path.unlink()
                return _opened(self.path)
        return None

    def _remembered(self, key: bytes, mark: str) -> str | None:
        if self._cache is not None:
            with contextlib.suppress(sqlite3.Error):
                query = "SELECT sha256 FROM digests WHERE path = ? AND mark = ?"
                row = self._cache.execute(query, (key, mark)).fetchone()
                return None if row is None else str(row[0])
        return None

    def _write_down(self) -> None:
        new, self._new = self._new, []
        if new and self._cache is not None:
            with contextlib.suppress(sqlite3.Error), self._cache:
                self._cache.executemany("INSERT OR REPLACE INTO digests VALUES (?, ?, ?)", new)


def _opened(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    cache = sqlite3.connect(path)
    try:
        cache.execute(
            "CREATE TABLE IF NOT EXISTS digests"
            " (path BLOB PRIMARY KEY, mark TEXT NOT NULL, sha256 TEXT NOT NULL) WITHOUT ROWID"
        )
    except BaseException:
        cache.close()
        raise
    return cache
