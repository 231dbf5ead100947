"""A column of texts as one flat array of Unicode code points, so that steps count and map characters at once.

texts  ["ab", "悬链"]   →   values [97, 98, 0x60ac, 0x94fe],   starts [0, 2, 4]
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

CODEPOINTS = 0x110000  # how many Unicode has (Unicode 16, §3.4 D9)


@dataclass(frozen=True, slots=True)
class Codepoints:
    """`values`: uint32 (characters,); `starts`: int64 (texts + 1,), where each text begins and the last ends."""

    values: npt.NDArray[np.uint32]
    starts: npt.NDArray[np.int64]

    def counts(self, chosen: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
        """How many characters of each text are `chosen` (a mask over `values`)."""
        return sums(chosen, self.starts)

    def texts(self) -> npt.NDArray[np.int64]:
        """For each character, the number of the text that it stands in."""
        return np.repeat(np.arange(len(self.starts) - 1, dtype=np.int64), np.diff(self.starts))

    def filtered(self, kept: npt.NDArray[np.bool_]) -> Codepoints:
        """Only the characters where `kept` is true, in the same texts."""
        starts = np.concatenate(([0], np.cumsum(self.counts(kept))))
        return Codepoints(self.values[kept], starts)


def codepoints(texts: pa.LargeStringArray) -> Codepoints:
    """The code points of a column without nulls."""
    lengths = pc.utf8_length(texts).to_numpy(zero_copy_only=False)
    starts = np.zeros(len(texts) + 1, dtype=np.int64)
    np.cumsum(lengths, out=starts[1:])
    if not len(texts):
        return Codepoints(np.zeros(0, dtype=np.uint32), starts)
    offsets = np.frombuffer(texts.buffers()[1], dtype=np.int64)[texts.offset : texts.offset + len(texts) + 1]
    data = texts.buffers()[2]
    # One decode for the whole column; CPython's codecs run at about a gigabyte a second.
    text = str(memoryview(data)[offsets[0] : offsets[-1]], "utf-8") if data is not None else ""
    return Codepoints(np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32), starts)


def texts_of(points: Codepoints) -> pa.LargeStringArray:
    """The column whose code points these are."""
    values = points.values
    data = values.tobytes().decode("utf-32-le").encode("utf-8")
    sizes = np.ones(len(values), dtype=np.int8)
    for limit in (0x7F, 0x7FF, 0xFFFF):
        sizes += values > limit
    offsets = np.zeros(len(points.starts), dtype=np.int64)
    np.cumsum(sums(sizes, points.starts), out=offsets[1:])
    return pa.LargeStringArray.from_buffers(len(offsets) - 1, pa.py_buffer(offsets), pa.py_buffer(data))


def sums(
    values: npt.NDArray[np.bool_] | npt.NDArray[np.int8], starts: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Sums of `values` between consecutive `starts`, zero where a text is empty."""
    totals = np.zeros(len(starts) - 1, dtype=np.int64)
    filled = np.flatnonzero(np.diff(starts))  # reduceat cannot sum an empty stretch
    if len(filled):
        totals[filled] = np.add.reduceat(values, starts[filled], dtype=np.int64)
    return totals
