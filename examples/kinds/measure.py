"""The answers that `catenary apply` wrote, beside controls: prints the first three tables of README.md.

python measure.py
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence

from told import Row, mean, share, table

from catenary.data.sentences import sentences
from catenary.evaluate.overlap import longest, overlap, rouge_words

HEADER = re.compile(r"(\S+) \(([^)]+)\) [^;]+; urgency=(\w+)")
SIGNED = re.compile(r"^ -- (.+?) <", re.MULTILINE)


def main() -> None:
    summaries()
    proofreading()
    extraction()


def summaries() -> None:
    print("\n| summary of | texts | ROUGE-1 | ROUGE-L | words |\n| --- | --- | --- | --- | --- |")
    ways: dict[str, tuple[str, Callable[[Row], str]]] = {
        "first sentence (control)": ("point", lambda row: (sentences(row["text"]) or [row["text"]])[0]),
        "point": ("point", lambda row: row["answer"].removeprefix("- ")),
        "first sentence, the small sample": (
            "written", lambda row: (sentences(row["text"]) or [row["text"]])[0]
        ),
        "written (135M)": ("written", lambda row: row["answer"]),
    }  # fmt: skip
    for name, (file, say) in ways.items():
        rows = table(f"out/{file}.csv")
        rows = rows[1::2] if file == "point" else rows  # on the others its one weight was chosen
        pairs = [(rouge_words(say(row)), rouge_words(row["gold"])) for row in rows]
        scores = [mean([score(*pair) for pair in pairs]) for score in (overlap(1), longest)]
        words = sum(len(said) for said, _ in pairs) / max(len(pairs), 1)
        print(f"| {name} | {len(rows)} | {' | '.join(scores)} | {words:.0f} |")


def proofreading() -> None:
    kinds = ("spelling", "repeated", "article", "spacing")
    print(f"\n| found by | {' | '.join(kinds)} | alarms in sentences without a mistake |")
    print("| --- " * (len(kinds) + 2) + "|")
    everything = table("out/slips.csv")
    for name, rows, places in (
        ("dictionary (control)", everything, dictionary()),
        ("slips", everything, answered),
        ("reader (135M)", table("out/reader.csv"), answered),
    ):
        found = [share([hit(places(row), row) for row in rows if row["kind"] == kind]) for kind in kinds]
        alarms = share([bool(places(row)) for row in rows if not row["kind"]])
        print(f"| {name} | {' | '.join(found)} | {alarms} |")


def dictionary() -> Callable[[Row], list[tuple[int, int]]]:
    """A control: words that no other description has."""
    known: dict[str, set[str]] = {}
    for row in table("data/summaries.csv"):
        for word in re.findall(r"[a-z]{4,}", row["text"].lower()):
            known.setdefault(word, set()).add(row["text"])

    def places(row: Row) -> list[tuple[int, int]]:
        found = re.finditer(r"\b[a-z]{4,}\b", row["text"])
        return [
            one.span() for one in found if not any(row["text"] not in text for text in known.get(one[0], ()))
        ]

    return places


def answered(row: Row) -> list[tuple[int, int]]:
    """Where an answer of `kind: proofread` says that something is to be changed."""
    found = re.finditer(r"^- (\d+): (.*?)(?: → .*| \(\w+\))$", row["answer"], re.MULTILINE)
    return [(int(one[1]), int(one[1]) + max(len(one[2]), 1)) for one in found]


def hit(places: Sequence[tuple[int, int]], row: Row) -> bool:
    return any(start < int(row["end"]) and int(row["start"]) < end for start, end in places)


def extraction() -> None:
    names = ("package", "version", "urgency", "maintainer")
    print(f"\n| fields right by | entries | {' | '.join(names)} |\n| --- | --- {'| --- ' * len(names)}|")
    ways: tuple[tuple[str, str, Callable[[Row], Row]], ...] = (
        ("two patterns (control)", "data/entries.csv", patterns),
        ("fields (135M)", "out/fields.csv", lambda row: json.loads(row["answer"])),
    )
    for name, file, take in ways:
        rows = table(file)
        taken = [(attempt(take, row), json.loads(row["gold"])) for row in rows]
        right = [share([said.get(one) == gold[one] for said, gold in taken]) for one in names]
        print(f"| {name} | {len(rows)} | {' | '.join(right)} |")


def patterns(row: Row) -> Row:
    first, last = HEADER.match(row["text"]), SIGNED.search(row["text"])
    assert first is not None
    assert last is not None
    return {"package": first[1], "version": first[2], "urgency": first[3], "maintainer": last[1]}


def attempt(take: Callable[[Row], Row], row: Row) -> Row:
    try:
        return take(row)
    except (ValueError, AssertionError):  # cut off
        return {}


if __name__ == "__main__":
    main()
