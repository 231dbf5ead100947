"""What is made once from a model that came from outside and kept for the next time: `~/.cache/catenary`.

Each thing is named by the digest of what it was made of, so it is never stale. `CATENARY_CACHE` moves it; deleting it
costs the time to make it again and nothing else.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

VERSION = "2"  # of what is made; another number makes everything anew


def kept_folder() -> Path:
    """Where kept things are."""
    return Path(os.environ.get("CATENARY_CACHE") or "~/.cache/catenary").expanduser()


def kept(kind: str, of: Iterable[Path], make: Callable[[Path], None], *, how: str = "") -> Path:
    """The folder that `make` fills from the files `of`, made if it is not there yet; `how` tells variants apart.

    Several processes may ask at once: each makes its own, and the first one stays.
    """
    digest = hashlib.sha256(f"{VERSION} {kind} {how}".encode())
    for path in sorted(of):
        with path.open("rb") as file:
            digest.update(path.name.encode() + hashlib.file_digest(file, "sha256").digest())
    place = kept_folder() / kind / digest.hexdigest()[:32]
    if place.is_dir():
        return place
    place.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=".making-", dir=place.parent))
    try:
        make(made)
        made.replace(place)
    except OSError:
        if not place.is_dir():  # not another process's work: a true fault
            raise
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return place
