"""Boilerplate: lines that stand in many documents (menus, notices, signatures) go from all of them.

A line counts once a document, without the white space around it. One that stands in at least `documents` documents
goes everywhere; a document of which nothing is left is dropped as `boilerplate:nothing_left`. Lines are compared by
64-bit hashes, and counted in sixteen turns, so that memory is a sixteenth of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from catenary.data.batches import kept_rows, texts_at, with_dropped, with_texts
from catenary.data.compiled import Bytes, Ints, bytes_of, compiled
from catenary.data.step_settings import BoilerplateSettings
from catenary.data.text_counts import hash_of_bytes

Words64 = npt.NDArray[np.uint64]
TURNS = 16


def look(batches: Sequence[pa.RecordBatch], settings: BoilerplateSettings, folder: Path) -> None:
    """Writes the hashes of a shard's lines, each once a document."""
    found = [np.zeros(0, dtype=np.uint64)]
    for batch in batches:
        texts = texts_at(batch, kept_rows(batch))
        hashes, texts_of = _lines(*bytes_of(texts), settings.min_chars)
        order = np.lexsort((texts_of, hashes))
        hashes, texts_of = hashes[order], texts_of[order]
        new = np.ones(len(hashes), dtype=np.bool_)
        new[1:] = (hashes[1:] != hashes[:-1]) | (texts_of[1:] != texts_of[:-1])
        found.append(hashes[new])
    np.save(folder / "lines.npy", np.sort(np.concatenate(found)), allow_pickle=False)


def decide(folders: Sequence[Path], settings: BoilerplateSettings, folder: Path, notes: Counter[str]) -> None:
    """Writes the hashes of the lines that go. Notes `different_lines`."""
    common = [np.zeros(0, dtype=np.uint64)]
    edges = [np.uint64(turn * 2**64 // TURNS) for turn in range(TURNS)]
    for turn in range(TURNS):
        parts = []
        for one in folders:
            lines = np.load(one / "lines.npy", mmap_mode="r", allow_pickle=False)
            last = np.searchsorted(lines, edges[turn + 1]) if turn + 1 < TURNS else len(lines)
            parts.append(lines[np.searchsorted(lines, edges[turn]) : last])
        hashes, counts = np.unique(np.concatenate([common[0], *parts]), return_counts=True)
        common.append(hashes[counts >= settings.documents])
    lines = np.concatenate(common)
    notes["different_lines"] += len(lines)
    np.save(folder / "common.npy", lines, allow_pickle=False)


def act(
    batch: pa.RecordBatch, settings: BoilerplateSettings, folder: Path, at: int, notes: Counter[str]
) -> pa.RecordBatch:
    """The batch without those lines. Notes `lines` and `changed`."""
    common = np.load(folder / "common.npy", allow_pickle=False)
    rows = kept_rows(batch)
    texts = texts_at(batch, rows)
    hashes, texts_of = _lines(*bytes_of(texts), settings.min_chars)
    gone = np.isin(hashes, common)
    if not gone.any():
        return batch
    touched = np.unique(texts_of[gone])
    firsts = np.searchsorted(texts_of, touched)
    new: list[str] = []
    for text, first in zip(texts.take(pa.array(touched)).to_pylist(), firsts.tolist(), strict=True):
        kept = []
        number = first
        for line in text.split("\n"):
            long_enough = len(line.strip(" \t\r\u3000")) >= settings.min_chars
            if not (long_enough and gone[number]):
                kept.append(line)
            number += long_enough
        new.append("\n".join(kept).strip())
    notes["lines"] += int(gone.sum())
    notes["changed"] += len(touched)
    batch = with_texts(batch, rows[touched], pa.array(new, pa.large_string()))
    empty = np.array([not text for text in new], dtype=np.bool_)
    return with_dropped(batch, rows[touched][empty], "boilerplate:nothing_left")


@compiled
def _lines(data: Bytes, starts: Ints, min_chars: int) -> tuple[Words64, Ints]:
    """(hash, text) of each line with at least `min_chars` characters, blanks at its ends apart."""
    feeds = len(starts)
    for at in range(starts[0], starts[len(starts) - 1]):
        feeds += data[at] == 0x0A
    hashes = np.empty(feeds, np.uint64)
    texts = np.empty(feeds, np.int64)
    count = 0
    for text in range(len(starts) - 1):
        at, end = starts[text], starts[text + 1]
        while at <= end:
            stop = at
            while stop < end and data[stop] != 0x0A:
                stop += 1
            first, last = at, stop
            moved = True
            while moved:
                moved = False
                if first < last and (data[first] == 0x20 or data[first] == 0x09 or data[first] == 0x0D):
                    first += 1
                    moved = True
                elif (
                    first + 3 <= last
                    and data[first] == 0xE3
                    and data[first + 1] == 0x80
                    and data[first + 2] == 0x80
                ):
                    first += 3
                    moved = True
                if first < last and (
                    data[last - 1] == 0x20 or data[last - 1] == 0x09 or data[last - 1] == 0x0D
                ):
                    last -= 1
                    moved = True
                elif (
                    last - 3 >= first
                    and data[last - 3] == 0xE3
                    and data[last - 2] == 0x80
                    and data[last - 1] == 0x80
                ):
                    last -= 3
                    moved = True
            characters = 0
            for place in range(first, last):
                characters += (data[place] & 0xC0) != 0x80
            if characters >= min_chars:
                hashes[count] = hash_of_bytes(data, first, last)
                texts[count] = text
                count += 1
            at = stop + 1
    return hashes[:count].copy(), texts[:count].copy()
