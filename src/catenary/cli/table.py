"""A CSV table that is asked row by row, and the one that the answers go to, which says what is done already."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from catenary.digest import text_sha256
from catenary.errors import InvalidInput, Refused

ADDED = ("answer", "receipt", "input_tokens", "output_tokens", "error")


@dataclass(frozen=True, slots=True)
class Spent:
    """What a table's answers came to."""

    answered: int
    failed: int
    read: int
    written: int


class Table:
    """Each answer is on disk before the next is written. A row that failed is asked again the next time.

    Raises InvalidInput for a table without the column; Refused where the answers belong to another table.
    """

    def __init__(self, source: Path, target: Path, column: str | None) -> None:
        with source.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            self.rows = list(reader)
            self.columns = list(reader.fieldnames or ())
        self.column = column or (self.columns[0] if self.columns else "")
        if self.column not in self.columns:
            raise InvalidInput(
                "The table has no such column.",
                got=self.column or str(source),
                expected="one of: {names}",
                names=", ".join(self.columns) or "-",
            )
        taken = sorted(set(ADDED) & set(self.columns))
        if taken:
            raise InvalidInput(
                "The table has columns that the answers need.",
                got=", ".join(taken),
                expected="other names for them",
            )
        self.target = target
        self.done: dict[int, Mapping[str, str]] = self._done()

    def _done(self) -> dict[int, Mapping[str, str]]:
        """The answered rows, by their numbers. A last line that a kill cut off is no answer."""
        if not self.target.exists():
            return {}
        with self.target.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            names = list(reader.fieldnames or ())
            kept = list(reader)
        if names != ["row", *self.columns, *ADDED] or any(
            not row["row"].isdigit()
            or int(row["row"]) > len(self.rows)
            or text_sha256(row[self.column] or "")
            != text_sha256(self.rows[int(row["row"]) - 1][self.column] or "")
            for row in kept
            if None not in row.values()
        ):
            raise Refused(
                "The file of answers belongs to another table.",
                got=str(self.target),
                expected="the answers to this table, or no file",
            )
        return {
            int(row["row"]) - 1: row
            for row in kept
            if None not in row.values() and not row["error"] and row["receipt"]
        }

    def __enter__(self) -> Self:
        self._write_in_order()
        self._file = self.target.open("a", encoding="utf-8", newline="")
        self._writer = csv.DictWriter(self._file, ["row", *self.columns, *ADDED])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        if list(self.done) != sorted(self.done):  # rows that failed before came last
            self._write_in_order()

    def _write_in_order(self) -> None:
        whole = self.target.with_name(self.target.name + ".part")
        with whole.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, ["row", *self.columns, *ADDED])
            writer.writeheader()
            writer.writerows(self.done[number] for number in sorted(self.done))
        whole.replace(self.target)

    def todo(self) -> list[int]:
        """The rows that have no answer."""
        return [number for number in range(len(self.rows)) if number not in self.done]

    def unanswered(self) -> list[tuple[int, str]]:
        """The rows that left a receipt and no answer, with it."""
        return [(number, row["receipt"]) for number, row in self.done.items() if not row["answer"]]

    def fill(self, number: int, answer: str) -> None:
        """Give a row its answer; before the table is entered."""
        self.done[number] = {**self.done[number], "answer": answer}

    def asked(self, number: int) -> str:
        """What a row asks."""
        return self.rows[number][self.column] or ""

    def write(
        self, number: int, answer: str, *, receipt: str = "", read: int = 0, written: int = 0, error: str = ""
    ) -> None:
        """Keep a row's answer, or why it has none."""
        row = {
            "row": str(number + 1),
            **self.rows[number],
            "answer": answer,
            "receipt": receipt,
            "input_tokens": str(read),
            "output_tokens": str(written),
            "error": error,
        }
        self._writer.writerow(row)
        self._file.flush()
        self.done[number] = row

    def spent(self) -> Spent:
        """Of all rows, those answered before included."""
        rows = self.done.values()
        return Spent(
            sum(not row["error"] for row in rows),
            sum(bool(row["error"]) for row in rows),
            sum(int(row["input_tokens"]) for row in rows),
            sum(int(row["output_tokens"]) for row in rows),
        )
