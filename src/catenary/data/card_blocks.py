"""What a data card is made of, whatever it is written as."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Cell = str | int | float


@dataclass(frozen=True, slots=True)
class Table:
    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]


@dataclass(frozen=True, slots=True)
class Tiles:
    """The figures to see first: (what, how much)."""

    tiles: Sequence[tuple[str, Cell]]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why documents were dropped, how many, what share of all, and a few of them."""

    reason: str
    count: int
    share: float
    samples: Sequence[str]


@dataclass(frozen=True, slots=True)
class Quotes:
    texts: Sequence[str]


@dataclass(frozen=True, slots=True)
class Picture:
    """`table` is the same in figures, where there are no pictures. `wide` ones have a line of their own."""

    title: str
    svg: str
    table: Table | None
    wide: bool = False


Block = Table | Tiles | Reason | Quotes | Picture
Section = tuple[str, Sequence[Block]]


def told(value: Cell) -> str:
    """A cell in words."""
    return f"{value:,}" if isinstance(value, int | float) else value


def one_line(text: str) -> str:
    """Without line ends."""
    return " ".join(text.split())
