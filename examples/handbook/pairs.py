"""Pairs of a question and a passage, made from the book itself, to train a reranker on; no question of ours is used.

    catenary run indexes.words
    python pairs.py            # writes data/pairs.jsonl

What a heading says, and what a sentence says that is taken out of its passage (the inverse cloze task, Lee et al.
2019), belongs to the passage; it does not belong to two other passages that its words find. English only, as MiniLM is.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

from catenary.data.sentences import sentence_spans
from catenary.search import Passage, SearchIndex

SEED, ASKED = 17, 700
LEAST, LONGEST = 40, 350  # characters of a sentence that asks something, of a passage


def main() -> None:
    (folder,) = (one.parent for one in Path(".catenary/objects/index").glob("*/search.json"))
    index = SearchIndex.open(folder)
    chance = random.Random(SEED)
    passages = [index.passage(number) for number in range(index.told["passages"])]
    english = [one for one in passages if one.source == "english" and one.headings]
    chance.shuffle(english)
    lines = []
    for passage in english[:ASKED]:
        for asked, answer in asked_of(passage, chance):
            found = [one.passage for one in index.search(asked, 12)]
            others = [one for one in found if one.headings != passage.headings and one.source == "english"]
            lines.append((asked, answer, "relevant"))
            lines += [(asked, one.text, "other") for one in chance.sample(others, min(2, len(others)))]
    with Path("data/pairs.jsonl").open("w", encoding="utf-8") as file:
        for asked, answer, label in lines:
            told = {"text": asked, "text_pair": answer[:LONGEST], "label": label}
            file.write(json.dumps(told, ensure_ascii=False) + "\n")
    print(f"{len(lines)} pairs")  # noqa: T201


def asked_of(passage: Passage, chance: random.Random) -> Iterator[tuple[str, str]]:
    """A heading or a sentence, and the passage without it."""
    text = passage.text
    spans = [(start, end) for start, end in sentence_spans(text) if end - start >= LEAST]
    if len(spans) > 2 and chance.random() < 0.6:
        start, end = chance.choice(spans)
        yield text[start:end], text[:start] + text[end:].lstrip()
    else:
        yield " ".join(passage.headings[-1].split()), text


if __name__ == "__main__":
    main()
