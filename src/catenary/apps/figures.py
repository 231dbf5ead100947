"""Tables in a text, what became of their figures from one period to the next, and figures that stand in no input.

    [one] = tables("| | 2024 | 2025 |\\n|---|---|---|\\n| Revenue | 120 | 150 |")
    changes(one)[0].percent                          # Decimal("25.0")
    unsupported("Revenue rose by 30 %.", text, changes(one))      # the place of 30

A table is lines with `|` (Markdown) or with tabs. Numbers are read in figures, as `rubric.numbers` does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise

from catenary.apps.rubric import numbers

PERIOD = re.compile(r"(?:19|20)\d{2}|[QH][1-4]|[一二三四1-4]\s?季度|[上下]半年|\d{1,2}\s?月", re.IGNORECASE)
RULE_LINE = re.compile(r"\s*\|?[\s:|-]*-[\s:|-]*\|?\s*")
AROUND = re.compile(r"^[\s¥$€£]*|[\s%％]*$")
MOST_TIMES = 10**9
LIST_MARK = re.compile(r"^\s*\d{1,2}[.、)）]\s", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell, and its place in the text."""

    text: str
    start: int
    end: int

    @property
    def percent(self) -> bool:
        """Whether it is a share in per cent."""
        return self.text.rstrip().endswith(("%", "％"))

    @property
    def value(self) -> Decimal | None:
        """The number that it is, (1,200) below nought; None for one that is more or less than a number."""
        bare = AROUND.sub("", self.text)
        negative = bare.startswith(("(", "（")) and bare.endswith((")", "）"))
        bare = AROUND.sub("", bare.strip("()（）"))
        found = numbers(bare)
        if len(found) != 1 or found[0][0] != (0, len(bare)):
            return None
        return -found[0][1] if negative else found[0][1]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells, the head first; characters `start` to `end` of the text."""

    rows: Sequence[Sequence[Cell]]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Change:
    """A figure in two periods, the newest two. `percent` is None where it says nothing: of shares, and from nought."""

    name: str
    before: Cell
    after: Cell
    periods: tuple[str, str]
    difference: Decimal
    percent: Decimal | None


def tables(text: str) -> list[Table]:
    """The tables of a text; each has a head and at least one row of as many cells."""
    found: list[Table] = []
    block: list[list[Cell]] = []
    at = start = 0
    for line in [*text.split("\n"), ""]:
        mark = "|" if line.count("|") >= 2 else "\t" if "\t" in line.strip() else ""
        if mark:
            start = start if block else at
            if not RULE_LINE.fullmatch(line):
                block.append(list(_cells(line, at, mark)))
        if not mark or at + len(line) >= len(text):
            if len(block) > 1 and len({len(row) for row in block}) == 1:
                found.append(Table(block, start, min(at + len(line) if mark else at - 1, len(text))))
            block = []
        at += len(line) + 1
    return found


def prose(text: str) -> str:
    """The text without its tables."""
    left, at = "", 0
    for one in tables(text):
        left, at = left + text[at : one.start] + "\n", one.end
    return left + text[at:]


def changes(table: Table) -> list[Change]:
    """What became of each figure, where the columns, or the rows, are periods; nothing of other tables."""
    rows = [list(row) for row in table.rows]
    if not _periods(rows[0][1:]):
        rows = [list(column) for column in zip(*rows, strict=True)]
        if not _periods(rows[0][1:]):
            return []
    head, found = rows[0], []
    for row in rows[1:]:
        known = [
            (column, cell) for column, cell in zip(head[1:], row[1:], strict=True) if cell.value is not None
        ]
        if _falls(head[1:]):
            known.reverse()
        if len(known) >= 2 and known[-1][1].percent == known[-2][1].percent:
            (was, before), (now, after) = known[-2:]
            found.append(_change(row[0].text, before, after, (was.text, now.text)))
    return found


def unsupported(said: str, given: str, known: Iterable[Change] = ()) -> list[tuple[int, int]]:
    """Where figures stand in `said` that neither stand in what was given nor follow from it (to full digits of ten)."""
    allowed = {value for place, number in numbers(given) for value in _readings(given, place, number)}
    for one in known:
        allowed.add(abs(one.difference))
        if one.percent is not None:
            allowed |= {_rounded(abs(one.percent), digits) for digits in (0, 1)}
    marks = [one.span() for one in LIST_MARK.finditer(said)]
    return [
        place
        for place, number in numbers(said)
        if allowed.isdisjoint(_readings(said, place, number))
        and not any(start <= place[0] < end for start, end in marks)
    ]


def rounded_percent(before: Decimal, after: Decimal) -> Decimal | None:
    """The change in per cent to one digit; None from nought or below, and where it is beyond all sense."""
    if before <= 0 or abs(after - before) > before * MOST_TIMES:
        return None
    return _rounded((after - before) * 100 / before, 1)


def _cells(line: str, at: int, mark: str) -> Iterator[Cell]:
    parts = line.split(mark)
    for number, part in enumerate(parts):
        if mark == "\t" or part.strip() or 0 < number < len(parts) - 1:
            start = at + len(part) - len(part.lstrip())
            yield Cell(part.strip(), start, start + len(part.strip()))
        at += len(part) + 1


def _periods(cells: Sequence[Cell]) -> bool:
    return len(cells) >= 2 and all(PERIOD.search(cell.text) for cell in cells)


def _falls(head: Sequence[Cell]) -> bool:
    """Whether the newest period stands first."""
    years = [[int(digits) for digits in re.findall(r"\d+", cell.text)] for cell in head]
    return len(years) > 1 and all(later > earlier for later, earlier in pairwise(years))


def _change(name: str, before: Cell, after: Cell, periods: tuple[str, str]) -> Change:
    was, now = before.value, after.value
    assert was is not None
    assert now is not None
    percent = None if before.percent else rounded_percent(was, now)
    return Change(name, before, after, periods, now - was, percent)


def _readings(text: str, place: tuple[int, int], number: Decimal) -> set[Decimal]:
    """A number as it counts: 1.5亿 is also the 1.5 of a table in 亿; a minus may be said in words."""
    bare = numbers(text[place[0] : place[1]].rstrip("万萬亿億 "))
    return {abs(number), *(abs(value) for _, value in bare)}


def _rounded(value: Decimal, digits: int) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
