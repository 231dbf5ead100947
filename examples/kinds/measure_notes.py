"""The figures of financial notes against the tables that they are of: written by a model, and made by the template.

python measure_notes.py

A figure is right where it stands in the table or the news, or is a difference or a change in per cent of one row. It is
in its place where its sentence names that row; of what rose and fell, sentences that name one row are read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from told import Row, head, line, ratio, share, table

NUMBER = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?")
SENTENCE = re.compile(r"(?<=[.!?])\s+|[。！？；;\n]+")
TABLE_ROW = re.compile(r"^\| ([^|]+?) \| (\d+) \| (\d+) \|$", re.MULTILINE)
UP = re.compile(r"\b(rose|risen|grew|grown|increas\w+|up|gain\w*|higher|climb\w+)\b|增|升|上涨|提高|\+\d")
DOWN = re.compile(
    r"\b(fell|fallen|declin\w+|decreas\w+|down|drop\w*|lower|shr[au]nk|loss)\b|减|降|下滑|: -\d"
)
TOLD = re.compile(r"\n\n(?:Figures that stand in no input: |输入中没有的数字：)([^\n]*)")
Change = tuple[int, int]


def main() -> None:
    head(
        *(
            "notes by",
            "notes",
            "figures a note",
            "right",
            "in their place",
            "changes told",
            "rose or fell, right",
        ),
        "of the wrong, told as such below",
    )
    ready = {row["text"]: body(row) for row in table("out/note.csv")}
    for language in ("en", "zh"):
        rows = [row for row in table("out/noted.csv") if row["language"] == language]
        for name, say in (
            ("the template (control)", lambda row: ready[row["text"]]),
            ("135M", lambda row: written(row, ready[row["text"]])),
        ):
            told = [measured(row["text"], say(row)) for row in rows]
            ways = [way for one in told for way in one["ways"]]
            line(
                f"{name}, {language}",
                len(rows),
                ratio([(one["figures"], 1) for one in told]),
                ratio([(one["right"], one["figures"]) for one in told]),
                ratio([(one["placed"], one["figures"]) for one in told]),
                ratio([(one["changes"], 4) for one in told]),
                f"{share(ways)} of {len(ways)}" if ways else "none said",
                warned(rows, told) if name == "135M" else "–",
            )


def warned(rows: Sequence[Row], told: Sequence[Mapping[str, Any]]) -> str:
    """How many of the wrong figures the application itself says are in no input."""
    found = []
    for row, one in zip(rows, told, strict=True):
        below = TOLD.search(row["answer"])
        known = {number(text) for text in NUMBER.findall(below[1])} if below else set()
        found += [wrong in known for wrong in one["wrong"]]
    return f"{share(found)} of {len(found)}"


def body(row: Row) -> str:
    """A note without the notice of its field."""
    return "\n".join(one for one in row["answer"].split("\n") if one.startswith("- "))


def written(row: Row, ready: str) -> str:
    """What the model wrote, without the figures told as unsupported and the template's lines below it."""
    said = row["answer"][: row["answer"].rindex(ready)]
    return TOLD.split(said)[0]


def measured(given: str, said: str) -> Mapping[str, Any]:
    rows = {name: (int(was), int(now)) for name, was, now in TABLE_ROW.findall(given)}
    stand = {number(one) for one in NUMBER.findall(given)}
    figures = placed = 0
    wrong: list[Fraction] = []
    ways: list[bool] = []
    changes: set[str] = set()
    for sentence in SENTENCE.split(said):
        here = [name for name in rows if name.lower() in sentence.lower()]
        found = [number(one) for one in NUMBER.findall(re.sub(r"^\W*\d+[.)、]\s", "", sentence))]
        figures += len(found)
        wrong += [
            one for one in found if one not in stand and not any(follows(one, row) for row in rows.values())
        ]
        years = {one for one in found if 2000 <= one < 2100}
        placed += sum(one in years & stand or any(of_row(one, rows[name]) for name in here) for one in found)
        changes |= {name for name in here if set(map(Fraction, rows[name])) <= set(found)}
        up, down = bool(UP.search(sentence)), bool(DOWN.search(sentence))
        was, now = rows[here[0]] if len(here) == 1 else (0, 0)
        if was != now and up != down:
            ways.append(now > was if up else now < was)
    return {
        "figures": figures,
        "right": figures - len(wrong),
        "wrong": wrong,
        "placed": placed,
        "changes": len(changes),
        "ways": ways,
    }


def number(text: str) -> Fraction:
    return Fraction(text.replace(",", ""))


def of_row(one: Fraction, row: Change) -> bool:
    return one in row or follows(one, row)


def follows(one: Fraction, row: Change) -> bool:
    """A difference, or a change in per cent to one digit or whole."""
    was, now = row
    percent = abs(Fraction((now - was) * 100, was))
    return one == abs(now - was) or any(one == nearest(percent, digits) for digits in (0, 1))


def nearest(value: Fraction, digits: int) -> Fraction:
    scale = 10**digits
    return Fraction(int(value * scale + Fraction(1, 2)), scale)


if __name__ == "__main__":
    main()
