"""Whether passages answer a question, by how much of it they speak of and how near they come in meaning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from catenary.search.index import Found

JUDGED = 5  # passages
BOTH = 0.8  # of both bars


@dataclass(frozen=True, slots=True)
class Bars:
    """`least`: the share of a question that a passage must speak of. `least_cosine`: how near it must come in meaning.

    Where there are vectors, words alone are not enough: either it is as near as that, or it clears four fifths of
    both bars.
    """

    least: float = 0.5
    least_cosine: float = 0.55

    def cleared(self, found: Sequence[Found]) -> bool:
        """Whether one of the best passages answers."""
        return any(map(self._clears, found[:JUDGED]))

    def _clears(self, one: Found) -> bool:
        if one.cosine is None:
            return one.coverage >= self.least
        both = one.coverage >= BOTH * self.least and one.cosine >= BOTH * self.least_cosine
        return one.cosine >= self.least_cosine or both
