"""A GGUF file taken apart: its settings and its tensors, every length checked against the bytes that are there.

A file is a magic number, a version, counts, key–value settings, the tensors' names, shapes, types and offsets, and
their bytes. Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. (The `gguf` package has a reader, but
it makes an array of every word of a vocabulary, which takes six seconds where this takes a fraction of one, and it
believes the lengths that it reads. Its tables of quantised types and their arithmetic are used here.)
"""

from __future__ import annotations

import math
import mmap
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catenary.errors import Damaged, InvalidInput

MAGIC = b"GGUF"
VERSIONS = (2, 3)
MAX_DIMENSIONS = 4  # ggml's own limit
MAX_DEPTH = 4  # of arrays in arrays: no file in use has any
SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
STRING, ARRAY = 8, 9
LENGTH = struct.Struct("<Q")
SMALLEST_ENTRY = 12  # bytes: an empty name's length and a type


@dataclass(frozen=True)
class GgufTensor:
    """A tensor as it is stored: its type (ggml's number), its shape (rows first) and its bytes."""

    type: int
    shape: tuple[int, ...]
    data: NDArray[np.uint8]

    def dequantised(self) -> NDArray[np.float32]:
        """Its numbers in fp32, in its shape."""
        from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType
        from gguf.quants import dequantize

        kind = GGMLQuantizationType(self.type)
        block = GGML_QUANT_SIZES[kind][1]
        # Blocks stand for themselves: few long rows are quicker than many short ones.
        rows = math.gcd(len(self.data) // block, 64)
        numbers: NDArray[np.float32] = dequantize(self.data.reshape(rows, -1), kind)
        return (numbers if numbers.flags.writeable else numbers.copy()).reshape(self.shape)


@dataclass(frozen=True)
class GgufFile:
    """The settings and tensors of a file; the tensors' bytes and the arrays of numbers are mapped, not read."""

    path: Path
    settings: Mapping[str, Any]
    tensors: Mapping[str, GgufTensor]


class _Reader:
    """Takes values off a buffer; Damaged where it would pass the end."""

    def __init__(self, path: Path, buffer: memoryview) -> None:
        self.path, self.buffer, self.place, self.key = path, buffer, 0, "header"

    def here(self, got: str) -> dict[str, Any]:
        """What an error says of this place."""
        return {"key": self.key, "where": f"{self.path}, byte {self.place}", "got": got}

    def take(self, count: int) -> memoryview:
        if count > len(self.buffer) - self.place:
            left = len(self.buffer) - self.place
            raise Damaged(
                "This GGUF file is damaged at {key}.",
                expected="at most {left}, the bytes left",
                **self.here(f"a length of {count} bytes"),
                left=left,
            )
        piece = self.buffer[self.place : self.place + count]
        self.place += count
        return piece

    def number(self, code: str) -> Any:
        return struct.unpack("<" + code, self.take(struct.calcsize("<" + code)))[0]

    def count(self, smallest: int) -> int:
        """How many things follow, each of at least `smallest` bytes."""
        count: int = self.number("Q")
        if count * smallest > len(self.buffer) - self.place:
            left = len(self.buffer) - self.place
            raise Damaged(
                "This GGUF file is damaged at {key}.",
                expected="no more than fit into the {left} bytes left",
                **self.here(f"a count of {count}"),
                left=left,
            )
        return count

    def text(self) -> str:
        raw = self.take(self.number("Q"))
        try:
            return str(raw, "utf-8")
        except UnicodeDecodeError:
            raise Damaged(
                "This GGUF file is damaged at {key}.",
                expected="text in UTF-8",
                **self.here(repr(bytes(raw[:40]))),
            ) from None

    def texts(self, count: int) -> list[str]:
        """Texts one after the other, as `text` takes each. A vocabulary has a hundred thousand: they go by quickly."""
        buffer, end = self.buffer, len(self.buffer)
        taken: list[str] = []
        for _ in range(count):
            start = self.place + 8
            stop = start + LENGTH.unpack_from(buffer, self.place)[0] if start <= end else end + 1
            try:
                taken.append(str(buffer[start:stop], "utf-8") if stop <= end else self.text())
            except UnicodeDecodeError:
                taken.append(self.text())  # which says what is wrong
            self.place = stop
        return taken

    def value(self, kind: int, depth: int = 0) -> Any:
        if kind in SCALARS:
            return self.number(SCALARS[kind])
        if kind == STRING:
            return self.text()
        if kind != ARRAY or depth >= MAX_DEPTH:
            raise Damaged(
                "This GGUF file is damaged at {key}.",
                expected="a type from 0 to 12",
                **self.here(f"type {kind}"),
            )
        inner: int = self.number("I")
        if inner in SCALARS:
            size = struct.calcsize("<" + SCALARS[inner])
            count = self.count(size)
            # A view of the file: as Python's numbers, an array that claims all its bytes takes thirty times as much.
            return self.take(count * size).cast("B").cast(SCALARS[inner])  # type: ignore[call-overload]
        count = self.count(8)
        if inner == STRING:
            return self.texts(count)
        return [self.value(inner, depth + 1) for _ in range(count)]


def read_gguf(path: Path) -> GgufFile:
    """Take a file apart. Raises InvalidInput (no GGUF, or a version we do not know) and Damaged, naming the key."""
    from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType

    if not path.is_file():
        raise InvalidInput("There is no such GGUF file.", got=str(path))
    with path.open("rb") as file:
        if file.read(4) != MAGIC:
            raise InvalidInput(
                "This is not a GGUF file.", where=str(path), expected="a file that starts with GGUF"
            )
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    reader = _Reader(path, memoryview(mapped))
    reader.take(4)
    version = reader.number("I")
    if version not in VERSIONS:
        raise InvalidInput(
            "This version of GGUF is not supported.", where=str(path), got=version, expected="version 2 or 3"
        )
    tensor_count, setting_count = reader.count(SMALLEST_ENTRY), reader.count(SMALLEST_ENTRY)

    settings: dict[str, Any] = {}
    for _ in range(setting_count):
        reader.key = "settings"
        reader.key = key = reader.text()
        if key in settings:
            raise Damaged(
                "This GGUF file is damaged at {key}.",
                expected="each key once",
                **reader.here("this key twice"),
            )
        settings[key] = reader.value(reader.number("I"))

    entries: dict[str, tuple[int, tuple[int, ...], int, int]] = {}
    for _ in range(tensor_count):
        reader.key = "tensors"
        reader.key = name = reader.text()
        dimensions = reader.number("I")
        if name in entries or not 0 < dimensions <= MAX_DIMENSIONS:
            raise Damaged(
                "This GGUF file is damaged at {key}.",
                expected="each tensor once, with 1 to 4 dimensions",
                **reader.here(f"{dimensions} dimensions"),
            )
        columns_first = [reader.number("Q") for _ in range(dimensions)]
        shape = tuple(reversed(columns_first))
        kind, offset = reader.number("I"), reader.number("Q")
        if kind not in GGMLQuantizationType._value2member_map_:
            raise Damaged(
                "This GGUF file is damaged at {key}.",
                expected="a type of ggml",
                **reader.here(f"tensor type {kind}"),
            )
        block, size = GGML_QUANT_SIZES[GGMLQuantizationType(kind)]
        if 0 in shape or shape[-1] % block:
            raise Damaged(
                "This GGUF file is damaged at {key}.",
                expected="rows of a multiple of {block} numbers",
                **reader.here(f"shape {shape}"),
                block=block,
            )
        entries[name] = (kind, shape, offset, math.prod(shape) // block * size)

    alignment = settings.get("general.alignment", 32)
    reader.key = "general.alignment"
    if not isinstance(alignment, int) or alignment < 1 or alignment & (alignment - 1):
        raise Damaged(
            "This GGUF file is damaged at {key}.", expected="a power of two", **reader.here(repr(alignment))
        )
    start = -(-reader.place // alignment) * alignment
    end = 0
    for name, (_, _, offset, size) in sorted(entries.items(), key=lambda entry: entry[1][2]):
        reader.key = name
        if offset < end or start + offset + size > len(reader.buffer):
            left = len(reader.buffer) - start
            raise Damaged(
                "This GGUF file is damaged at {key}.",
                expected="after the tensor before it, within {left} bytes",
                **reader.here(f"bytes {offset}–{offset + size}"),
                left=left,
            )
        end = offset + size
    data = np.frombuffer(mapped, dtype=np.uint8)
    tensors = {
        name: GgufTensor(kind, shape, data[start + offset : start + offset + size])
        for name, (kind, shape, offset, size) in entries.items()
    }
    return GgufFile(path, settings, tensors)
