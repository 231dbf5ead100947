"""The table from which a release chooses: each precision in each format, beside the trained model.

    rows = compare({"int8": folder}, items, formats=["onnx"], trained=trained_answers)
    choose(rows, within=0.01)

What each export answers comes from its own runtime (`runtimes.py`), in a process of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from catenary.compress.probe import Probed, probe
from catenary.compress.runtimes import available, runtime_of
from catenary.errors import Refused
from catenary.progress import SILENT, Progress


class Interval(Protocol):
    """A figure with its 95 % interval (`evaluate.Estimate`)."""

    @property
    def value(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...


Accuracy = Callable[[Sequence[int]], Interval]
Difference = Callable[[Sequence[int], Sequence[int]], Interval]


@dataclass(frozen=True, slots=True)
class Asked:
    """What exports are asked: rows of token ids; and how answers are judged (`evaluate` brings the intervals)."""

    rows: Sequence[Sequence[int]]
    accuracy: Accuracy
    difference: Difference  # of two lists of answers, in accuracy


@dataclass(frozen=True, slots=True)
class Row:
    """One export. `agreement` is the share of rows answered as the trained model does; `difference` the export's
    accuracy less the trained model's; `bytes` of its weights; `seconds` for all rows, loading included."""

    precision: str
    format: str
    runtime: str
    bytes: int
    agreement: float
    accuracy: tuple[float, float, float]
    difference: tuple[float, float, float]
    within_interval: bool  # of the trained model's accuracy
    seconds: float
    peak_bytes: int

    def figures(self) -> dict[str, object]:
        """What is the same whenever it is measured: no times, no memory."""
        return {
            "precision": self.precision, "format": self.format, "runtime": self.runtime, "bytes": self.bytes,
            "agreement": self.agreement, "accuracy": list(self.accuracy), "difference": list(self.difference),
            "within_interval": self.within_interval,
        }  # fmt: skip


def compare(
    exports: Mapping[tuple[str, str], tuple[Path, int]],
    asked: Asked,
    trained: Sequence[int],
    progress: Progress = SILENT,
) -> list[Row]:
    """The rows of `exports`: (precision, format) → the folder and the bytes of its weights.

    A format whose runtime is not installed is left out.
    """
    base = asked.accuracy(trained)
    found = []
    progress.begin("comparing exports", total=len(exports), unit="exports")
    for (precision, fmt), (folder, size) in exports.items():
        runtime = runtime_of(fmt, precision)
        if available(runtime):
            told = probe(folder, runtime, asked.rows)
            found.append(_row(precision, fmt, runtime, size, told, asked, trained, base))
        progress.advance(1)
    return found


def _row(
    precision: str,
    fmt: str,
    runtime: str,
    size: int,
    told: Probed,
    asked: Asked,
    trained: Sequence[int],
    base: Interval,
) -> Row:
    same = sum(a == b for a, b in zip(told.answers, trained, strict=True))
    accuracy, difference = asked.accuracy(told.answers), asked.difference(told.answers, trained)
    return Row(
        precision,
        fmt,
        runtime,
        size,
        same / len(trained),
        (accuracy.value, accuracy.low, accuracy.high),
        (difference.value, difference.low, difference.high),
        base.low <= accuracy.value,
        told.seconds,
        told.peak_bytes,
    )


def choose(rows: Sequence[Row], *, within: float) -> str:
    """The precision of the smallest exports of which none loses more than `within` of accuracy, or leaves the interval
    of the trained model's.

    Raises Refused where none does so well.
    """
    by_precision: dict[str, list[Row]] = {}
    for row in rows:
        by_precision.setdefault(row.precision, []).append(row)
    fit = {
        precision: sum(row.bytes for row in some)
        for precision, some in by_precision.items()
        if all(row.within_interval and row.difference[0] >= -within for row in some)
    }
    if not fit:
        raise Refused(
            "No export is as good as the trained model.",
            got="; ".join(f"{row.precision} {row.format}: {row.difference[0]:+.4f}" for row in rows),
            expected="a loss of at most {within:.2%}",
            within=within,
        )
    return min(fit, key=lambda precision: (fit[precision], precision))
