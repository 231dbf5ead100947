"""Choosing the next token: what each setting does to the logits, in small functions over numpy arrays.

They run in this order, which is that of `transformers`, and each leaves its input as it is:

    bias → repetition → presence and frequency → temperature → top-k → top-p → min-p → draw

V vocabulary · l_v the logit of token v · −inf: the token cannot be chosen
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from catenary.inference.generation import GenerationSettings

Logits = NDArray[np.float32]
NUCLEUS_FIRST = 1024  # tokens looked at before all are sorted: nearly always enough


@dataclass(slots=True)
class Seen:
    """The tokens that penalties count: which stood in the prompt or the answer, and how often in the answer."""

    known: set[int]
    counts: dict[int, int] = field(default_factory=dict)

    @classmethod
    def of(cls, prompt: Sequence[int]) -> Seen:
        return cls(set(prompt))

    def add(self, token: int) -> None:
        self.known.add(token)
        self.counts[token] = self.counts.get(token, 0) + 1


def with_bias(logits_V: Logits, bias: Mapping[int, float]) -> Logits:
    """l_v + bias_v   (OpenAI's `logit_bias`). Ids outside the vocabulary are for others to refuse."""
    changed_V = logits_V.copy()
    for token, amount in bias.items():
        changed_V[token] += amount
    return changed_V


def with_repetition_penalty(logits_V: Logits, penalty: float, seen: Seen) -> Logits:
    """l_v / penalty where l_v > 0, else l_v · penalty, for tokens of the prompt and the answer.

    Keskar et al. 2019 (CTRL, 1909.05858, §4.1), as `transformers` has it for negative logits.
    """
    changed_V = logits_V.copy()
    at = np.fromiter(seen.known, np.int64, len(seen.known))
    chosen = changed_V[at]
    changed_V[at] = np.where(chosen > 0, chosen / penalty, chosen * penalty)
    return changed_V


def with_presence_and_frequency(logits_V: Logits, presence: float, frequency: float, seen: Seen) -> Logits:
    """l_v − presence · [c_v > 0] − frequency · c_v, where token v stands c_v times in the answer   (OpenAI)"""
    changed_V = logits_V.copy()
    for token, count in seen.counts.items():
        changed_V[token] -= presence + frequency * count
    return changed_V


def with_temperature(logits_V: Logits, temperature: float) -> Logits:
    """l_v / temperature   (Ackley, Hinton and Sejnowski 1985)"""
    return logits_V / np.float32(temperature)


def top_k(logits_V: Logits, k: int) -> Logits:
    """The k highest, and those equal to the k-th   (Fan et al. 2018, 1805.04833)"""
    if k >= logits_V.size:
        return logits_V
    kth = np.partition(logits_V, -k)[-k]
    return np.where(logits_V < kth, np.float32(-np.inf), logits_V)


def top_p(logits_V: Logits, p: float) -> Logits:
    """The smallest set of the likeliest tokens that holds p of the probability   (Holtzman et al. 2020, 1904.09751)"""
    share_V = softmax(logits_V)
    first = min(NUCLEUS_FIRST, share_V.size)
    at = np.argpartition(share_V, -first)[-first:]
    if share_V[at].sum() < p:
        at = np.arange(share_V.size)
    at = at[np.argsort(-share_V[at], kind="stable")]
    before = np.cumsum(share_V[at]) - share_V[at]
    kept = at[before < p]
    changed_V = np.full_like(logits_V, -np.inf)
    changed_V[kept] = logits_V[kept]
    return changed_V


def min_p(logits_V: Logits, p: float) -> Logits:
    """Tokens at least p times as likely as the likeliest   (Nguyen et al. 2024, 2407.01082)"""
    lowest = logits_V.max() + np.float32(np.log(p))
    return np.where(logits_V < lowest, np.float32(-np.inf), logits_V)


def softmax(logits_V: Logits) -> NDArray[np.float64]:
    """exp(l_v) / Σ exp(l_u), in double precision."""
    exponentials_V = np.exp((logits_V - logits_V.max()).astype(np.float64))
    return np.asarray(exponentials_V / exponentials_V.sum())


def log_softmax(logits_V: Logits) -> NDArray[np.float64]:
    """l_v − log Σ exp(l_u), in double precision."""
    shifted_V = (logits_V - logits_V.max()).astype(np.float64)
    return np.asarray(shifted_V - np.log(np.exp(shifted_V).sum()))


def changed(logits_V: Logits, settings: GenerationSettings, seen: Seen) -> Logits:
    """The logits after bias and penalties: what a greedy choice takes the highest of."""
    if settings.logit_bias:
        logits_V = with_bias(logits_V, settings.logit_bias)
    if settings.repetition_penalty != 1:
        logits_V = with_repetition_penalty(logits_V, settings.repetition_penalty, seen)
    if settings.presence_penalty or settings.frequency_penalty:
        logits_V = with_presence_and_frequency(
            logits_V, settings.presence_penalty, settings.frequency_penalty, seen
        )
    return logits_V


def narrowed(logits_V: Logits, settings: GenerationSettings) -> Logits:
    """The logits that are drawn from: after temperature, top-k, top-p and min-p."""
    logits_V = with_temperature(logits_V, settings.temperature)
    if settings.top_k:
        logits_V = top_k(logits_V, settings.top_k)
    if settings.top_p < 1:
        logits_V = top_p(logits_V, settings.top_p)
    if settings.min_p:
        logits_V = min_p(logits_V, settings.min_p)
    return logits_V


def drawn(logits_V: Logits, chance: float) -> int:
    """The token on which `chance` (0 to 1) falls when the probabilities are laid end to end in the order of ids."""
    reached_V = np.cumsum(softmax(logits_V))
    at = int(np.searchsorted(reached_V, chance * reached_V[-1], side="right"))
    # Rounding may point behind the last token that has a probability.
    return at if at < logits_V.size and logits_V[at] > -np.inf else int(logits_V.argmax())


def chosen(logits_V: Logits, settings: GenerationSettings, seen: Seen, chance: float) -> int:
    """The next token under `settings`; `chance` is what a draw falls on."""
    logits_V = changed(logits_V, settings, seen)
    if settings.greedy:
        return int(logits_V.argmax())
    return drawn(narrowed(logits_V, settings), chance)
