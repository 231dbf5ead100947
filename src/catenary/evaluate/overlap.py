"""How much of what was to be written stands in what was written: NIST, METEOR and ROUGE, as sums over documents.

    nist     n-grams right, 1 to 5, each weighing the information it carries (Doddington, HLT 2002)
    meteor   words aligned, exact then by stem, with a penalty for fragments (Lavie & Agarwal, WMT 2007)
    rouge    F₁ of words, of pairs of words, of the longest common subsequence (Lin 2004)

A Chinese character is a word. Stems are Snowball's English ones; METEOR's third stage, WordNet's synonyms, is left out:
its data come with no package.

    meteor("The cats sat on it.", "the cat sat on the mat")
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise

import numpy as np

from catenary.evaluate.intervals import Floats

HAN = r"\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U000323af"
WORD = re.compile(rf"[{HAN}]|[^\W_{HAN}]+")
NIST_ORDERS = 5
# A system text of two thirds of the reference's length halves the score (Doddington 2002, eq. 3).
NIST_BETA = math.log(0.5) / math.log(1.5) ** 2

Words = Sequence[str]


def rouge_words(text: str) -> list[str]:
    """Lower case; a Chinese character is a word."""
    return WORD.findall(text.lower())


def grams(words: Words, size: int) -> Counter[tuple[str, ...]]:
    """How often each run of `size` words stands in `words`."""
    return Counter(zip(*(words[at:] for at in range(size)), strict=False))


def overlap(size: int) -> Callable[[Words, Words], float]:
    """ROUGE-N: F₁ of runs of `size` words."""

    def score(said: Words, gold: Words) -> float:
        a, b = grams(said, size), grams(gold, size)
        return f1((a & b).total(), a.total(), b.total())

    return score


def longest(said: Words, gold: Words) -> float:
    """ROUGE-L: F₁ of the longest common subsequence."""
    row = [0] * (len(gold) + 1)
    for word in said:
        before = 0
        for at, other in enumerate(gold, 1):
            before, row[at] = row[at], before + 1 if word == other else max(row[at], row[at - 1])
    return f1(row[-1], len(said), len(gold))


def f1(right: int, said: int, gold: int) -> float:
    return 2 * right / (said + gold) if said and gold else 0.0


ROUGES: dict[str, Callable[[Words, Words], float]] = {
    "rouge1": overlap(1),
    "rouge2": overlap(2),
    "rougeL": longest,
}


def nist_sums(said: Sequence[Words], gold: Sequence[Words]) -> Floats:
    """What each document adds: information right and n-grams said for each order, then the lengths of both sides.

    The information of an n-gram is counted over all of `gold` and stays as it is in a bootstrap.
    """
    counts: Counter[tuple[str, ...]] = Counter()
    for words in gold:
        for size in range(1, NIST_ORDERS + 1):
            counts.update(grams(words, size))
    total = sum(map(len, gold))
    rows = []
    for ours, theirs in zip(said, gold, strict=True):
        row: list[float] = []
        for size in range(1, NIST_ORDERS + 1):
            a, b = grams(ours, size), grams(theirs, size)
            information = sum(
                times * math.log2((counts[gram[:-1]] if size > 1 else total) / counts[gram])
                for gram, times in (a & b).items()
            )
            row += [information, a.total()]
        rows.append([*row, len(ours), len(theirs)])
    return np.array(rows, np.float64)


def nist(sums: Floats) -> Floats:
    """NIST of (…, 2 · NIST_ORDERS + 2) sums; no upper bound."""
    right, all_of = sums[..., 0 : 2 * NIST_ORDERS : 2], sums[..., 1 : 2 * NIST_ORDERS : 2]
    precision = np.divide(right, all_of, out=np.zeros_like(right), where=all_of > 0).sum(-1)
    said, gold = sums[..., -2], sums[..., -1]
    share = np.clip(np.divide(said, gold, out=np.zeros_like(said), where=gold > 0), 1e-300, 1.0)
    told: Floats = precision * np.where(said > 0, np.exp(NIST_BETA * np.log(share) ** 2), 0.0)
    return told


def meteor(said: Words, gold: Words, stem: Callable[[str], str] | None = None) -> float:
    """METEOR of one pair, α 0.9, β 3, γ 0.5; `stem` is Snowball's English one where None is given."""
    stem = stem or english_stem
    left_said, left_gold = list(enumerate(said)), list(enumerate(gold))
    pairs: list[tuple[int, int]] = []
    for form in (str, stem):
        found, left_said, left_gold = _aligned(left_said, left_gold, form)
        pairs += found
    if not pairs:
        return 0.0
    pairs.sort()
    chunks = 1 + sum(b != (a[0] + 1, a[1] + 1) for a, b in pairwise(pairs))
    precision, recall = len(pairs) / len(said), len(pairs) / len(gold)
    mean = precision * recall / (0.9 * precision + 0.1 * recall)
    return mean * (1 - 0.5 * (chunks / len(pairs)) ** 3)


Numbered = list[tuple[int, str]]


def _aligned(
    said: Numbered, gold: Numbered, form: Callable[[str], str]
) -> tuple[list[tuple[int, int]], Numbered, Numbered]:
    """Equal forms paired from the end, and what is left of both sides."""
    places: defaultdict[str, list[int]] = defaultdict(list)
    for at, (_, word) in enumerate(gold):
        places[form(word)].append(at)
    pairs, used_said, used_gold = [], set(), set()
    for at in range(len(said) - 1, -1, -1):
        free = places.get(form(said[at][1]))
        if free:
            other = free.pop()
            used_said.add(at)
            used_gold.add(other)
            pairs.append((said[at][0], gold[other][0]))
    return (
        pairs,
        [one for at, one in enumerate(said) if at not in used_said],
        [one for at, one in enumerate(gold) if at not in used_gold],
    )


@cache
def english_stem(word: str) -> str:
    """Snowball's English stem (Porter 2001)."""
    return str(_stemmer().stemWord(word))


@cache
def _stemmer():  # type: ignore[no-untyped-def]  # the package has no types
    from snowballstemmer import stemmer

    return stemmer("english")
