"""Texts as weighted n-grams of characters or words (TF-IDF), counted by numpy for all texts at once.

    tf(g, d)  = 1 + ln(occurrences of g in d)          or the occurrences themselves, when not `sublinear`
    idf(g)    = 1 + ln((1 + N) / (1 + documents with g))         N: training documents
    x_d       = the vector of tf · idf over all g, scaled to length 1

(Salton & Buckley, "Term-weighting approaches in automatic text retrieval", Information Processing & Management 24,
1988; the conventions, and so the figures, are those of scikit-learn's TfidfVectorizer.)

    vocabulary, counts = Vocabulary.of(texts, "characters", (1, 3), min_df=2)
    vectors = weigh(counts, idf(counts), sublinear=True)

Legend: T positions of all texts end to end, E entries (one for each n-gram of each text), G n-grams.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from catenary.models.baselines.grams import ABSENT, Keys, Places, depths, find_keys, longer_keys, spell
from catenary.models.baselines.linear_settings import Analysis

WHITE_SPACE = re.compile(r"\s\s+")
WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Counts:
    """Which `gram` stands how many `times` in which `text`: three arrays (E,), ordered by text, then n-gram."""

    text: Places
    gram: Places
    times: Places
    texts: int
    grams: int


@dataclass(frozen=True, slots=True)
class Vectors:
    """A sparse (texts, n-grams) matrix: each `value` at its `text` and `gram`, three arrays (E,)."""

    text: Places
    gram: Places
    value: NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True)
class Vocabulary:
    """The n-grams that count, numbered by length, then in the order of their units.

    Every part of a kept n-gram is at least as frequent as it is, so all are kept, and the trie of `grams.py` holds.
    """

    analysis: Analysis
    lengths: tuple[int, int]
    units: tuple[str, ...]  # characters or words, sorted
    levels: tuple[Keys, ...]  # the n-grams of 2, 3, … units

    @classmethod
    def of(
        cls, texts: Sequence[str], analysis: Analysis, lengths: tuple[int, int], *, min_df: int
    ) -> tuple[Self, Counts]:
        """The n-grams of `lengths` (least, most) that stand in at least `min_df` of `texts`, and their counts."""
        pieces = ANALYSES[analysis](texts)
        units, token_T = np.unique(pieces.unit, return_inverse=True)
        place_T, kept_G, entries = _keep_frequent(
            np.arange(len(token_T)), token_T, pieces.text, len(texts), min_df
        )
        units, token_T = units[kept_G], place_T
        levels: list[Keys] = []
        counted = [entries]
        for length in range(2, lengths[1] + 1):
            at_P, keys_P = longer_keys(place_T, token_T, pieces.depth, length, len(units))
            keys, place_P = np.unique(keys_P, return_inverse=True)
            place_T, kept_G, entries = _keep_frequent(at_P, place_P, pieces.text, len(texts), min_df)
            levels.append(keys[kept_G])
            counted.append(entries)
        vocabulary = cls(analysis, lengths, pieces.spell_units(units), tuple(levels))
        return vocabulary, _joined(counted[lengths[0] - 1 :], vocabulary.sizes, len(texts))

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many n-grams of each of the `lengths`."""
        return (len(self.units), *map(len, self.levels))[self.lengths[0] - 1 :]

    def count(self, texts: Sequence[str]) -> Counts:
        """The n-grams of the vocabulary in `texts`; others are passed over."""
        pieces = ANALYSES[self.analysis](texts)
        token_T = pieces.find_units(self.units)
        place_T = token_T
        counted = [_entries(np.arange(len(token_T)), place_T, pieces.text, len(texts))]
        for length, level in enumerate(self.levels, 2):
            at_P, keys_P = longer_keys(place_T, token_T, pieces.depth, length, len(self.units))
            place_P = find_keys(level, keys_P)
            counted.append(_entries(at_P, place_P, pieces.text, len(texts)))
            place_T = np.full(len(token_T), ABSENT, np.int64)
            place_T[at_P] = place_P
        return _joined(counted[self.lengths[0] - 1 :], self.sizes, len(texts))

    def spelled(self, length: int) -> list[str]:
        """The texts of the n-grams of `length` units, in order; words are joined by a space."""
        joint = " " if self.analysis == "words" else ""
        grams = spell(self.levels, length, len(self.units)).tolist()
        return [joint.join([self.units[unit] for unit in gram]) for gram in grams]

    def ngrams(self) -> list[str]:
        """The texts of all n-grams, in the order of the columns of their matrix."""
        return [
            text for length in range(self.lengths[0], self.lengths[1] + 1) for text in self.spelled(length)
        ]


def idf(counts: Counts) -> NDArray[np.float64]:
    """The inverse document frequency of each n-gram: (G,)."""
    document_frequency_G = np.bincount(counts.gram, minlength=counts.grams)
    return np.log((1 + counts.texts) / (1 + document_frequency_G)) + 1


def weigh(counts: Counts, idf_G: NDArray[np.float64], *, sublinear: bool) -> Vectors:
    """The TF-IDF vectors of the counted texts, each of length 1 (of length 0 where nothing was known)."""
    tf_E = 1 + np.log(counts.times) if sublinear else counts.times.astype(np.float64)
    value_E = tf_E * idf_G[counts.gram]
    norm_D = np.sqrt(np.bincount(counts.text, weights=value_E**2, minlength=counts.texts))
    return Vectors(counts.text, counts.gram, value_E / norm_D[counts.text])


@dataclass(frozen=True, slots=True)
class _Pieces:
    """Texts cut into units, laid end to end (T,): code points, or numbers of `words`.

    `depth` is a unit's place in its own piece (a text, or a word): n-grams do not reach over its bounds.
    """

    unit: Places
    depth: Places
    text: Places
    words: tuple[str, ...] | None = None

    def spell_units(self, units: Places) -> tuple[str, ...]:
        return tuple(chr(unit) if self.words is None else self.words[unit] for unit in units.tolist())

    def find_units(self, known: Sequence[str]) -> Places:
        """The number of each unit among the `known` ones, ABSENT where it is none of them."""
        if self.words is None:
            return find_keys(np.array([ord(unit) for unit in known], np.uint64), self.unit.astype(np.uint64))
        number_of = {word: number for number, word in enumerate(known)}
        return np.array([number_of.get(word, ABSENT) for word in self.words], np.int64)[self.unit]


def _characters(texts: Sequence[str]) -> _Pieces:
    """Each text one piece of characters, lower case, runs of white space as one space."""
    cleaned = [WHITE_SPACE.sub(" ", text.lower()) for text in texts]
    return _pieces(cleaned, np.arange(len(texts)))


def _characters_in_words(texts: Sequence[str]) -> _Pieces:
    """Each word one piece of characters, lower case, a space before and after it."""
    words = [text.lower().split() for text in texts]
    return _pieces(
        [f" {word} " for of_text in words for word in of_text],
        np.repeat(np.arange(len(texts)), list(map(len, words))),
    )


def _words(texts: Sequence[str]) -> _Pieces:
    """Each text one piece of words, lower case: runs of letters, digits and underscores."""
    words = [WORD.findall(text.lower()) for text in texts]
    known = sorted({word for of_text in words for word in of_text})
    number_of = {word: number for number, word in enumerate(known)}
    lengths = np.array(list(map(len, words)), np.int64)
    unit_T = np.array([number_of[word] for of_text in words for word in of_text], np.int64)
    return _Pieces(unit_T, depths(lengths), np.repeat(np.arange(len(texts)), lengths), tuple(known))


ANALYSES: dict[Analysis, Callable[[Sequence[str]], _Pieces]] = {
    "characters": _characters,
    "characters_in_words": _characters_in_words,
    "words": _words,
}


def _pieces(pieces: Sequence[str], text_of_piece: Places) -> _Pieces:
    lengths = np.array(list(map(len, pieces)), np.int64)
    unit_T = np.frombuffer("".join(pieces).encode("utf-32-le", "surrogatepass"), "<u4").astype(np.int64)
    return _Pieces(unit_T, depths(lengths), np.repeat(text_of_piece, lengths))


def _keep_frequent(
    at_P: Places, place_P: Places, text_T: Places, texts: int, min_df: int
) -> tuple[Places, Places, _Entries]:
    """Of n-grams that end at at_P: where the frequent ones end (T,), which these are, and their entries."""
    entries = _entries(at_P, place_P, text_T, texts)
    frequency_G = np.bincount(entries.gram, minlength=int(place_P.max(initial=-1)) + 1)
    kept_G = np.flatnonzero(frequency_G >= min_df)
    number_G = np.full(len(frequency_G), ABSENT, np.int64)
    number_G[kept_G] = np.arange(len(kept_G))
    place_T = np.full(len(text_T), ABSENT, np.int64)
    place_T[at_P] = number_G[place_P]
    gram_E = number_G[entries.gram]
    kept_E = gram_E != ABSENT
    return place_T, kept_G, _Entries(entries.text[kept_E], gram_E[kept_E], entries.times[kept_E])


@dataclass(frozen=True, slots=True)
class _Entries:
    text: Places
    gram: Places
    times: Places


def _entries(at_P: Places, place_P: Places, text_T: Places, texts: int) -> _Entries:
    """How often each n-gram stands in each text."""
    known_P = place_P != ABSENT
    key_E, count_E = np.unique(place_P[known_P] * texts + text_T[at_P[known_P]], return_counts=True)
    return _Entries(key_E % max(texts, 1), key_E // max(texts, 1), count_E)


def _joined(counted: Sequence[_Entries], sizes: Sequence[int], texts: int) -> Counts:
    """The entries of all lengths, features numbered through, ordered by text."""
    first = np.cumsum(sizes) - sizes
    text_E = np.concatenate([entries.text for entries in counted])
    feature_E = np.concatenate([entries.gram + start for entries, start in zip(counted, first, strict=True)])
    count_E = np.concatenate([entries.times for entries in counted])
    order_E = np.lexsort((feature_E, text_E))
    return Counts(text_E[order_E], feature_E[order_E], count_E[order_E], texts, int(sum(sizes)))
