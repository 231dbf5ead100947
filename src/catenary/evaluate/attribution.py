"""What parts of a text add to what a model says of it, shown in HTML and in the terminal. No torch is needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape


@dataclass(frozen=True, slots=True)
class Attribution:
    """A token and what it adds."""

    token: str
    value: float


def as_html(parts: Sequence[Attribution]) -> str:
    """The tokens, blue where they speak for the label and orange where against; the number is in the title."""
    most = max((abs(one.value) for one in parts), default=0) or 1
    spans = []
    for one in parts:
        colour = "0,114,178" if one.value >= 0 else "213,94,0"
        shade = f"rgba({colour},{abs(one.value) / most * 0.6:.2f})"
        spans.append(f'<span style="background:{shade}" title="{one.value:+.4f}">{escape(one.token)}</span>')
    return '<p class="attribution">' + "".join(spans) + "</p>"


def as_terminal(parts: Sequence[Attribution]) -> str:
    """The tokens with ANSI colours: blue for, red against; bold beyond half of the most."""
    most = max((abs(one.value) for one in parts), default=0) or 1
    told = []
    for one in parts:
        strength = abs(one.value) / most
        if strength < 0.1:
            told.append(one.token)
        else:
            told.append(
                f"\x1b[{'1;' if strength > 0.5 else ''}{34 if one.value > 0 else 31}m{one.token}\x1b[0m"
            )
    return "".join(told)
