"""Many answers at once from our own core, over the key–value cache: greedy, sampled, or the best of several beams.

    texts → ids → generate(model, prompts, Decoding(…)) → ids of the answers alone

Prompts of like length go together, shorter ones padded on the left; rows that have ended leave the batch. What is drawn
for a prompt depends on the seed and the prompt's number alone, not on what stands beside it.

B rows · T tokens · V vocabulary · K beams
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np
import torch
from torch import Tensor

from catenary.errors import InvalidInput
from catenary.inference.beams import repeating
from catenary.inference.torch_rows import Rows
from catenary.models import Model
from catenary.progress import SILENT, Progress


@dataclass(frozen=True)
class Decoding:
    """How the next token is chosen. Temperature 0 takes the likeliest; `beams` above 1 keeps so many beginnings.

    `stop_ids` end an answer and are not part of it; the model's own end-of-text tokens where empty.
    `length_penalty` α divides a beam's log probability by its length to the α (Wu et al. 2016, 1609.08144, eq. 14). No
    `no_repeat_ngram` tokens in a row are written twice (Paulus et al. 2018, 1705.04304, §2.5); 0: they may.
    """

    max_new_tokens: int = 256
    temperature: float = 0.0
    top_k: int = 0  # 0: all
    top_p: float = 1.0
    beams: int = 1
    length_penalty: float = 1.0
    no_repeat_ngram: int = 0
    stop_ids: tuple[int, ...] = ()
    seed: int = 0
    rows: int = 32  # prompts at once

    def __post_init__(self) -> None:
        if self.beams > 1 and self.temperature:
            raise InvalidInput(
                "Beams are not sampled.", got=f"beams={self.beams}, temperature={self.temperature}"
            )


@torch.inference_mode()
def generate(
    model: Model, prompts: Sequence[Sequence[int]], decoding: Decoding, *, progress: Progress = SILENT
) -> list[list[int]]:
    """The answer to each prompt: of a decoder what follows it, of an encoder–decoder what it makes of it.

    Raises InvalidInput for an empty prompt, and for one that leaves the model no place for an answer.
    """
    model.eval()
    stop = decoding.stop_ids or _stop_ids(model)
    writes = model.config.kind == "decoder"
    limit = model.config.max_position_embeddings
    for prompt in prompts:
        if not prompt or (writes and len(prompt) >= limit):
            raise InvalidInput(
                "This prompt leaves the model no room for an answer.",
                got=f"{len(prompt)} tokens",
                expected="1 to {tokens} tokens",
                tokens=limit - 1,
            )
    answers: list[list[int]] = [[] for _ in prompts]
    order = sorted(range(len(prompts)), key=lambda number: len(prompts[number]))
    at_once = max(1, decoding.rows // decoding.beams)
    for first in range(0, len(order), at_once):
        numbers = order[first : first + at_once]
        longest = max(len(prompts[number]) for number in numbers) if writes else 1
        here = replace(decoding, max_new_tokens=min(decoding.max_new_tokens, limit - longest), stop_ids=stop)
        rows = [list(prompts[number]) for number in numbers]
        found = _search(model, rows, here) if here.beams > 1 else _continue(model, rows, numbers, here)
        for number, answer in zip(numbers, found, strict=True):
            answers[number] = answer
        progress.advance(len(numbers))
    return answers


def _continue(
    model: Model, prompts: list[list[int]], numbers: Sequence[int], decoding: Decoding
) -> list[list[int]]:
    answers: list[list[int]] = [[] for _ in prompts]
    chances_BT = torch.tensor(
        np.stack(
            [
                np.random.default_rng([decoding.seed, number]).random(decoding.max_new_tokens)
                for number in numbers
            ]
        )
    )
    rows, logits_BV = Rows.start(model, prompts, decoding.max_new_tokens)
    alive = torch.arange(len(prompts))
    for step in range(decoding.max_new_tokens):
        for row, place in enumerate(alive.tolist()):
            logits_BV[row, repeating(answers[place], decoding.no_repeat_ngram)] = -torch.inf
        token_B = _chosen(logits_BV, chances_BT[alive, step], decoding)
        goes_on = torch.tensor([token not in decoding.stop_ids for token in token_B.tolist()])
        for row, token in zip(alive[goes_on].tolist(), token_B[goes_on].tolist(), strict=True):
            answers[row].append(token)
        if not goes_on.any() or step == decoding.max_new_tokens - 1:
            break
        if not goes_on.all():
            rows.keep(goes_on.nonzero()[:, 0])
            alive, token_B = alive[goes_on], token_B[goes_on]
        logits_BV = rows.read(token_B)
    return answers


def _chosen(logits_BV: Tensor, chance_B: Tensor, decoding: Decoding) -> Tensor:
    """The token of each row: the likeliest, or the one on which its chance (0 to 1) falls."""
    if not decoding.temperature:
        return logits_BV.argmax(-1)
    likely_BV, ids_BV = (logits_BV.double() / decoding.temperature).sort(dim=-1, descending=True, stable=True)
    share_BV = likely_BV.softmax(-1)
    if decoding.top_k:
        share_BV[:, decoding.top_k :] = 0
    # The smallest set that holds top_p (Holtzman et al. 2020, 1904.09751): a token stays if those before it hold less.
    before_BV = share_BV.cumsum(-1) - share_BV
    share_BV = share_BV.masked_fill(before_BV >= decoding.top_p, 0)
    reached_BV = share_BV.cumsum(-1)
    at_B1 = torch.searchsorted(reached_BV, (chance_B * reached_BV[:, -1])[:, None], right=True)
    return ids_BV.gather(1, at_B1.clamp(max=ids_BV.shape[1] - 1))[:, 0]


def _search(model: Model, prompts: list[list[int]], decoding: Decoding) -> list[list[int]]:
    """Beam search: the K likeliest beginnings of each answer go on; the best that ended, by its length, is it."""
    count, k = len(prompts), decoding.beams
    rows, logits_BV = Rows.start(model, prompts, decoding.max_new_tokens)
    rows.keep(torch.arange(count).repeat_interleave(k))
    vocabulary = logits_BV.shape[1]
    log_BKV = logits_BV.log_softmax(-1)[:, None].expand(count, k, vocabulary)
    score_BK = torch.full((count, k), -torch.inf)
    score_BK[:, 0] = 0.0  # the beams of a row are one at first
    written: list[list[list[int]]] = [[[] for _ in range(k)] for _ in prompts]
    ended: list[list[tuple[float, list[int]]]] = [[] for _ in prompts]
    done = [False] * count
    norm = 1.0
    for step in range(decoding.max_new_tokens):
        log_BKV = _unrepeated(log_BKV, written, decoding.no_repeat_ngram)
        best_BJ, at_BJ = (score_BK[..., None] + log_BKV).flatten(1).topk(2 * k)
        chosen: list[tuple[int, int]] = []  # (row of the cache, token)
        norm = (step + 1) ** decoding.length_penalty
        for b in range(count):
            beams: list[tuple[float, int, int]] = []
            for rank, (score, place) in enumerate(zip(best_BJ[b].tolist(), at_BJ[b].tolist(), strict=True)):
                beam, token = divmod(place, vocabulary)
                if token in decoding.stop_ids:
                    if rank < k and not done[b]:
                        ended[b].append((score / norm, written[b][beam]))
                elif len(beams) < k:
                    beams.append((score, beam, token))
            # No beginning can end better than the k that have: later ones only lose probability.
            worst = (
                sorted((score for score, _ in ended[b]), reverse=True)[:k][-1] if len(ended[b]) >= k else None
            )
            done[b] = done[b] or (worst is not None and worst >= beams[0][0] / norm)
            written[b] = [[*written[b][beam], token] for _, beam, token in beams]
            score_BK[b] = torch.tensor([score for score, _, _ in beams])
            chosen += [(b * k + beam, token) for _, beam, token in beams]
        if all(done) or step == decoding.max_new_tokens - 1:
            break
        rows.keep(torch.tensor([row for row, _ in chosen]))
        logits_BV = rows.read(torch.tensor([token for _, token in chosen]))
        log_BKV = logits_BV.log_softmax(-1).view(count, k, vocabulary)
    answers = []
    for b in range(count):
        if not done[b]:  # cut off where they stand, they count as ended
            ended[b] += [
                (score / norm, one) for score, one in zip(score_BK[b].tolist(), written[b], strict=True)
            ]
        answers.append(max(ended[b], key=lambda one: one[0])[1])
    return answers


def _unrepeated(log_BKV: Tensor, written: list[list[list[int]]], ngram: int) -> Tensor:
    if not ngram:
        return log_BKV
    log_BKV = log_BKV.clone()
    for b, beams in enumerate(written):
        for k, ids in enumerate(beams):
            log_BKV[b, k, repeating(ids, ngram)] = -torch.inf
    return log_BKV


def _stop_ids(model: Model) -> tuple[int, ...]:
    """What ends a text, by the model's configuration."""
    ids = model.config.eos_token_id
    if ids is None:
        raise InvalidInput(
            "The model does not say what ends a text.", expected="stop_ids, or a model with eos_token_id"
        )
    return tuple(chain(ids)) if isinstance(ids, tuple) else (ids,)
