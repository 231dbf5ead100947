"""Bars by day, as SVG: one for each day, stacked by series."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from catenary.console.view import picture
from catenary.messages import say
from catenary.svg import Drawing, escaped, px

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
WIDTH, HEIGHT, LEFT, TOP = 620.0, 180.0, 64.0, 50.0


def bars(title: str, days: Sequence[str], series: Mapping[str, Sequence[float]]) -> Markup:
    """`series`: name → a figure for each day."""
    totals = [sum(values[at] for values in series.values()) for at in range(len(days))]
    most = max(totals, default=0.0) or 1.0
    said = "; ".join(f"{day}: {total:g}" for day, total in zip(days, totals, strict=True) if total)
    drawing = Drawing(
        LEFT + WIDTH + 16, TOP + HEIGHT + 34 + 20 * len(series), title, said or say("nothing measured")
    )
    drawing.text(12, 24, title, kind="title")
    for share in (0.0, 0.5, 1.0):
        y = TOP + HEIGHT * (1 - share)
        drawing.line(LEFT, y, LEFT + WIDTH, y, 'class="grid"')
        drawing.text(LEFT - 8, y + 4.5, f"{most * share:,.4g}", anchor="end", kind="muted")
    step = WIDTH / max(len(days), 1)
    for at, day in enumerate(days):
        below = 0.0
        for number, (name, values) in enumerate(series.items()):
            tall = HEIGHT * values[at] / most
            below += tall
            if tall:
                drawing.parts.append(
                    f'<rect x="{px(LEFT + at * step + 1)}" y="{px(TOP + HEIGHT - below)}" '
                    f'width="{px(max(step - 2, 1))}" height="{px(tall)}" fill="{COLOURS[number % len(COLOURS)]}">'
                    f"<title>{escaped(f'{day} {name}: {values[at]:,.6g}')}</title></rect>"
                )
    for at in dict.fromkeys((0, len(days) // 2, len(days) - 1)):
        if days:
            anchor = "start" if at == 0 else "end" if at == len(days) - 1 else "middle"
            x = LEFT + (at + (0 if at == 0 else 1 if at == len(days) - 1 else 0.5)) * step
            drawing.text(x, TOP + HEIGHT + 18, days[at], anchor=anchor, kind="muted")
    for number, name in enumerate(series):
        y = TOP + HEIGHT + 40 + 20 * number
        drawing.parts.append(
            f'<rect x="{px(LEFT)}" y="{px(y - 10)}" width="12" height="12" fill="{COLOURS[number % len(COLOURS)]}"/>'
        )
        drawing.text(LEFT + 20, y, name)
    return picture(drawing.svg())
