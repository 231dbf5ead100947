"""Answers to questions that mean the same: asked in other words, by the same key, of the same release.

All but the last thing that the user says must be the same to the letter: the model, the conversation before, settings,
tools. Of that last text the meaning counts: its vector must lie within `threshold` (cosine) of one answered before, and
its numbers be the same, for vectors tell "3 days" from "5 days" badly. Opt-in, for it can be wrong where a cache of
exact questions cannot; its hits say so, and whose answer they tell again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from catenary.serve.cache import Known
from catenary.serve.engine import WriteJob

SLOTS = 4096  # answers that are looked through at most: well below a millisecond
NUMBER = re.compile(r"\d+")
Vector = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Question:
    """What must be the same to the letter (`context`), and what only in meaning."""

    context: bytes
    text: str

    @property
    def numbers(self) -> tuple[str, ...]:
        return tuple(NUMBER.findall(self.text))


@dataclass(frozen=True, slots=True)
class Similar:
    """An answer to another question, the receipt it was first given under, and how near that question is."""

    known: Known
    receipt: str
    similarity: float


@dataclass(frozen=True, slots=True)
class _Entry:
    question: Question
    known: Known
    receipt: str


class SemanticCache:
    """The answers given last, in at most `most_bytes`. `endpoint`: whose vectors tell what texts mean."""

    def __init__(
        self,
        endpoint: str,
        *,
        threshold: float = 0.95,
        scope: Literal["key", "all"] = "key",
        sampled: bool = False,
        most_bytes: int = 64 << 20,
    ) -> None:
        self.endpoint = endpoint
        self._threshold, self._scope, self._sampled = threshold, scope, sampled
        self._most, self._held = most_bytes, 0
        self._vectors: Vector | None = None
        self._contexts = np.zeros(SLOTS, np.uint64)
        self._entries: dict[int, _Entry] = {}  # by slot, oldest first
        self._next = 0

    def question(self, model_digest: str, job: WriteJob, key_id: str | None) -> Question | None:
        """What of a request is looked up; None for one that this cache does not answer."""
        if len(job.prompts) != 1 or (job.settings.get("temperature", 0) and not self._sampled):
            return None
        [prompt] = job.prompts
        if isinstance(prompt, str):
            text, before = prompt, []
        elif prompt and isinstance(prompt[-1], Mapping) and prompt[-1]["role"] == "user":
            text = str(prompt[-1].get("content") or "")
            before = [*prompt[:-1], {**prompt[-1], "content": None}]
        else:
            return None
        if not text.strip():
            return None
        asked: list[Any] = [model_digest, before, dict(job.settings), job.tools, job.tool_choice]
        asked += [isinstance(prompt, str), key_id if self._scope == "key" else "-"]
        return Question(sha256(json.dumps(asked, sort_keys=True).encode()).digest(), text)

    def get(self, question: Question, vector: Vector) -> Similar | None:
        """The nearest answer, where one is near enough."""
        if self._vectors is None or self._vectors.shape[1] != len(vector):
            return None
        [slots] = np.nonzero(self._contexts == _short(question.context))
        scores = self._vectors[slots] @ _unit(vector)
        for at in np.argsort(-scores):
            if scores[at] < self._threshold:
                return None
            entry = self._entries.get(int(slots[at]))
            if (
                entry is not None
                and entry.question.context == question.context
                and entry.question.numbers == question.numbers
            ):
                return Similar(entry.known, entry.receipt, round(min(1.0, float(scores[at])), 4))
        return None

    def put(self, question: Question, vector: Vector, known: Known, receipt: str) -> None:
        """Remember an answer; the oldest are forgotten where there is no room."""
        if known.size > self._most:
            return
        if self._vectors is None or self._vectors.shape[1] != len(vector):
            self.clear()
            self._vectors = np.zeros((SLOTS, len(vector)), np.float32)
        self._forget(self._next)
        while self._held + known.size > self._most:
            self._forget(next(iter(self._entries)))
        self._vectors[self._next] = _unit(vector)
        self._contexts[self._next] = _short(question.context)
        self._entries[self._next] = _Entry(question, known, receipt)
        self._held += known.size
        self._next = (self._next + 1) % SLOTS

    def clear(self) -> None:
        """Forget all."""
        self._vectors, self._held = None, 0
        self._entries.clear()
        self._contexts[:] = 0

    def _forget(self, slot: int) -> None:
        entry = self._entries.pop(slot, None)
        if entry is not None:
            self._held -= entry.known.size
            self._contexts[slot] = 0


def _short(context: bytes) -> np.uint64:
    return np.uint64(int.from_bytes(context[:8], "little"))


def _unit(vector: Vector) -> Vector:
    return vector / (np.linalg.norm(vector) or np.float32(1))
