"""What a reader yields: records that follow each other in a file, by column."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

BLOCK_BYTES = 1 << 18
BATCH_ROWS = 8192


@dataclass(slots=True)
class Records:
    """Records by column; `offsets` count from 1 within the file. A column that is None has no values at all."""

    offsets: list[int] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    sha256s: list[str] = field(default_factory=list)
    dropped: list[str | None] = field(default_factory=list)
    labels: list[str | None] | None = None
    annotations: list[str | None] | None = None
    metas: list[Mapping[str, str]] | None = None
    part: str = ""  # the path inside the file: `a/b.html` in an archive; empty for the file itself

    def add(
        self,
        offset: int,
        text: str = "",
        label: str | None = None,
        annotations: str | None = None,
        *,
        meta: Mapping[str, str] | None = None,
        whole: bytes = b"",
        why: str = "",
    ) -> None:
        """One record more: its text, or `why` there is none and the bytes that stand for it."""
        if not why:
            try:
                whole = text.encode()
            except UnicodeEncodeError:  # half of a surrogate pair, which JSON and others can spell
                whole, why = text.encode("utf-8", "surrogatepass"), "read:not_text"
        self.offsets.append(offset)
        self.texts.append("" if why else text)
        self.sha256s.append(hashlib.sha256(whole).hexdigest())
        self.dropped.append(why or empty(text))
        if self.labels is not None:
            self.labels.append(label)
        if self.annotations is not None:
            self.annotations.append(None if why else annotations)
        if self.metas is not None:
            self.metas.append({} if why else meta or {})

    @property
    def text_bytes(self) -> int:
        """About how much text it holds."""
        return sum(map(len, self.texts))


def one(text: str, meta: Mapping[str, str] | None = None, offset: int = 1) -> Records:
    """A single document."""
    records = Records(metas=[])
    records.add(offset, text, meta=meta)
    return records


def empty(text: str) -> str | None:
    """Why a text without anything to read is dropped."""
    return "read:empty" if not text or text.isspace() else None
