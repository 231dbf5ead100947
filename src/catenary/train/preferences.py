"""Pairs of replies to one prompt, the better one first, with what the reference model thinks of both.

Shapes: B pairs; N tokens of a step: all better replies with their prompts, then all worse ones with theirs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from catenary.digest import digest
from catenary.models import Model
from catenary.progress import SILENT, Progress
from catenary.tokenizer import ChatTokens
from catenary.train.conversations import Conversations, TalkBatch
from catenary.train.objectives.preferred import reply_log_probs
from catenary.train.settings import TrainSettings
from catenary.train.weights import weights_sha256

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class PreferenceBatch:
    """`talks` has 2 B conversations: the better ones, then the worse; `reference_2B` their log-probabilities."""

    documents: Ints
    talks: TalkBatch
    reference_2B: torch.Tensor

    @property
    def tokens(self) -> int:
        """Of both replies and both prompts."""
        return self.talks.tokens

    def split(self, parts: int) -> list[PreferenceBatch]:
        """The same pairs in at most `parts` batches."""
        if parts == 1:
            return [self]
        count = len(self.documents)
        cuts = [count * part // parts for part in range(parts + 1)]
        return [self._part(np.arange(i, j)) for i, j in pairwise(cuts) if i < j]

    def _part(self, chosen: Ints) -> PreferenceBatch:
        both = np.concatenate([chosen, chosen + len(self.documents)])
        borders = self.talks.cu_seqlens.numpy()
        places = np.concatenate([np.arange(borders[one], borders[one + 1]) for one in both])
        lengths = borders[both + 1] - borders[both]
        talks = TalkBatch(
            self.talks.documents[both],
            torch.from_numpy(np.concatenate([[0], np.cumsum(lengths)])),
            self.talks.input_ids_1N[:, places],
            self.talks.targets_N[places],
        )
        return PreferenceBatch(self.documents[chosen], talks, self.reference_2B[both])


@dataclass(frozen=True)
class Preferences:
    """`talks` holds the better reply to prompt i as row i and the worse as row i + the number of prompts."""

    talks: Conversations
    reference: NDArray[np.float32]  # a row of `talks` each
    dealt: Conversations  # rows as long as both replies: how pairs fill a step

    @classmethod
    def of(
        cls,
        better: Sequence[ChatTokens],
        worse: Sequence[ChatTokens],
        reference: Model,
        settings: TrainSettings,
        *,
        kept: Path | None = None,
        progress: Progress = SILENT,
    ) -> Preferences:
        """The reference reads every reply once; what it thinks of them is kept in the file `kept`."""
        talks = Conversations.of([*better, *worse], settings)
        both = [
            ChatTokens([*one.ids, *other.ids], [*one.said, *other.said])
            for one, other in zip(better, worse, strict=True)
        ]
        made_of = digest([talks.identity, weights_sha256(reference.state_dict())])
        told = _read(kept, made_of)
        if told is None:
            told = _told(reference, talks, progress)
            if kept is not None:
                kept.parent.mkdir(parents=True, exist_ok=True)
                part = kept.with_name(kept.name + ".part")
                save_file({"log_probs": told, "made_of": np.frombuffer(made_of.encode(), np.uint8)}, part)
                part.replace(kept)
        return cls(talks, told, Conversations.of(both, settings))

    def __len__(self) -> int:
        return len(self.dealt)

    @cached_property
    def identity(self) -> str:
        """Equal for equal data in equal order."""
        return digest(["preferences", self.talks.identity, self.reference.tolist()])

    def extent(self, settings: TrainSettings) -> tuple[int, list[int]]:
        """The steps that `settings` asks for, and how many are done at the end of each pass among them."""
        return self.dealt.extent(settings)

    def documents_from(self, step: int) -> Iterator[Ints]:
        """The pairs of each step from the `step`-th on."""
        return self.dealt.documents_from(step)

    def from_step(self, step: int) -> Iterator[PreferenceBatch]:
        """The batches from the `step`-th on, pass after pass without end."""
        return map(self.batch, self.documents_from(step))

    def in_order(self) -> Iterator[PreferenceBatch]:
        """Every pair once: for validation."""
        for batch in self.dealt.in_order():
            yield self.batch(batch.documents)

    def batch(self, documents: Ints) -> PreferenceBatch:
        """These pairs as tensors."""
        both = np.concatenate([documents, documents + len(self.dealt)])
        return PreferenceBatch(documents, self.talks.batch(both), torch.from_numpy(self.reference[both]))


def _told(reference: Model, talks: Conversations, progress: Progress) -> NDArray[np.float32]:
    was_training = reference.training
    reference.eval()
    told = np.zeros(len(talks), np.float32)
    progress.begin("What the reference thinks", len(talks), "replies")
    with torch.no_grad():
        for batch in talks.in_order():
            told[batch.documents] = reply_log_probs(reference, batch).float().numpy()
            progress.advance(len(batch.documents))
    reference.train(was_training)
    return told


def _read(kept: Path | None, made_of: str) -> NDArray[np.float32] | None:
    """What an interrupted run kept; None where it is not there, of something else, or damaged."""
    if kept is None or not kept.is_file():
        return None
    try:
        found = load_file(kept)
        return found["log_probs"] if found["made_of"].tobytes().decode() == made_of else None
    except (OSError, ValueError, KeyError, SafetensorError):
        return None
