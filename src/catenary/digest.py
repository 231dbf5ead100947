"""Type-tagged digests: equal values have equal digests, and values of different types never do.

Each value is written as one tag byte, its length where it has one, and its content, so that `"1"`, `1`, `1.0`,
`True` and `[1]` all differ and no two structures can be run together (the idea of bencode; tags per type as in
insitro/redun's `hashing.py`). Mappings are ordered by key.

    >>> digest({"b": 1, "a": [2.0, None]}) == digest({"a": [2.0, None], "b": 1})
    True
    >>> digest(1) == digest(1.0)
    False
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from catenary.errors import InvalidInput

Value = None | bool | int | float | str | bytes | Sequence["Value"] | Mapping[str, "Value"]

BLOCK_BYTES = 1 << 20


def digest(value: Value) -> str:
    """SHA-256 (64 hexadecimal digits) over the type-tagged form of `value`.

    Raises InvalidInput for NaN and for types outside JSON's and bytes.
    """
    sha = hashlib.sha256()
    for part in _parts(value):
        sha.update(part)
    return sha.hexdigest()


def file_sha256(path: Path) -> str:
    """SHA-256 (64 hexadecimal digits) of a file's bytes."""
    sha = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            sha.update(block)
    return sha.hexdigest()


def text_sha256(text: str) -> str:
    """SHA-256 (64 hexadecimal digits) of a text's UTF-8 bytes."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _parts(value: Value) -> Iterator[bytes]:
    if value is None:
        yield b"n"
    elif isinstance(value, bool):
        yield b"t" if value else b"f"
    elif isinstance(value, int):
        yield b"i%d;" % value
    elif isinstance(value, float):
        if math.isnan(value):
            raise InvalidInput("A digest cannot be made of NaN: NaN equals nothing, not even itself.")
        yield b"d" + (value + 0.0).hex().encode() + b";"  # + 0.0: -0.0 and 0.0 are equal
    elif isinstance(value, str):
        data = value.encode("utf-8", "surrogatepass")
        yield b"s%d:" % len(data)
        yield data
    elif isinstance(value, bytes):
        yield b"b%d:" % len(value)
        yield value
    elif isinstance(value, Mapping):
        yield b"m%d:" % len(value)
        for key in sorted(value):
            if not isinstance(key, str):
                raise InvalidInput("A digest takes mappings with text keys only.", got=repr(key))
            yield from _parts(key)
            yield from _parts(value[key])
    elif isinstance(value, Sequence):
        yield b"l%d:" % len(value)
        for item in value:
            yield from _parts(item)
    else:
        raise InvalidInput("A digest cannot be made of this type.", got=type(value).__name__)
