"""What can be said of texts without a reference: how varied, repetitive, long, well-formed and new they are.

    distinct_n   different n-grams over all n-grams, in all texts together (Li et al., NAACL 2016)
    self_bleu    the mean BLEU of each text against all others (Zhu et al., SIGIR 2018): high where all are alike
    repetition   the share of 4-grams that stood in the same text before (Welleck et al., ICLR 2020)
    characters   the length
    misspelt     the share of words that stand in no word list
    slips        slips of form (`slips.py`) for each 100 words
    novelty      the share of 5-grams that stand nowhere in the training text (McCoy et al., TACL 2023)

Each gives what every text adds to some sums. Those of distinct_n are jackknife influences: their mean is the figure,
and their spread what leaving a text out does to it.

    distinct_sums([["a", "b"], ["a", "c"]], 1).mean(0)
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import numpy as np

from catenary.evaluate.intervals import Floats
from catenary.evaluate.overlap import Words, grams
from catenary.evaluate.slips import slips

REPEATED = 4  # words in a run that counts as repeated
NEW = 5  # words in a run that counts as new
BLEU_ORDERS = 4
EPSILON = 0.1  # counted for an order without a match: Chen & Cherry 2014, method 1


def distinct_sums(texts: Sequence[Words], size: int) -> Floats:
    """(N, 2): influences, and ones."""
    of_text = [grams(words, size) for words in texts]
    texts_with: Counter[Any] = Counter(gram for one in of_text for gram in one)
    total = sum(one.total() for one in of_text)
    value = len(texts_with) / total if total else 0.0
    n = len(texts)
    without = np.full(n, value)
    for text, one in enumerate(of_text):
        left = total - one.total()
        if left:
            alone = sum(texts_with[gram] == 1 for gram in one)
            without[text] = (len(texts_with) - alone) / left
    influence = value + (n - 1) * (without.mean() - without)
    return np.stack([influence, np.ones(n)], axis=1)


def self_bleu(texts: Sequence[Words]) -> list[float]:
    """BLEU of each text with all others as references, 0 to 1."""
    most: list[dict[Any, tuple[int, int, int]]] = [
        {} for _ in range(BLEU_ORDERS)
    ]  # highest, whose, next highest
    counts = [[grams(words, size) for size in range(1, BLEU_ORDERS + 1)] for words in texts]
    for text, by_order in enumerate(counts):
        for order, one in enumerate(by_order):
            for gram, times in one.items():
                high, whose, second = most[order].get(gram, (0, -1, 0))
                if times > high:
                    most[order][gram] = (times, text, high)
                elif times > second:
                    most[order][gram] = (high, whose, times)
    lengths = sorted(map(len, texts))
    return [_bleu_of(text, counts[text], most, lengths, len(texts[text])) for text in range(len(texts))]


def _bleu_of(
    text: int,
    counts: Sequence[Counter[Any]],
    most: Sequence[dict[Any, tuple[int, int, int]]],
    lengths: Sequence[int],
    length: int,
) -> float:
    logs = 0.0
    for order, one in enumerate(counts):
        right = 0
        for gram, times in one.items():
            high, whose, second = most[order][gram]
            right += min(times, second if whose == text else high)
        if order == 0 and not right:
            return 0.0
        logs += math.log((right or EPSILON) / max(1, one.total()))
    nearest = _nearest(lengths, length)
    brevity = 1.0 if length > nearest else math.exp(1 - nearest / length)
    return brevity * math.exp(logs / BLEU_ORDERS)


def _nearest(lengths: Sequence[int], length: int) -> int:
    """The length of another text that is nearest, the shorter of two."""
    at = bisect_left(lengths, length)  # one of this length is the text itself
    others = [*lengths[max(0, at - 1) : at], *lengths[at + 1 : at + 2]]
    return min(others, key=lambda other: (abs(other - length), other), default=length)


def repetition_sums(texts: Sequence[Words]) -> Floats:
    """(N, 2): runs that stood in the text before, and all runs."""
    of_text = [grams(words, REPEATED) for words in texts]
    return np.array([(one.total() - len(one), one.total()) for one in of_text], np.float64)


def misspelt_sums(texts: Sequence[Words], known: Collection[str]) -> Floats:
    """(N, 2): words that are not among `known`, and all words. Numbers are known."""
    return np.array(
        [(sum(w not in known and not w.isdigit() for w in words), len(words)) for words in texts], np.float64
    )


def slip_sums(texts: Sequence[str], words: Sequence[Words]) -> Floats:
    """(N, 2): slips of form, and words."""
    return np.array([(len(slips(text)), len(of)) for text, of in zip(texts, words, strict=True)], np.float64)


def run_hashes(texts: Iterable[Words], size: int = NEW) -> frozenset[int]:
    """The runs of words of the training text."""
    return frozenset(hash(gram) for words in texts for gram in grams(words, size))


def novelty_sums(texts: Sequence[Words], trained: Collection[int], size: int = NEW) -> Floats:
    """(N, 2): runs that the training text does not have, and all runs."""
    rows = []
    for words in texts:
        one = grams(words, size)
        rows.append((sum(times for gram, times in one.items() if hash(gram) not in trained), one.total()))
    return np.array(rows, np.float64)


def similarity_sums(said_ND: Floats, gold_ND: Floats) -> Floats:
    """(N, 2): the cosine of each answer's vector with its reference's, and ones."""
    norms = np.linalg.norm(said_ND, axis=1) * np.linalg.norm(gold_ND, axis=1)
    dots = (said_ND * gold_ND).sum(1)
    cosines = np.divide(dots, norms, out=np.zeros_like(dots), where=norms > 0)
    return np.stack([cosines, np.ones(len(cosines))], axis=1)
