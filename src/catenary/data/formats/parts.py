"""Names of files within a file: which must not be believed, and how each is kept apart from the others."""

from __future__ import annotations

from hashlib import blake2b
from pathlib import PurePosixPath


def outside(name: str) -> bool:
    """Whether a name leads out of where the archive would be unpacked. Nothing is ever unpacked: it is a sign."""
    pure = PurePosixPath(name.replace("\\", "/"))
    return pure.is_absolute() or ".." in pure.parts or ":" in pure.parts[0] if pure.parts else True


class Names:
    """Tells names apart that stand twice in an archive: the second `a.txt` is `a.txt#2`."""

    def __init__(self) -> None:
        self._seen: dict[bytes, int] = {}

    def unique(self, name: str) -> str:
        """The name, as no other file in this archive has it."""
        key = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        count = self._seen.get(key, 0) + 1
        self._seen[key] = count
        clean = name.encode("utf-8", "replace").decode()
        return clean if count == 1 else f"{clean}#{count}"
