"""Where citations stand once a person has changed the text around them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any


def moved(citations: Sequence[Mapping[str, Any]], before: str, after: str) -> list[dict[str, Any]]:
    """The citations whose mark still stands in the text, at their new places; the others went with their sentences.

    >>> moved([{"start_index": 4, "end_index": 7}], "Tea.[1]", "Green tea.[1]")
    [{'start_index': 10, 'end_index': 13}]
    """
    blocks = SequenceMatcher(None, before, after, autojunk=False).get_matching_blocks()
    kept = []
    for one in citations:
        start, end = one["start_index"], one["end_index"]
        for block in blocks:
            if block.a <= start and end <= block.a + block.size:
                shift = block.b - block.a
                kept.append({**one, "start_index": start + shift, "end_index": end + shift})
    return kept
