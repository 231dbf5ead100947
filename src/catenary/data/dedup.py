"""Dedup: one copy of each text, and of each cluster of near-equal texts, is kept.

Two passes. The first (`look`) makes a `Sketch` of each batch: for every kept text its id, a 128-bit hash, its shingle
set and the keys of its MinHash bands. `decide` compares all sketches, band by band, and says which rows go; the second
pass (`act`) writes that into the batches.

    dedup:exact            the same text as the document in `duplicate_of`
    dedup:near             a Jaccard similarity of shingle sets with it of at least `near`
    dedup:label_conflict   either of these, while both have labels and they differ: a text said to be two things

- Of equal texts the one with the commonest label is kept, and of those the smallest id.
- Near: in the order of ids a text goes if one that is kept, and comes before it, is near. So every text that goes has a
  kept neighbour (never a chain of neighbours), and one of each cluster stays. Similarity is computed from the shingle
  sets themselves: MinHash only finds whom to compare.
- Bands are chosen so that a pair at the threshold is compared with probability 0.995.

LSH: A. Gionis, P. Indyk, R. Motwani, Similarity search in high dimensions via hashing (1999).
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from catenary.data.batches import kept_rows, texts_at, with_dropped, with_duplicates
from catenary.data.shingles import Sets, band_keys, shingles, signatures
from catenary.data.step_settings import DedupSettings

Ints = npt.NDArray[np.int64]

FOUND_AT_THRESHOLD = 0.995
NEIGHBOURS = 64  # in a band's bucket, a text is compared with so many before it, and with the first
COMPARED_SHINGLES = 1 << 20  # shingles verified at a time: about 30 MB
REASONS = ("", "dedup:exact", "dedup:near", "dedup:label_conflict")
EXACT, NEAR, CONFLICT = 1, 2, 3
UNLABELLED = -1


@dataclass(frozen=True, slots=True)
class Sketch:
    """What `resolve` needs of the kept documents of one batch. Documents with equal texts share one."""

    size: int  # documents in the batch, dropped ones too
    rows: Ints  # (documents,) their places in the batch
    ids: pa.StringArray
    labels: pa.StringArray
    hashes: npt.NDArray[np.uint64]  # (documents, 2)
    texts: Ints  # (documents,) which text of those below
    sets: Sets  # of each text, when near duplicates are sought
    bands: npt.NDArray[np.uint64]  # (bands, texts)

    @property
    def starts(self) -> Ints:
        """Where the shingle set of each text begins, and the last one ends: (texts + 1,)."""
        return self.sets.starts

    def band(self, number: int) -> npt.NDArray[np.uint64]:
        """The key of each text in this band."""
        keys: npt.NDArray[np.uint64] = self.bands[number]
        return keys

    def gather(self, texts: Ints, places: Ints, out: npt.NDArray[np.uint32]) -> None:
        """Write the shingle set of each of `texts` into `out`, from its place on."""
        sizes = self.starts[texts + 1] - self.starts[texts]
        out[_ranges(places, sizes)] = self.sets.values[_ranges(self.starts[texts], sizes)]


class Stored:
    """A sketch on disk: what is asked for is read and let go of, so that a corpus of sketches is not in memory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def rows(self) -> Ints:
        rows: Ints = self._load("rows")
        return rows

    @property
    def hashes(self) -> npt.NDArray[np.uint64]:
        hashes: npt.NDArray[np.uint64] = self._load("hashes")
        return hashes

    @property
    def texts(self) -> Ints:
        texts: Ints = self._load("texts")
        return texts

    @cached_property  # eight bytes a text, which every comparison asks for
    def starts(self) -> Ints:
        return np.array(self._load("starts"))

    def band(self, number: int) -> npt.NDArray[np.uint64]:
        return np.array(self._load("bands")[number])

    def gather(self, texts: Ints, places: Ints, out: npt.NDArray[np.uint32]) -> None:
        # Read and not mapped: sets that are compared lie everywhere, and every page of a map that was touched stays.
        first = self._load("shingles").offset  # mapped for a moment, which finds a file that was cut
        begins, ends = self.starts[texts] * out.itemsize, self.starts[texts + 1] * out.itemsize
        into = out.view(np.uint8)
        with (self.folder / "shingles.npy").open("rb", buffering=0) as file:
            for place, begin, end in zip(
                (places * out.itemsize).tolist(), begins.tolist(), ends.tolist(), strict=True
            ):
                file.seek(first + begin)
                file.readinto(into[place : place + end - begin].data)

    @property
    def ids(self) -> pa.StringArray:
        return self._keys("id")

    @property
    def labels(self) -> pa.StringArray:
        return self._keys("label")

    def _load(self, name: str) -> Any:
        return np.load(self.folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)

    def _keys(self, name: str) -> pa.StringArray:
        with pa.ipc.open_file(self.folder / "keys.arrow") as file:
            return file.read_all().column(name).combine_chunks()


def save(folder: Path, sketches: Sequence[Sketch]) -> None:
    """Write the sketches of a shard's batches as one that `Stored` reads."""
    one = joined(sketches)
    for name, array in (
        ("rows", one.rows),
        ("hashes", one.hashes),
        ("texts", one.texts),
        ("shingles", one.sets.values),
        ("starts", one.sets.starts),
        ("bands", one.bands),
    ):
        np.save(folder / f"{name}.npy", array, allow_pickle=False)
    keys = pa.table({"id": one.ids, "label": one.labels})
    with pa.ipc.new_file(folder / "keys.arrow", keys.schema) as file:
        file.write_table(keys)


def joined(sketches: Sequence[Sketch]) -> Sketch:
    """The sketch of batches that follow each other, from theirs."""
    row = text = shingle = 0
    rows, texts, starts = [], [], [np.zeros(1, dtype=np.int64)]
    for one in sketches:
        rows.append(one.rows + row)
        texts.append(one.texts + text)
        starts.append(one.sets.starts[1:] + shingle)
        text += one.bands.shape[1]
        row += one.size
        shingle += len(one.sets.values)
    return Sketch(
        size=row,
        rows=np.concatenate([np.zeros(0, dtype=np.int64), *rows]),
        ids=pa.chunked_array([one.ids for one in sketches], pa.string()).combine_chunks(),
        labels=pa.chunked_array([one.labels for one in sketches], pa.string()).combine_chunks(),
        hashes=np.concatenate([np.zeros((0, 2), dtype=np.uint64), *(one.hashes for one in sketches)]),
        texts=np.concatenate([np.zeros(0, dtype=np.int64), *texts]),
        sets=Sets(
            np.concatenate([np.zeros(0, dtype=np.uint32), *(one.sets.values for one in sketches)]),
            np.concatenate(starts),
        ),
        bands=np.concatenate([one.bands for one in sketches], axis=1)
        if sketches
        else np.zeros((0, 0), np.uint64),
    )


@dataclass(frozen=True, slots=True)
class Decisions:
    """What becomes of the rows of one batch: for each that goes its place, whose copy it is, and why."""

    rows: Ints
    originals: pa.StringArray
    reasons: npt.NDArray[np.uint8]  # places in REASONS


def bands_for(near: float) -> tuple[int, int]:
    """(bands, rows in each) so that a pair at the threshold meets in a band with probability 0.995.

    Of the ways to do that, the one with the most rows (the fewest needless comparisons) and at most 96 hashes; with
    fewer than five rows texts meet that have little in common, so that low thresholds may take 400.
    """
    rows = 16
    while True:
        bands = math.ceil(math.log(1 - FOUND_AT_THRESHOLD) / math.log(1 - near**rows))
        if bands * rows <= (96 if rows > 4 else 400) or rows == 1:
            return bands, rows
        rows -= 1


def look(batches: Sequence[pa.RecordBatch], settings: DedupSettings, folder: Path) -> None:
    """Writes the sketch of a shard."""
    save(folder, [sketch(batch, settings) for batch in batches])


def decide(folders: Sequence[Path], settings: DedupSettings, folder: Path, notes: Counter[str]) -> None:
    """Writes what becomes of the documents of each shard. Notes `cluster.<size>`: clusters with so many documents."""
    decisions = resolve([Stored(one) for one in folders], settings)
    save_decisions(folder, decisions)
    originals = pa.chunked_array([one.originals for one in decisions], pa.string())
    sizes = pc.value_counts(originals).field("counts").to_numpy(zero_copy_only=False) + 1
    for size, count in zip(*np.unique(sizes, return_counts=True), strict=True):
        notes[f"cluster.{size}"] += int(count)


def act(
    batch: pa.RecordBatch, settings: DedupSettings, folder: Path, at: int, notes: Counter[str]
) -> pa.RecordBatch:
    """The batch of shard `at` with what was decided written into it."""
    return apply(batch, load_decisions(folder, at))


def sketch(batch: pa.RecordBatch, settings: DedupSettings) -> Sketch:
    """The sketch of a batch's kept rows."""
    rows = kept_rows(batch)
    texts = texts_at(batch, rows)
    digests = b"".join(hashlib.sha256(text.as_buffer()).digest()[:16] for text in texts)
    hashes = np.frombuffer(digests, dtype=np.uint64).reshape(-1, 2)
    numbers, firsts = _numbered(hashes)
    if settings.near is None:
        sets = Sets(np.zeros(0, dtype=np.uint32), np.zeros(len(firsts) + 1, dtype=np.int64))
        bands = np.zeros((0, len(firsts)), dtype=np.uint64)
    else:
        count, per_band = bands_for(settings.near)
        sets = shingles(texts.take(pa.array(firsts)))
        bands = band_keys(signatures(sets, count * per_band), per_band)
    return Sketch(
        size=batch.num_rows,
        rows=rows,
        ids=batch.column("id").take(pa.array(rows)),
        labels=batch.column("label").take(pa.array(rows)),
        hashes=hashes,
        texts=numbers,
        sets=sets,
        bands=bands,
    )


def resolve(sketches: Sequence[Sketch | Stored], settings: DedupSettings) -> list[Decisions]:
    """What goes, for each sketch's batch."""
    first = np.concatenate(([0], np.cumsum([len(one.rows) for one in sketches]))).astype(np.int64)
    ids = pa.chunked_array([one.ids for one in sketches], pa.string()).combine_chunks()
    labels = pa.chunked_array([one.labels for one in sketches], pa.string()).combine_chunks()
    codes = labels.dictionary_encode().indices.fill_null(UNLABELLED).to_numpy(zero_copy_only=False)
    rank = np.empty(len(ids), dtype=np.int64)  # the order of ids decides, whatever order the batches come in
    rank[pc.sort_indices(ids).to_numpy(zero_copy_only=False)] = np.arange(len(ids))

    hashes = np.concatenate([np.zeros((0, 2), dtype=np.uint64), *(one.hashes for one in sketches)])
    original = _exact_originals(hashes, codes, rank)
    exact = original >= 0
    if settings.near is not None:
        members = np.flatnonzero(~exact)
        members = members[np.argsort(rank[members])]
        near = _near_originals(sketches, members, settings.near)
        gone = np.flatnonzero(near >= 0)
        original[members[gone]] = members[near[gone]]
        onward = original[
            original[exact]
        ]  # a copy of a text that has gone is a copy of the one that has stayed
        original[exact] = np.where(onward >= 0, onward, original[exact])

    gone = np.flatnonzero(original >= 0)
    reason = np.where(exact, EXACT, NEAR).astype(np.uint8)
    told, kept = codes[gone], codes[original[gone]]
    reason[gone[(told != kept) & (told != UNLABELLED) & (kept != UNLABELLED)]] = CONFLICT
    decisions = []
    for at, one in enumerate(sketches):
        mine = gone[(gone >= first[at]) & (gone < first[at + 1])]
        decisions.append(
            Decisions(one.rows[mine - first[at]], ids.take(pa.array(original[mine])), reason[mine])
        )
    return decisions


def save_decisions(folder: Path, decisions: Sequence[Decisions]) -> None:
    """Write what was decided, a file for each shard."""
    for at, one in enumerate(decisions):
        table = pa.table({"row": one.rows, "original": one.originals, "reason": one.reasons})
        with pa.ipc.new_file(folder / f"{at:05d}.arrow", table.schema) as file:
            file.write_table(table)


def load_decisions(folder: Path, at: int) -> Decisions:
    """What `save_decisions` wrote for shard `at`."""
    with pa.ipc.open_file(folder / f"{at:05d}.arrow") as file:
        table = file.read_all()
    return Decisions(
        table.column("row").to_numpy(),
        table.column("original").combine_chunks(),
        table.column("reason").to_numpy(),
    )


def apply(batch: pa.RecordBatch, decisions: Decisions) -> pa.RecordBatch:
    """The batch with what was decided written into it."""
    reasons = [REASONS[code] for code in decisions.reasons]
    batch = with_duplicates(batch, decisions.rows, decisions.originals.to_pylist())
    return with_dropped(batch, decisions.rows, reasons)


def _numbered(hashes: npt.NDArray[np.uint64]) -> tuple[Ints, Ints]:
    """(a number for each hash, equal for equal ones; where each number stands first)."""
    order = np.lexsort((hashes[:, 1], hashes[:, 0]))
    ordered = hashes[order]
    new = np.ones(len(order), dtype=np.bool_)
    new[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    numbers = np.empty(len(order), dtype=np.int64)
    numbers[order] = np.cumsum(new) - 1
    return numbers, order[new]


def _exact_originals(hashes: npt.NDArray[np.uint64], labels: Ints, rank: Ints) -> Ints:
    """For each document the one with the same text that stays, -1 for those that stay."""
    numbers, _ = _numbered(hashes)
    order = np.lexsort((rank, labels, numbers))
    new = np.ones(len(order), dtype=np.bool_)
    new[1:] = (numbers[order][1:] != numbers[order][:-1]) | (labels[order][1:] != labels[order][:-1])
    # Runs of one text and label, smallest id first: the longest of a text holds the copy that stays.
    runs = np.flatnonzero(new)
    sizes = np.diff(np.append(runs, len(order)))
    sizes[labels[order[runs]] == UNLABELLED] = 0
    text = numbers[order[runs]]
    best = np.lexsort((rank[order[runs]], -sizes, text))
    first_of_text = np.ones(len(best), dtype=np.bool_)
    first_of_text[1:] = text[best][1:] != text[best][:-1]
    keeper = order[runs[best[first_of_text]]][numbers]
    return np.where(keeper == np.arange(len(keeper)), -1, keeper)


def _near_originals(sketches: Sequence[Sketch | Stored], members: Ints, near: float) -> Ints:
    """For each of `members` (documents in the order of ids) the place in it of the near one that stays, or -1."""
    text_first = np.concatenate(([0], np.cumsum([len(one.starts) - 1 for one in sketches]))).astype(np.int64)
    text_of = np.concatenate(
        [
            np.zeros(0, dtype=np.int64),
            *(one.texts + start for one, start in zip(sketches, text_first, strict=False)),
        ]
    )[members]
    sizes = np.concatenate([np.zeros(0, dtype=np.int64), *(np.diff(one.starts) for one in sketches)])[text_of]
    edges = np.zeros(0, dtype=np.uint64)  # pairs that are near: earlier << 32 | later
    for band in range(bands_for(near)[0]):
        keys = np.concatenate([np.zeros(0, dtype=np.uint64), *(one.band(band) for one in sketches)])[text_of]
        keys[sizes == 0] = np.arange(np.count_nonzero(sizes == 0))  # texts of white space are near to nothing
        for pairs in _pairs(keys):
            alike = sizes[pairs].min(axis=1) >= near * sizes[pairs].max(axis=1)
            codes = pairs[alike, 0].astype(np.uint64) << np.uint64(32) | pairs[alike, 1].astype(np.uint64)
            codes = codes[~_among(codes, edges)]
            pairs = np.stack((codes >> np.uint64(32), codes & np.uint64(0xFFFFFFFF)), axis=1).astype(np.int64)
            good = _jaccard(sketches, text_first, text_of[pairs], sizes[pairs]) >= near
            edges = np.sort(np.concatenate((edges, codes[good])))
    original = np.full(len(members), -1, dtype=np.int64)
    later_first = np.argsort(edges & np.uint64(0xFFFFFFFF), kind="stable")
    for code in edges[later_first].tolist():
        one, other = code >> 32, code & 0xFFFFFFFF
        if (
            original[one] < 0 and original[other] < 0
        ):  # it is certain by now that `one`, which is earlier, stays
            original[other] = one
    return original


def _among(values: npt.NDArray[np.uint64], ordered: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
    """Which of `values` are in `ordered`."""
    if not len(ordered):
        return np.zeros(len(values), dtype=np.bool_)
    at = np.minimum(np.searchsorted(ordered, values), len(ordered) - 1)
    return np.asarray(ordered[at] == values, dtype=np.bool_)


def _pairs(keys: npt.NDArray[np.uint64]) -> Iterator[Ints]:
    """(earlier, later) places with equal keys, each bucket's close neighbours and its first member."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    for gap in range(1, NEIGHBOURS + 1):
        same = np.flatnonzero(ordered[gap:] == ordered[:-gap])
        if not len(same):
            return
        yield np.stack((order[same], order[same + gap]), axis=1)
    heads = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    head = np.repeat(heads, np.diff(np.append(heads, len(ordered))))
    far = np.flatnonzero(np.arange(len(ordered)) - head > NEIGHBOURS)
    yield np.stack((order[head[far]], order[far]), axis=1)


def _jaccard(
    sketches: Sequence[Sketch | Stored], first: Ints, pairs: Ints, sizes: Ints
) -> npt.NDArray[np.float64]:
    """The Jaccard similarity of each pair of texts, from their shingle sets, whose `sizes` (pairs, 2) are given."""
    found = np.zeros(len(pairs), dtype=np.float64)
    lengths = sizes.sum(axis=1)
    ends = np.cumsum(lengths)
    start = 0
    while start < len(pairs):
        most = (ends[start - 1] if start else 0) + COMPARED_SHINGLES
        stop = max(int(np.searchsorted(ends, most, side="right")), start + 1)
        part = pairs[start:stop]
        pair = np.repeat(np.arange(len(part)), lengths[start:stop]).astype(np.uint64)
        keys = (pair << np.uint64(32)) | _gather(
            sketches, first, part.reshape(-1), sizes[start:stop].reshape(-1)
        ).astype(np.uint64)
        keys.sort()
        twice = keys[1:][keys[1:] == keys[:-1]] >> np.uint64(32)
        shared = np.bincount(twice.astype(np.int64), minlength=len(part))
        found[start:stop] = shared / (lengths[start:stop] - shared)
        start = stop
    return found


def _gather(
    sketches: Sequence[Sketch | Stored], first: Ints, texts: Ints, sizes: Ints
) -> npt.NDArray[np.uint32]:
    """The shingle sets of `texts`, which have these `sizes`, one after the other."""
    owner = np.searchsorted(first, texts, side="right") - 1
    places = np.cumsum(sizes) - sizes
    gathered = np.empty(int(sizes.sum()), dtype=np.uint32)
    for at in np.flatnonzero(np.bincount(owner, minlength=len(sketches))).tolist():
        mine = np.flatnonzero(owner == at)
        sketches[at].gather(texts[mine] - first[at], places[mine], gathered)
    return gathered


def _ranges(starts: Ints, lengths: Ints) -> Ints:
    """start, start + 1 … for each of `starts`, as many as its length, one after the other."""
    before = np.cumsum(lengths) - lengths
    return np.repeat(starts - before, lengths) + np.arange(int(lengths.sum()))
