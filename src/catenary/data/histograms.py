"""Histograms among a step's notes: of some measure of the texts that came to the step, and of those that it kept.

A bar is the note `histogram.<measure>.<before or after>.<lower bound>`, so that the counts of shards add up.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import numpy.typing as npt

BARS = 20
PREFIX = "histogram."


def shares(
    name: str,
    values: npt.NDArray[np.floating],
    kept: npt.NDArray[np.bool_],
    notes: Counter[str],
    low: float = 0.0,
    high: float = 1.0,
) -> None:
    """Count `values` in twenty bars from `low` to `high`; what lies beyond stands in the last at either side."""
    places = np.clip((values - low) / (high - low) * BARS, 0, BARS - 1)
    bars = np.nan_to_num(places).astype(np.int64)
    for when, counted in (("before", bars), ("after", bars[kept])):
        for bar, count in enumerate(np.bincount(counted, minlength=BARS).tolist()):
            if count:
                lower = low + bar * (high - low) / BARS
                notes[f"{PREFIX}{name}.{when}.{lower:.3g}"] += count


def histograms_in(notes: dict[str, int]) -> dict[str, dict[str, dict[float, int]]]:
    """measure → before, after → lower bound → texts."""
    found: dict[str, dict[str, dict[float, int]]] = {}
    for note, count in notes.items():
        if note.startswith(PREFIX):
            measure, when, lower = note.removeprefix(PREFIX).split(".", 2)
            found.setdefault(measure, {"before": {}, "after": {}})[when][float(lower)] = count
    return {
        measure: {when: dict(sorted(bars.items())) for when, bars in sides.items()}
        for measure, sides in sorted(found.items())
    }
