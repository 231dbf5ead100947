"""The chain as a picture: links by section from left to right, each with its state, each a link to its page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from catenary.console.links import LinkNow, depths
from catenary.messages import say
from catenary.svg import FONT_SIZE, fitted

WIDTH, HEIGHT = 160, 46
GAP_X, GAP_Y = 34, 14
TOP = 34
INSIDE = 136  # of a link's name and state
MARKS = {"done": "✓", "running": "●", "failed": "✗", "stale": "↻", "new": "○"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a link stands on the picture: its left upper corner."""

    x: float
    y: float


def chain_picture(links: Sequence[LinkNow], root: str) -> Markup:
    """SVG of all links; nothing in it needs a script."""
    columns = _columns(links)
    places = {
        name: Place(4 + at * (WIDTH + GAP_X), TOP + row * (HEIGHT + GAP_Y))
        for at, (_, names) in enumerate(columns)
        for row, name in enumerate(names)
    }
    width = len(columns) * (WIDTH + GAP_X) - GAP_X + 8
    height = TOP + max((len(names) for _, names in columns), default=0) * (HEIGHT + GAP_Y)
    parts = [
        f'<text class="section" x="{4 + at * (WIDTH + GAP_X)}" y="18">{escape(title)}</text>'
        for at, (title, _) in enumerate(columns)
        if title
    ]
    parts += [
        _edge(places[source], places[link.name])
        for link in links
        for source in dict.fromkeys(link.step.link.inputs.values())
    ]
    parts += [_node(link, places[link.name], root) for link in links]
    # Markup: what comes from the chain file is escaped above and in _node.
    return Markup(
        f'<svg class="chain" role="group" aria-label="{escape(say("The chain, link by link"))}" '
        f'viewBox="0 0 {width} {height}" width="{width}" height="{height}">{"".join(parts)}</svg>'
    )


def _columns(links: Sequence[LinkNow]) -> list[tuple[str, list[str]]]:
    """(heading, names) of each column: sections in the order of the file, split by how deep links stand in them."""
    deep = depths([link.step for link in links])
    found: dict[tuple[str, int], list[LinkNow]] = {}
    for link in links:
        found.setdefault((link.step.link.section, deep[link.name]), []).append(link)
    sections = list(dict.fromkeys(link.step.link.section for link in links))
    columns = sorted(found, key=lambda key: (sections.index(key[0]), key[1]))
    rows: dict[str, float] = {}
    made = []
    for section, depth in columns:
        # By the middle of what each stands on, so that lines cross little.
        ordered = sorted(
            found[section, depth],
            key=lambda link: _middle([rows[name] for name in link.step.link.inputs.values() if name in rows]),
        )
        names = [link.name for link in ordered]
        rows.update({name: row for row, name in enumerate(names)})
        made.append((say(section) if depth == 0 else "", names))
    return made


def _middle(rows: Sequence[float]) -> float:
    return sum(rows) / len(rows) if rows else 0.0


def _edge(source: Place, target: Place) -> str:
    x1, y1, x2, y2 = source.x + WIDTH, source.y + HEIGHT / 2, target.x, target.y + HEIGHT / 2
    bend = max(GAP_X / 2, (x2 - x1) / 2)
    return f'<path class="edge" d="M{x1} {y1}C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}"/>'


def _node(link: LinkNow, place: Place, root: str) -> str:
    name, state = link.step.link.name, say(link.state)
    shown = fitted(name, INSIDE * FONT_SIZE / 15)
    about = fitted(f"{MARKS[link.state]} {state} · {link.step.link.stage.name}", INSIDE * FONT_SIZE / 12)
    return (
        f'<a href="{escape(root)}/links/{escape(link.name)}" class="link {link.state}" '
        f'aria-label="{escape(link.name)}: {escape(state)}">'
        f'<rect x="{place.x}" y="{place.y}" width="{WIDTH}" height="{HEIGHT}" rx="8"/>'
        f'<text class="name" x="{place.x + 12}" y="{place.y + 19}">{escape(shown)}</text>'
        f'<text class="state" x="{place.x + 12}" y="{place.y + 36}">{escape(about)}</text></a>'
    )
