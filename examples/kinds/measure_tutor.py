"""How far marks agree with those given by hand: by rules, by a model, and by the words of a right answer.

python measure_tutor.py

Kappa is weighted by squares (Cohen, Psychological Bulletin 70, 1968): 1 - E(a - b)² / (E a² + E b² - 2 E a E b).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from told import Row, drawn, head, line, share, table

QUESTIONS = ("leaf", "boil", "rome")
RULED = re.compile(r"^\S.*: (\d+) of \d+$", re.MULTILINE)
JUDGED = re.compile(
    r"^  (?:The model's mark, counted: (\d+) of \d+|The model gave no mark that can be read\.)$", re.M
)
POINTS = (2, 2, 1, 1)
LITTLE = set(
    "a an the of and in at on is are it its to so by with that when for from as into their was".split()
)


def main() -> None:
    head(
        "marked by",
        "answers",
        "kappa of totals",
        "kappa of criteria",
        "criteria marked alike",
        "totals alike",
    )
    ways: tuple[tuple[str, str, Callable[[Row], Sequence[float]]], ...] = (
        ("words of a right answer (control)", "", overlapping),
        ("rules", "", ruled),
        ("135M", "-model", judged),
    )
    for name, end, mark in ways:
        rows = [row for question in QUESTIONS for row in table(f"out/{question}{end}.csv")]
        told = [(np.array(json.loads(row["marks"]), float), np.array(mark(row), float)) for row in rows]
        totals = [(a.sum(), b.sum()) for a, b in told]
        criteria = [(a / POINTS, b / POINTS) for a, b in told] if name[0] != "w" else []
        line(
            name,
            len(rows),
            drawn([sums([a], [b]) for a, b in totals], kappa),
            drawn([sums(a, b) for a, b in criteria], kappa) if criteria else "–",
            share([x == y for a, b in criteria for x, y in zip(a, b, strict=True)]) if criteria else "–",
            share([a == b for a, b in totals]),
        )


def sums(a: Any, b: Any) -> list[float]:
    a, b = np.asarray(a), np.asarray(b)
    return [len(a), a.sum(), b.sum(), (a * a).sum(), (b * b).sum(), ((a - b) ** 2).sum()]


def kappa(s: Any) -> Any:
    n, a, b, aa, bb, apart = np.moveaxis(s, -1, 0)
    return 1 - (apart / n) / np.maximum(aa / n + bb / n - 2 * (a / n) * (b / n), 1e-9)


def ruled(row: Row) -> list[int]:
    return [int(points) for points in RULED.findall(row["answer"])][:4]


def judged(row: Row) -> list[int]:
    """A mark that cannot be read counts as none."""
    return [int(points or 0) for points in JUDGED.findall(row["answer"])]


def overlapping(row: Row) -> list[float]:
    said, best = words(row["text"]), words(row["best"])
    return [round(sum(POINTS) * len(said & best) / len(best))]


def words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower())) - LITTLE


if __name__ == "__main__":
    main()
