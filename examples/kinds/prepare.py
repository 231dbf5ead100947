"""Texts with known answers, from the Debian packages that are installed here: writes data/*.csv.

    python prepare.py

summaries.csv   a package's long description; its one-line synopsis is what a summary should say
mistakes.csv    sentences of descriptions with one planted mistake, and as many without
entries.csv     the newest entry of a package's changelog, and its fields
*-small.csv     the first rows of each, for models: they are slow
"""

from __future__ import annotations

import csv
import gzip
import json
import random
import re
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from catenary.data.sentences import sentences

SMALL = 24
SUMMARIES, MISTAKES, ENTRIES = 200, 160, 100
ENTRY = re.compile(r"\A(\S+) \(([^)]+)\) [^;]+; urgency=(\w+)\n(.*?)\n -- ([^<\n]+?) <[^\n]*\n", re.DOTALL)
Plant = Callable[[str, random.Random], tuple[str, int, int] | None]


def main() -> None:
    draw = random.Random(17)
    told = list(descriptions())
    draw.shuffle(told)
    write(
        "summaries",
        [{"text": text, "gold": synopsis} for synopsis, text in told if len(text) > 300][:SUMMARIES],
    )
    write("mistakes", list(mistakes([text for _, text in told], draw)))
    entries = list(changes())
    draw.shuffle(entries)
    write("entries", entries[:ENTRIES])


def descriptions() -> Iterator[tuple[str, str]]:
    """(synopsis, long description without lists) of every installed package, each text once."""
    shown = subprocess.run(
        ["dpkg-query", "-W", "-f", r"${Description}\n\n"], capture_output=True, text=True, check=True
    ).stdout
    seen = set()
    for one in shown.split("\n\n"):
        synopsis, _, rest = one.strip("\n").partition("\n")
        paragraphs = [re.sub(r"\n ", " ", part).strip() for part in rest.split("\n .\n")]
        text = " ".join(part for part in paragraphs if not re.search(r" {2,}[*-] |^[*-] ", part))
        text = re.sub(r"\s+", " ", text)
        if text and text not in seen:
            seen.add(text)
            yield synopsis, text


def spelling(text: str, draw: random.Random) -> tuple[str, int, int] | None:
    words = [one for one in re.finditer(r"\b[a-z]{5,}\b", text) if one[0][1] != one[0][2]]
    if not words:
        return None
    word = draw.choice(words)
    at = word.start()
    return f"{text[: at + 1]}{text[at + 2]}{text[at + 1]}{text[at + 3 :]}", at, word.end()


def repeated(text: str, draw: random.Random) -> tuple[str, int, int] | None:
    words = list(re.finditer(r"\b(the|and|of|for|is|with|this|to)\b", text))
    if not words:
        return None
    word = draw.choice(words)
    return f"{text[: word.end()]} {word[0]}{text[word.end() :]}", word.start(), word.end() + 1 + len(word[0])


def article(text: str, draw: random.Random) -> tuple[str, int, int] | None:
    words = list(re.finditer(r"\b(a|an) (?=[a-z]{3,})", text))
    if not words:
        return None
    word = draw.choice(words)
    wrong = "an" if word[1] == "a" else "a"
    return f"{text[: word.start()]}{wrong}{text[word.end(1) :]}", word.start(), word.start() + len(wrong)


def spacing(text: str, draw: random.Random) -> tuple[str, int, int] | None:
    places = [one.start() for one in re.finditer(r"(?<=\w)[,.](?=\s|$)", text)]
    if not places:
        return None
    at = draw.choice(places)
    return f"{text[:at]} {text[at:]}", at, at + 2


def mistakes(texts: Sequence[str], draw: random.Random) -> Iterator[dict[str, str]]:
    """A mistake of each kind in turn, and a sentence as it was after each."""
    found = [one for text in texts for one in sentences(text) if 40 <= len(one) <= 200 and one[0].isupper()]
    kinds: dict[str, Plant] = {
        "spelling": spelling,
        "repeated": repeated,
        "article": article,
        "spacing": spacing,
    }
    ahead = iter(found)
    for number in range(MISTAKES):
        kind = list(kinds)[number % len(kinds)]
        planted = None
        while planted is None:
            planted = kinds[kind](next(ahead), draw)
        text, start, end = planted
        yield {"text": text, "kind": kind, "start": str(start), "end": str(end)}
        yield {"text": next(ahead), "kind": "", "start": "", "end": ""}


def changes() -> Iterator[dict[str, str]]:
    for path in sorted(Path("/usr/share/doc").glob("*/changelog.Debian.gz")):
        with gzip.open(path, "rt", encoding="utf-8", errors="replace") as file:
            entry = ENTRY.match(file.read(20_000))
        if entry and len(entry[0]) < 800:
            names = ("package", "version", "urgency", "maintainer")
            values = (entry[1], entry[2], entry[3], entry[5])
            yield {"text": entry[0], "gold": json.dumps(dict(zip(names, values, strict=True)))}


def write(name: str, rows: list[dict[str, str]]) -> None:
    Path("data").mkdir(exist_ok=True)
    for end, part in (("", rows), ("-small", rows[:SMALL])):
        with Path(f"data/{name}{end}.csv").open("w", encoding="utf-8", newline="") as file:
            out = csv.DictWriter(file, list(rows[0]))
            out.writeheader()
            out.writerows(part)


if __name__ == "__main__":
    main()
