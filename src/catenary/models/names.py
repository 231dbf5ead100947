"""Tensor names of a family and ours, either way, from one short table.

A table holds (theirs, ours) pairs of module paths; `{n}` stands for a number. What no pair matches keeps its name.

    >>> table = [("encoder.layer.{n}.attention.self.query", "layers.{n}.self_attn.q_proj")]
    >>> to_ours("encoder.layer.3.attention.self.query.weight", table)
    'layers.3.self_attn.q_proj.weight'
    >>> to_theirs("layers.3.self_attn.q_proj.weight", table)
    'encoder.layer.3.attention.self.query.weight'
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

Names = Iterable[tuple[str, str]]


def to_ours(name: str, table: Names) -> str:
    """`name` as we call it."""
    return _renamed(name, table)


def to_theirs(name: str, table: Names) -> str:
    """`name` as the family calls it."""
    return _renamed(name, ((ours, theirs) for theirs, ours in table))


def _renamed(name: str, table: Names) -> str:
    for pattern, replacement in table:
        if found := _pattern(pattern).fullmatch(name):
            return replacement.replace("{n}", found["n"] if "{n}" in pattern else "") + found["rest"]
    return name


@cache
def _pattern(template: str) -> re.Pattern[str]:
    """Matches the module path itself, or a tensor or module below it."""
    return re.compile(re.escape(template).replace(r"\{n\}", r"(?P<n>\d+)") + r"(?P<rest>(\..+)?)")
