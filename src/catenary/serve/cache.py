"""Answers that are known: the same question to the same release, answered before, word for word.

Only what would be answered alike again is kept: greedy answers, and drawn ones with a seed. A hit leaves a receipt of
its own, which says so.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from dataclasses import dataclass
from hashlib import sha256

from catenary.serve.engine import Delta, Spent, WriteJob


@dataclass(frozen=True, slots=True)
class Known:
    """Whole answers, as deltas with their finish reasons, and what they cost."""

    deltas: tuple[Delta, ...]
    spent: Spent

    @property
    def size(self) -> int:
        return sum(200 + 4 * len(one.text) + 100 * len(one.logprobs) for one in self.deltas)


class Cache:
    """The answers used last, in at most `most_bytes`."""

    def __init__(self, most_bytes: int = 64 << 20) -> None:
        self._most, self._held = most_bytes, 0
        self._known: OrderedDict[bytes, Known] = OrderedDict()

    @staticmethod
    def key(model_digest: str, job: WriteJob) -> bytes | None:
        """What stands for this question; None where its answer would be another each time."""
        if job.settings.get("temperature", 0) and job.settings.get("seed") is None:
            return None
        asked = [model_digest, job.prompts, dict(job.settings), job.tools, job.tool_choice]
        return sha256(json.dumps(asked, sort_keys=True).encode()).digest()

    def get(self, key: bytes) -> Known | None:
        """The answers to this question, if they are known."""
        known = self._known.get(key)
        if known is not None:
            self._known.move_to_end(key)
        return known

    def clear(self) -> None:
        """Forget all."""
        self._known.clear()
        self._held = 0

    def put(self, key: bytes, known: Known) -> None:
        """Remember answers; those used longest ago are forgotten where there is no room."""
        if known.size > self._most or key in self._known:
            return
        self._known[key] = known
        self._held += known.size
        while self._held > self._most:
            self._held -= self._known.popitem(last=False)[1].size
