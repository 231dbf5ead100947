"""Samples that nobody can pick: the seed is the digest of the dataset and of a value committed after it.

    seed = seed_of(dataset_id, nonce)          # nonce: the hash of the audit entry that announced the draw
    draw(ids, 4000, seed)

Each id gets SHA-256(seed, id) and the smallest are drawn: the same whoever draws them, in whatever order the ids come.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable

from catenary.digest import digest


def seed_of(dataset: str, nonce: str) -> str:
    """The seed of a sample of `dataset`; `nonce` is known only after the dataset is."""
    return digest(["sample", dataset, nonce])


def draw(ids: Iterable[str], count: int, seed: str) -> list[str]:
    """`count` of the ids, in the order of drawing; all where there are fewer."""
    key = bytes.fromhex(seed)
    ranked = ((hashlib.sha256(key + one.encode()).digest(), one) for one in ids)
    return [one for _, one in heapq.nsmallest(count, ranked)]
