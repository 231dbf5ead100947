"""Document ids for a stream of texts, with the memory that counting repeated texts in a file needs.

An id counts which occurrence of its text in the file it is, so that two equal lines are two documents. The counter
keeps 64 bits of each text's digest and a count: 12 bytes a distinct text. Should two texts share those bits,
one of them is numbered from 1 instead of 0; its id is still its own, for the id covers the whole digest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from catenary.records import DOCUMENT_ID_DIGITS

Keys = npt.NDArray[np.uint64]
Counts = npt.NDArray[np.uint32]


class FileIds:
    """Gives the ids of the documents of one file, in the order in which they stand in it."""

    def __init__(self, source: str, file: str) -> None:
        head = hashlib.sha256(b"l5:s8:document")
        for part in (source.encode("utf-8", "surrogatepass"), file.encode("utf-8", "surrogatepass")):
            head.update(b"s%d:" % len(part) + part)
        head.update(b"s64:")
        self._head = head  # `records.document_id` up to the text's digest; a test holds the two together
        self._runs: list[tuple[Keys, Counts]] = []
        self._first: str | None = None  # the only document so far: most files hold one, and need no counting

    def ids(self, sha256s: Sequence[str]) -> list[str]:
        """The ids of the next documents, whose texts have these digests (64 hexadecimal digits each)."""
        ids = []
        for sha256, occurrence in zip(sha256s, self._occurrences(sha256s), strict=True):
            digest = self._head.copy()
            digest.update(b"%bi%d;" % (sha256.encode(), occurrence))
            ids.append(digest.hexdigest()[:DOCUMENT_ID_DIGITS])
        return ids

    def _occurrences(self, sha256s: Sequence[str]) -> list[int]:
        if len(sha256s) == 1 and not self._runs and self._first is None:
            self._first = sha256s[0]
            return [0]
        if self._first is not None:
            first, self._first = self._first, None
            self._add(np.array([int(first[:16], 16)], np.uint64), np.ones(1, np.uint32))
        keys = np.fromiter((int(sha256[:16], 16) for sha256 in sha256s), np.uint64, len(sha256s))
        distinct, which, counts = np.unique(keys, return_inverse=True, return_counts=True)
        seen = np.zeros(len(distinct), dtype=np.int64)
        for run_keys, run_counts in self._runs:
            at = np.searchsorted(run_keys, distinct)
            at[at == len(run_keys)] = 0
            hit = run_keys[at] == distinct
            seen[hit] += run_counts[at[hit]]
        order = np.argsort(which, kind="stable")
        within = np.arange(len(keys)) - np.repeat(np.cumsum(counts) - counts, counts)
        occurrences = np.empty(len(keys), dtype=np.int64)
        occurrences[order] = within
        occurrences += seen[which]
        self._add(distinct, counts.astype(np.uint32))
        return [int(n) for n in occurrences]

    def _add(self, keys: Keys, counts: Counts) -> None:
        """Runs are merged as in a log-structured merge tree: few of them, each twice the size of the next."""
        while self._runs and len(self._runs[-1][0]) <= 2 * len(keys):
            other_keys, other_counts = self._runs.pop()
            merged, which = np.unique(np.concatenate((other_keys, keys)), return_inverse=True)
            total = np.bincount(which, weights=np.concatenate((other_counts, counts)), minlength=len(merged))
            keys, counts = merged, total.astype(np.uint32)
        if len(keys):
            self._runs.append((keys, counts))
