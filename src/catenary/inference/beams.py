"""Beam search: the K likeliest beginnings of an answer go on; the best that ended, by its length, is it.

As transformers has it; a beam's log probability is divided by its length to the α (Wu et al. 2016, 1609.08144, eq. 14).

    K beams · V vocabulary
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from catenary.inference.port import Stop, go_on, never
from catenary.inference.rows import RowsModel


def best_of_beams(
    model: RowsModel,
    prompt: Sequence[int],
    *,
    beams: int,
    new_tokens: int,
    end_ids: Collection[int],
    length_penalty: float = 1.0,
    no_repeat_ngram: int = 0,
    stop: Stop = never,
) -> list[int]:
    """The ids of the best answer to `prompt`, its end not among them. Raises Interrupted when `stop` says so."""
    rows, logits_1V = model.start([prompt], new_tokens)
    rows.keep([0] * beams)
    log_KV = np.repeat(_log_softmax(logits_1V), beams, axis=0)
    score_K = np.full(beams, -np.inf, dtype=np.float32)
    score_K[0] = 0.0  # the beams are one at first
    written: list[list[int]] = [[] for _ in range(beams)]
    ended: list[tuple[float, list[int]]] = []
    for step in range(new_tokens):
        go_on(stop)
        norm = (step + 1) ** length_penalty
        for beam, ids in enumerate(written):
            log_KV[beam, repeating(ids, no_repeat_ngram)] = -np.inf
        going: list[tuple[float, int, int]] = []
        for rank, (score, beam, token) in enumerate(_likeliest(score_K[:, None] + log_KV, 2 * beams)):
            if token in end_ids:
                if rank < beams:
                    ended.append((score / norm, written[beam]))
            elif len(going) < beams:
                going.append((score, beam, token))
        # No beginning can end better than the K that have: later ones only lose probability.
        best = sorted((score for score, _ in ended), reverse=True)[:beams]
        if len(best) == beams and best[-1] >= going[0][0] / norm:
            break
        written = [[*written[beam], token] for _, beam, token in going]
        score_K = np.array([score for score, _, _ in going], dtype=np.float32)
        if step == new_tokens - 1:  # cut off where they stand, they count as ended
            ended += [(score / norm, one) for (score, _, _), one in zip(going, written, strict=True)]
            break
        rows.keep([beam for _, beam, _ in going])
        log_KV = _log_softmax(rows.read([token for _, _, token in going]))
    return max(ended, key=lambda one: one[0])[1]


def repeating(ids: Sequence[int], ngram: int) -> list[int]:
    """The tokens that would make the last `ngram` tokens ones that `ids` had before; none where `ngram` is 0."""
    if ngram < 1 or len(ids) < ngram:
        return []
    last = list(ids[len(ids) - ngram + 1 :])
    return [
        ids[at + ngram - 1] for at in range(len(ids) - ngram + 1) if list(ids[at : at + ngram - 1]) == last
    ]


def _likeliest(score_KV: NDArray[np.float32], count: int) -> list[tuple[float, int, int]]:
    """The highest scores with their beam and token, the highest first; of equal ones the first."""
    flat = score_KV.ravel()
    at = np.argpartition(flat, -count)[-count:]
    at = at[np.lexsort((at, -flat[at]))]
    vocabulary = score_KV.shape[1]
    return [(float(flat[place]), *divmod(int(place), vocabulary)) for place in at]


def _log_softmax(logits_BV: NDArray[np.float32]) -> NDArray[np.float32]:
    shifted_BV = logits_BV - logits_BV.max(axis=-1, keepdims=True)
    return np.asarray(shifted_BV - np.log(np.exp(shifted_BV).sum(axis=-1, keepdims=True)))
