"""Tables: on a page a part at a time, as CSV whole."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

PAGE_ROWS = 50
CSV_ROWS = 1000  # fetched at a time
FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell. `value` is what CSV says where it is not `text`; `tone`: good, warn, bad, busy or muted."""

    text: str
    href: str = ""
    value: str | int | float | None = None
    tone: str = ""
    number: bool = False
    code: bool = False


Row = Sequence[Cell | str]


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its heading, and whether its cells are figures."""

    head: str
    number: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """`rows(offset, limit)` gives part of the `count` rows. `name` is its address: `?csv=name`, `?name=2`."""

    name: str
    caption: str
    columns: Sequence[Column]
    count: int
    rows: Callable[[int, int], Sequence[Row]]
    empty: str = ""
    show_caption: bool = True

    def page(self, number: int) -> Sequence[Row]:
        """The rows of one page, from 1."""
        return self.rows((number - 1) * PAGE_ROWS, PAGE_ROWS) if self.count else []

    @property
    def pages(self) -> int:
        return max(1, -(-self.count // PAGE_ROWS))

    def csv(self) -> Iterator[bytes]:
        """All of it, a piece at a time, as spreadsheets read it."""
        yield b"\xef\xbb\xbf" + _lines([[column.head for column in self.columns]])
        for offset in range(0, self.count, CSV_ROWS):
            yield _lines([[_plain(cell) for cell in row] for row in self.rows(offset, CSV_ROWS)])


def table(
    name: str,
    caption: str,
    columns: Sequence[Column | str],
    rows: Sequence[Row],
    *,
    empty: str = "",
    show_caption: bool = True,
) -> Table:
    """A table whose rows are all here."""
    return Table(
        name,
        caption,
        [Column(one) if isinstance(one, str) else one for one in columns],
        len(rows),
        lambda offset, limit: rows[offset : offset + limit],
        empty,
        show_caption,
    )


def figure(value: float | None, text: str = "", href: str = "") -> Cell:
    """A cell with a figure; empty for none."""
    if value is None:
        return Cell("", number=True)
    return Cell(text or told(value), href, value=value, number=True)


def told(value: object) -> str:
    """A value as people read it: figures to four digits, large ones with commas."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, int) or (value.is_integer() and abs(value) < 1e15):
        return f"{int(value):,}"
    return f"{value:,.1f}" if abs(value) >= 1000 else f"{value:.4g}"


def _plain(cell: Cell | str) -> str | int | float:
    value = cell if isinstance(cell, str) else cell.text if cell.value is None else cell.value
    # A spreadsheet would run what a document wrote.
    return "'" + value if isinstance(value, str) and value.startswith(FORMULA) else value


def _lines(rows: Sequence[Sequence[str | int | float]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode("utf-8", "replace")
