"""Characters of UTF-8 inside compiled loops. The bytes are a column's, so they are valid and nothing is checked."""

from __future__ import annotations

from catenary.data.compiled import Bytes, compiled


@compiled
def size_of(first: int) -> int:
    """How many bytes the character has that begins with this one."""
    if first < 0x80:
        return 1
    if first < 0xE0:
        return 2
    return 3 if first < 0xF0 else 4


@compiled
def code_point(data: Bytes, at: int) -> int:
    """The character that begins at byte `at`."""
    first = int(data[at])
    if first < 0x80:
        return first
    second = int(data[at + 1]) & 0x3F
    if first < 0xE0:
        return (first & 0x1F) << 6 | second
    third = int(data[at + 2]) & 0x3F
    if first < 0xF0:
        return (first & 0x0F) << 12 | second << 6 | third
    return (first & 0x07) << 18 | second << 12 | third << 6 | (int(data[at + 3]) & 0x3F)


@compiled
def is_blank(point: int) -> bool:
    """White space and controls: what stands between words."""
    return point <= 0x20 or point == 0xA0 or point == 0x3000 or 0x2000 <= point <= 0x200A


@compiled
def is_cjk(point: int) -> bool:
    """Chinese characters, kana, hangul and their marks."""
    return 0x2E80 <= point <= 0x9FFF or 0xAC00 <= point <= 0xD7AF or 0x20000 <= point <= 0x323AF


@compiled
def is_mark(point: int) -> bool:
    """General punctuation and symbols, and full-width digits and marks: neither letters nor characters."""
    return 0x2000 <= point <= 0x2BFF or 0xFF00 <= point <= 0xFF20
