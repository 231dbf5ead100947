"""A name of a knowledge graph in the middle of those that stand beside it, as a picture."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from markupsafe import Markup, escape

from catenary.messages import say
from catenary.search.facts import Relation
from catenary.search.knowledge import Neighbour
from catenary.svg import escaped, shortened

WIDTH, HEIGHT = 860, 460
ACROSS, DOWN = 310, 180
BOX, LINE = 190, 30
LETTERS = 22
RELATED: Mapping[Relation, str] = {
    "is": "is said to be",
    "with": "named with",
    "under": "stands under",
    "kind": "named as",
}
KINDS = {"person": "a person", "place": "a place", "organisation": "an organisation"}


def neighbourhood(name: str, beside: Sequence[Neighbour], address: Callable[[str], str]) -> Markup:
    """SVG; every name in it leads to its own `address`. Lines bear how many sentences join the two."""
    x0, y0 = WIDTH / 2, HEIGHT / 2
    turn = 2 * math.pi / max(len(beside), 1)
    places = [
        (x0 + ACROSS * math.cos(turn * at - math.pi / 2), y0 + DOWN * math.sin(turn * at - math.pi / 2))
        for at in range(len(beside))
    ]
    parts = [f'<path class="edge" d="M{x0:.0f} {y0:.0f}L{x:.0f} {y:.0f}"/>' for x, y in places]
    for one, (x, y) in zip(beside, places, strict=True):
        note = f"{say(RELATED[one.relation])} · {one.times}"
        parts.append(_box(one.name, note, x, y, address(one.name)))
    parts.append(_box(name, "", x0, y0, address(name)))
    title = say("{name} and what stands beside it", name=name)
    # Markup: names come from documents and are escaped in _box.
    return Markup(
        f'<svg class="chain" role="group" aria-label="{escape(title)}" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{WIDTH}" height="{HEIGHT}">{"".join(parts)}</svg>'
    )


def _box(name: str, note: str, x: float, y: float, address: str) -> str:
    height = LINE + (14 if note else 0)
    left, top = x - BOX / 2, y - height / 2
    below = (
        f'<text class="state" x="{left + 10:.0f}" y="{top + 36:.0f}">{escaped(note)}</text>' if note else ""
    )
    return (
        f'<a href="{escape(address)}" class="link done"><rect x="{left:.0f}" y="{top:.0f}" width="{BOX}" '
        f'height="{height}" rx="8"/><text class="name" x="{left + 10:.0f}" y="{top + 20:.0f}">'
        f"{escaped(shortened(name, LETTERS))}</text>{below}</a>"
    )
