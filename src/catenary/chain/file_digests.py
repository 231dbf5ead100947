"""SHA-256 of files outside the store, remembered by size, time and inode so that planning stays quick.

digests = FileDigests(home / "cache" / "file-digests.json")
digests.sha256(path)        # reads the file once; later answers come from the cache until the file changes
digests.save()
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from pathlib import Path

from catenary.digest import file_sha256

# A file changed twice within one tick of the clock could keep its time: one this fresh is not remembered
# (git's rule for "racily clean" entries).
SETTLED_SECONDS = 2.0


class FileDigests:
    """A cache of file digests. A lost or broken cache costs a second reading, nothing else."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.changed = False
        self.known: dict[str, list[int | str]] = {}
        with contextlib.suppress(OSError, ValueError):
            loaded = json.loads(path.read_text("utf-8"))
            if isinstance(loaded, dict):
                self.known = loaded

    def sha256(self, path: Path) -> str:
        """The SHA-256 of the file's bytes as it stands now."""
        stat = path.stat()
        key = str(path.absolute())
        mark: list[int | str] = [stat.st_size, stat.st_mtime_ns, stat.st_ino]
        found = self.known.get(key)
        if found is not None and found[:3] == mark:
            return str(found[3])
        sha = file_sha256(path)
        if time.time() - stat.st_mtime > SETTLED_SECONDS:
            self.known[key] = [*mark, sha]
            self.changed = True
        return sha

    def save(self) -> None:
        """Write the cache if it changed."""
        if not self.changed:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        temporary.write_text(json.dumps(self.known, sort_keys=True), "utf-8")
        temporary.replace(self.path)
        self.changed = False
