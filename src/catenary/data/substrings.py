"""Substrings: long passages that stand in the corpus before are cut out where they come again.

    - substrings: {min_chars: 100}

Of each window of a text one fingerprint is kept, the least hash of a quarter of a passage in it (winnowing), so that
two texts which share `min_chars` characters share fingerprints over half of them at least. Documents stand in the
order of their ids; a fingerprint that came before is a passage that came before, and neighbouring ones are one
passage. A repeat of less than half of `min_chars` characters is never cut, one of `min_chars` always; a quarter may
stay at either end. A text that has less than `min_left` characters left is dropped as `substrings:nothing_left`.
Memory: the fingerprints, 16 bytes for every eighth of `min_chars` characters, in sixteen turns.

S. Schleimer, D. Wilkerson, A. Aiken, Winnowing: local algorithms for document fingerprinting (2003).
K. Lee et al., Deduplicating training data makes language models better (2022).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from catenary.data.batches import kept_rows, texts_at, with_dropped, with_texts
from catenary.data.compiled import Bytes, Ints, bytes_of, compiled
from catenary.data.shingles import GOLDEN
from catenary.data.step_settings import SubstringsSettings
from catenary.data.utf8 import code_point, size_of

Words64 = npt.NDArray[np.uint64]
TURNS = 16
PLACE_BITS = (
    32  # of a fingerprint's place: the document's number in its shard above, the character in it below
)


def look(batches: Sequence[pa.RecordBatch], settings: SubstringsSettings, folder: Path) -> None:
    """Writes a shard's fingerprints, sorted, with their places, and the ids of its documents."""
    hashes, places, ids = [np.zeros(0, np.uint64)], [np.zeros(0, np.uint64)], []
    done = 0
    for batch in batches:
        rows = kept_rows(batch)
        found, texts, characters = _fingerprints(*bytes_of(texts_at(batch, rows)), settings.min_chars // 4)
        hashes.append(found)
        documents = (done + rows[texts]).astype(np.uint64)
        places.append(documents << np.uint64(PLACE_BITS) | characters.astype(np.uint64))
        ids.append(batch.column("id"))
        done += batch.num_rows
    together = np.concatenate(hashes)
    order = np.argsort(together, kind="stable")
    np.save(folder / "fingerprints.npy", together[order], allow_pickle=False)
    np.save(folder / "places.npy", np.concatenate(places)[order], allow_pickle=False)
    table = pa.table({"id": pa.chunked_array(ids, pa.string())})
    with pa.ipc.new_file(folder / "ids.arrow", table.schema) as file:
        file.write_table(table)


def decide(folders: Sequence[Path], settings: SubstringsSettings, folder: Path, notes: Counter[str]) -> None:
    """Writes for each shard the places of the passages that came before. Notes `repeats`: their fingerprints."""
    ids = []
    for one in folders:
        with pa.ipc.open_file(one / "ids.arrow") as file:
            ids.append(file.read_all().column("id"))
    sizes = [len(one) for one in ids]
    firsts = np.concatenate(([0], np.cumsum(sizes)))
    order = pc.sort_indices(pa.chunked_array([chunk for one in ids for chunk in one.chunks], pa.string()))
    rank = np.empty(int(firsts[-1]), dtype=np.int64)
    rank[order.to_numpy(zero_copy_only=False)] = np.arange(len(rank))
    repeats: list[list[Words64]] = [[np.zeros(0, np.uint64)] for _ in folders]
    edges = [np.uint64(turn * 2**64 // TURNS) for turn in range(TURNS)]
    for turn in range(TURNS):
        hashes, places, shards = [np.zeros(0, np.uint64)], [np.zeros(0, np.uint64)], [np.zeros(0, np.int64)]
        for number, one in enumerate(folders):
            found = np.load(one / "fingerprints.npy", mmap_mode="r", allow_pickle=False)
            start = np.searchsorted(found, edges[turn])
            stop = np.searchsorted(found, edges[turn + 1]) if turn + 1 < TURNS else len(found)
            hashes.append(found[start:stop])
            places.append(np.load(one / "places.npy", mmap_mode="r", allow_pickle=False)[start:stop])
            shards.append(np.full(stop - start, number, dtype=np.int64))
        told, where, shard = np.concatenate(hashes), np.concatenate(places), np.concatenate(shards)
        documents = rank[firsts[shard] + (where >> np.uint64(PLACE_BITS)).astype(np.int64)]
        first_come = np.lexsort((where & np.uint64(2**PLACE_BITS - 1), documents, told))
        again = np.zeros(len(told), dtype=np.bool_)
        again[first_come[1:]] = told[first_come[1:]] == told[first_come[:-1]]
        for number in range(len(folders)):
            repeats[number].append(where[again & (shard == number)])
    for number, parts in enumerate(repeats):
        mine = np.sort(np.concatenate(parts))
        notes["repeats"] += len(mine)
        np.save(folder / f"{number:05d}.npy", mine, allow_pickle=False)


def act(
    batch: pa.RecordBatch, settings: SubstringsSettings, folder: Path, at: int, notes: Counter[str]
) -> pa.RecordBatch:
    """The batch without the passages that came before. Notes `changed` and `characters`."""
    places = np.load(folder / f"{at:05d}.npy", allow_pickle=False)
    rows = (places >> np.uint64(PLACE_BITS)).astype(np.int64)
    characters = (places & np.uint64(2**PLACE_BITS - 1)).astype(np.int64)
    size = settings.min_chars // 4
    touched, firsts = np.unique(rows, return_index=True)
    new: list[str | None] = []
    for row, first, last in zip(touched, firsts, [*firsts[1:], len(rows)], strict=True):
        text = batch.column("text")[int(row)].as_py()
        pieces = []
        done = 0
        start = stop = int(characters[first])
        for place in [*characters[first:last].tolist(), len(text) + 2 * size]:
            if place > stop:  # a gap: the passage ends
                if stop - start >= settings.min_chars // 2:
                    pieces.append(text[done:start])
                    done = stop
                start = place
            stop = max(stop, place + size)
        told = "".join((*pieces, text[done:])).strip() if done else None
        notes["characters"] += len(text) - len(told) if told is not None else 0
        new.append(told)
    cut = np.array([one is not None for one in new], dtype=np.bool_)
    left = [one for one in new if one is not None]
    notes["changed"] += len(left)
    batch = with_texts(batch, touched[cut], pa.array(left, pa.large_string()))
    short = np.array([len(text) < settings.min_left for text in left], dtype=np.bool_)
    return with_dropped(batch, touched[cut][short], "substrings:nothing_left")


@compiled
def _fingerprints(data: Bytes, starts: Ints, size: int) -> tuple[Words64, Ints, Ints]:
    """(hash of `size` characters, text, character where they begin), the least of every `size` neighbours."""
    texts = len(starts) - 1
    longest = 0
    for text in range(texts):
        longest = max(longest, starts[text + 1] - starts[text])
    points = np.empty(longest + 1, np.uint64)
    hashes = np.empty(longest + 1, np.uint64)
    queue = np.empty(longest + 1, np.int64)
    most = starts[texts] - starts[0] + 1
    found = np.empty(most, np.uint64)
    owners = np.empty(most, np.int64)
    places = np.empty(most, np.int64)
    filled = 0
    top = np.uint64(1)
    for _ in range(size):
        top = top * GOLDEN
    for text in range(texts):
        count = 0
        at = starts[text]
        while at < starts[text + 1]:
            points[count] = np.uint64(code_point(data, at)) + np.uint64(1)
            count += 1
            at += size_of(data[at])
        whole = count - size + 1
        if whole <= 0:
            continue
        told = np.uint64(0)
        for place in range(count):
            told = told * GOLDEN + points[place]
            if place >= size:
                told = told - points[place - size] * top
            if place >= size - 1:
                mixed = (told ^ (told >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
                hashes[place - size + 1] = mixed ^ (mixed >> np.uint64(27))
        head = tail = 0
        before = -1
        for place in range(whole):
            while tail > head and hashes[queue[tail - 1]] > hashes[place]:
                tail -= 1
            queue[tail] = place
            tail += 1
            if queue[head] <= place - size:
                head += 1
            if (place >= size - 1 or place == whole - 1) and queue[head] != before:
                before = queue[head]
                found[filled], owners[filled], places[filled] = hashes[before], text, before
                filled += 1
    return found[:filled].copy(), owners[:filled].copy(), places[:filled].copy()
