"""The data card's pictures: SVG that stands alone, drawn from the figures that its tables hold too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

WIDTH, HEIGHT = 420, 150  # pixels of the bars' field
LEFT, TOP, BELOW = 44, 12, 34


def bars(
    title: str, names: Sequence[str], before: Sequence[int], after: Sequence[int], every: int = 1
) -> str:
    """Two bars for each name, before (light) and after (dark); only each `every`-th name is written."""
    most = max([*before, *after, 1])
    slot = WIDTH / max(len(names), 1)
    wide = max(slot * 0.42, 1.5)
    parts = []
    for share in (0.0, 0.5, 1.0):
        y = TOP + HEIGHT * (1 - share)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{LEFT + WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(
            f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{_short(round(most * share))}</text>'
        )
    for at, name in enumerate(names):
        left = LEFT + at * slot + slot / 2
        for when, count, x in (("before", before[at], left - wide), ("after", after[at], left)):
            height = HEIGHT * count / most
            if count:
                place = f'x="{x:.1f}" y="{TOP + HEIGHT - height:.1f}" rx="1.5" width="{wide - 0.8:.1f}"'
                told = f"<title>{escape(name)}: {count:,}</title>"
                parts.append(f'<rect class="{when}" {place} height="{max(height, 1):.1f}">{told}</rect>')
        if at % every == 0:
            parts.append(
                f'<text x="{left:.1f}" y="{TOP + HEIGHT + 16}" text-anchor="middle">{escape(name)}</text>'
            )
    return _svg(title, LEFT + WIDTH + 8, TOP + HEIGHT + BELOW, parts)


def funnel(title: str, steps: Sequence[tuple[str, int, int]]) -> str:
    """A bar for each step: of the documents that came, how many it kept (dark) and dropped (light)."""
    most = max([count for _, count, _ in steps] or [1]) or 1
    row, left, width = 26, 130, 520
    parts = []
    for at, (name, count, kept) in enumerate(steps):
        y = 4 + at * row
        end, whole = width * kept / most, width * count / most
        parts.append(
            f'<text class="name" x="{left - 8}" y="{y + 15}" text-anchor="end">{escape(name)}</text>'
        )
        parts.append(f'<rect class="after" x="{left}" y="{y}" width="{end:.1f}" height="{row - 8}" rx="2"/>')
        if count > kept:
            parts.append(
                f'<rect class="gone" x="{left + end:.1f}" y="{y}" width="{max(whole - end, 1):.1f}" '
                f'height="{row - 8}" rx="2"/>'
            )
        told = f"{kept:,}" + (f" (−{count - kept:,})" if count > kept else "")
        parts.append(f'<text x="{left + whole + 6:.1f}" y="{y + 14}">{told}</text>')
    return _svg(title, left + width + 150, 8 + row * len(steps), parts)


def shares(title: str, counts: Mapping[str, int]) -> str:
    """One bar cut into shares, the largest first; what is below a hundredth stands in the table alone."""
    whole = sum(counts.values()) or 1
    width, at, parts = 640, 0.0, []
    for number, (name, count) in enumerate(counts.items()):
        size = width * count / whole
        if size < width / 100:
            continue
        parts.append(
            f'<rect class="part{number % 6}" x="{at:.1f}" y="2" width="{max(size - 1.5, 1):.1f}" height="24" rx="2">'
            f"<title>{escape(name)}: {count:,}</title></rect>"
        )
        if size > 8 * len(name) + 10:
            parts.append(f'<text class="on" x="{at + 7:.1f}" y="19">{escape(name)}</text>')
        at += size
    return _svg(title, width, 30, parts)


def _svg(title: str, width: float, height: float, parts: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" role="img" '
        f'style="max-width:{width:.0f}px"><title>{escape(title)}</title>{"".join(parts)}</svg>'
    )


def _short(number: int) -> str:
    for size, mark in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if number >= size:
            return f"{number / size:.3g}{mark}"
    return str(number)
