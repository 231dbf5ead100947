"""Which reviews of a stream are flagged as complaints: by a classifier, a list of words and a chat model.

python measure_moderation.py
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
from told import Row, drawn, head, line, share, table

WORDS = (
    "差",
    "不好",
    "不满",
    "失望",
    "垃圾",
    "退货",
    "投诉",
    "骗",
    "后悔",
    "糟糕",
    "太贵",
    "脏",
    "坏了",
    "不值",
    "不推荐",
    "难看",
)
"""The control: written before any review was read."""


def main() -> None:
    head("flagged by", "reviews", "complaints", "F1", "precision", "recall", "right")
    ways: tuple[tuple[str, str, Callable[[Row], bool]], ...] = (
        ("everything (control)", "moderate", lambda _: True),
        ("list of words (control)", "moderate", listed),
        ("moderate (linear)", "moderate", flagged),
        ("everything, the small sample", "asked", lambda _: True),
        ("list of words, the small sample", "asked", listed),
        ("asked (135M)", "asked", asked),
    )
    for name, file, flag in ways:
        rows = table(f"out/{file}.csv")
        pairs = [(row["label"] == "negative", flag(row)) for row in rows]
        items = [(truly and told, told, truly) for truly, told in pairs]
        line(
            name,
            len(rows),
            sum(truly for truly, _ in pairs),
            drawn(items, f1),
            share([truly for truly, told in pairs if told]),
            share([told for truly, told in pairs if truly]),
            share([truly == told for truly, told in pairs]),
        )


def f1(s: Any) -> Any:
    return 2 * s[..., 0] / np.maximum(s[..., 1] + s[..., 2], 1e-9)


def listed(row: Row) -> bool:
    return any(word in row["text"] for word in WORDS)


def flagged(row: Row) -> bool:
    return any(json.loads(one)["flagged"] for one in row["answer"].splitlines())


def asked(row: Row) -> bool:
    try:
        return bool(json.loads(row["answer"])["sentiment"] == "negative")
    except ValueError:  # cut off
        return False


if __name__ == "__main__":
    main()
