"""Pictures of figures as SVG that stands alone: read by screen readers, clear on light and on dark, without scripts.

Colours: Okabe & Ito's eight (2008), told apart with any colour vision; lines differ in their dashes too. Equal input
gives equal bytes.

    confusion_picture(("negative", "positive"), ((90, 10), (20, 80)), title="sentiment")
    curves_picture({"loss": [(0, 9.1), (100, 6.2)]}, title="Training", x_label="step", y_label="loss")
    intervals_picture({"linear": Estimate(…), "sentiment": Estimate(…)}, title="Accuracy")
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from catenary.evaluate.estimate import Estimate
from catenary.evaluate.wording import number
from catenary.messages import Language, say
from catenary.svg import FONT_SIZE, Drawing, escaped, px, shortened, text_width

LINE_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
DASHES = ("", "6 3", "2 3", "8 3 2 3", "12 4", "4 4")
MAX_POINTS = 600  # more than pixels across: thinned evenly


def confusion_picture(
    labels: Sequence[str], confusion: Sequence[Sequence[int]], *, title: str, lang: Language | None = None
) -> str:
    """A confusion matrix: rows gold, columns predicted, shaded by the share of the row."""
    k = len(labels)
    cell = max(20.0, min(84.0, 560.0 / max(k, 1)))
    shown = [shortened(label, 16) for label in labels]
    gold = say("gold", lang=lang) + " ↓"
    left = max(max(map(text_width, shown), default=0) + 34, text_width(gold) + 16)
    slanted = max(map(text_width, shown), default=0) > cell - 6
    top = 62 + (max(map(text_width, shown), default=0) * 0.75 if slanted else 16)
    right = max((text_width(shown[-1]) * 0.75 if slanted else 0) + 16, 16) if k else 16
    pieces = []
    for name, row in zip(labels, confusion, strict=True):
        cells = ", ".join(f"{other} {count}" for other, count in zip(labels, row, strict=True))
        pieces.append(f"{name}: {cells}")
    described = (
        say("Rows are the gold labels, columns the predicted ones.", lang=lang) + " " + "; ".join(pieces)
    )
    width = max(left + k * cell + right, 40 + text_width(title) * 1.2)
    drawing = Drawing(width, top + k * cell + 16, title, described)
    drawing.text(12, 24, title, kind="title")
    drawing.text(left, 46, say("predicted", lang=lang) + " →", kind="muted")
    drawing.text(left - 10, top - 8, gold, anchor="end", kind="muted")
    for column, label in enumerate(shown):
        x = left + (column + 0.5) * cell
        if slanted:
            at = f'x="{px(x)}" y="{px(top - 8)}" transform="rotate(-45 {px(x)} {px(top - 8)})"'
            drawing.parts.append(f"<text {at}>{escaped(label)}</text>")
        else:
            drawing.text(x, top - 8, label, anchor="middle")
    for row_number, (label, row) in enumerate(zip(shown, confusion, strict=True)):
        y = top + row_number * cell
        drawing.text(left - 10, y + cell / 2 + 4.5, label, anchor="end")
        total = sum(row)
        for column, count in enumerate(row):
            share = count / total if total else 0.0
            x = left + column * cell
            drawing.parts.append(
                f'<rect class="cell" x="{px(x)}" y="{px(y)}" width="{px(cell)}" height="{px(cell)}" '
                f'fill-opacity="{share:.3f}"/>'
            )
            kind = "full" if share > 0.83 else "half" if share > 0.58 else ""  # where the contrast turns
            if cell >= 46:
                drawing.text(x + cell / 2, y + cell / 2, f"{count:,}", anchor="middle", kind=kind)
                drawing.text(x + cell / 2, y + cell / 2 + 17, f"{share:.1%}", anchor="middle", kind=kind)
            elif cell >= 30 and count:
                drawing.text(x + cell / 2, y + cell / 2 + 4.5, str(count), anchor="middle", kind=kind)
    for step in range(k + 1):
        drawing.line(left + step * cell, top, left + step * cell, top + k * cell, 'class="grid"')
        drawing.line(left, top + step * cell, left + k * cell, top + step * cell, 'class="grid"')
    return drawing.svg()


def curves_picture(
    series: Mapping[str, Sequence[tuple[float, float]]],
    *,
    title: str,
    x_label: str,
    y_label: str,
    lang: Language | None = None,
) -> str:
    """Lines over a common x axis, each named at its end. Points that are not finite are left out."""
    kept = {
        name: [point for point in points if math.isfinite(point[0]) and math.isfinite(point[1])]
        for name, points in series.items()
    }
    kept = {name: _thinned(points) for name, points in kept.items() if points}
    described = "; ".join(
        say(
            "{name}: from {first} at {x_label} {start} to {last} at {end}",
            lang=lang,
            name=name,
            x_label=x_label,
            first=number(points[0][1]),
            start=f"{points[0][0]:g}",
            last=number(points[-1][1]),
            end=f"{points[-1][0]:g}",
        )
        for name, points in kept.items()
    )
    names_width = max((text_width(name) for name in kept), default=0.0)
    plot = _Plot(64, 56, 520, 260)
    drawing = Drawing(
        plot.left + plot.width + names_width + 28, plot.top + plot.height + 56, title, described
    )
    drawing.text(12, 24, title, kind="title")
    drawing.text(plot.left, 46, y_label, anchor="start", kind="muted")
    drawing.text(plot.left + plot.width, plot.top + plot.height + 40, x_label, anchor="end", kind="muted")
    if not kept:
        drawing.text(plot.left, plot.top + plot.height / 2, say("nothing measured", lang=lang), kind="muted")
        return drawing.svg()
    xs = [x for points in kept.values() for x, _ in points]
    ys = [y for points in kept.values() for _, y in points]
    plot.fit(min(xs), max(xs), min(ys), max(ys))
    for tick in _ticks(plot.y_low, plot.y_high):
        y = plot.y(tick)
        drawing.line(plot.left, y, plot.left + plot.width, y, 'class="grid"')
        drawing.text(plot.left - 8, y + 4.5, f"{tick:g}", anchor="end", kind="muted")
    for tick in _ticks(plot.x_low, plot.x_high):
        drawing.text(
            plot.x(tick), plot.top + plot.height + 20, f"{tick:,.10g}", anchor="middle", kind="muted"
        )
    ends = []
    for item, (name, points) in enumerate(kept.items()):
        colour, dash = LINE_COLOURS[item % len(LINE_COLOURS)], DASHES[item % len(DASHES)]
        path = " ".join(f"{px(plot.x(x))},{px(plot.y(y))}" for x, y in points)
        dashes = f' stroke-dasharray="{dash}"' if dash else ""
        drawing.parts.append(
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{dashes}/>'
        )
        end = points[-1]
        drawing.parts.append(
            f'<circle cx="{px(plot.x(end[0]))}" cy="{px(plot.y(end[1]))}" r="3" fill="{colour}"/>'
        )
        ends.append((plot.y(end[1]), name, colour))
    for y, name, colour in _spread(ends, FONT_SIZE + 4, plot.top + plot.height):
        x = plot.left + plot.width + 8
        drawing.parts.append(f'<circle cx="{px(x)}" cy="{px(y)}" r="4" fill="{colour}"/>')
        drawing.text(x + 8, y + 4.5, name)
    return drawing.svg()


def intervals_picture(estimates: Mapping[str, Estimate], *, title: str, lang: Language | None = None) -> str:
    """One row for each figure: a dot at its value on a bar from low to high."""
    described = "; ".join(
        say(
            "{name}: {value}, interval {low} to {high}",
            lang=lang,
            name=name,
            value=number(estimate.value),
            low=number(estimate.low),
            high=number(estimate.high),
        )
        for name, estimate in estimates.items()
    )
    shown = {name: shortened(name, 28) for name in estimates}
    left = max(map(text_width, shown.values()), default=0) + 28
    row_height = 30.0
    plot = _Plot(left, 44, 380, row_height * len(estimates))
    drawing = Drawing(left + plot.width + 84, plot.top + plot.height + 34, title, described)
    drawing.text(12, 24, title, kind="title")
    if not estimates:
        return drawing.svg()
    plot.fit(min(e.low for e in estimates.values()), max(e.high for e in estimates.values()), 0, 1)
    for tick in _ticks(plot.x_low, plot.x_high):
        drawing.line(plot.x(tick), plot.top, plot.x(tick), plot.top + plot.height, 'class="grid"')
        drawing.text(plot.x(tick), plot.top + plot.height + 18, f"{tick:g}", anchor="middle", kind="muted")
    for item, (name, estimate) in enumerate(estimates.items()):
        y = plot.top + (item + 0.5) * row_height
        colour = LINE_COLOURS[item % len(LINE_COLOURS)]
        drawing.text(left - 12, y + 4.5, shown[name], anchor="end")
        attributes = f'stroke="{colour}" stroke-width="3" stroke-linecap="round"'
        drawing.line(plot.x(estimate.low), y, plot.x(estimate.high), y, attributes)
        drawing.parts.append(
            f'<circle cx="{px(plot.x(estimate.value))}" cy="{px(y)}" r="5.5" fill="{colour}"/>'
        )
        drawing.text(plot.left + plot.width + 12, y + 4.5, number(estimate.value))
    return drawing.svg()


@dataclass
class _Plot:
    """A rectangle on the page and the ranges of figures that it stands for."""

    left: float
    top: float
    width: float
    height: float
    x_low: float = 0.0
    x_high: float = 1.0
    y_low: float = 0.0
    y_high: float = 1.0

    def fit(self, x_low: float, x_high: float, y_low: float, y_high: float) -> None:
        self.x_low, self.x_high = _widened(x_low, x_high, 0.02)
        self.y_low, self.y_high = _widened(y_low, y_high, 0.05)

    def x(self, value: float) -> float:
        return self.left + self.width * (value - self.x_low) / (self.x_high - self.x_low)

    def y(self, value: float) -> float:
        return self.top + self.height * (1 - (value - self.y_low) / (self.y_high - self.y_low))


def _widened(low: float, high: float, share: float) -> tuple[float, float]:
    reach = (high - low) * share or 0.5
    return low - reach, high + reach


def _ticks(low: float, high: float) -> list[float]:
    """Three to eight round figures (1, 2 or 5 times a power of ten) from low to high."""
    rough = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = power * next(factor for factor in (1, 2, 5, 10) if factor * power >= rough)
    first, last = math.ceil(low / step), math.floor(high / step)
    return [float(f"{index * step:.12g}") for index in range(first, last + 1)]


def _thinned(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    if len(points) <= MAX_POINTS:
        return list(points)
    return [points[round(step * (len(points) - 1) / (MAX_POINTS - 1))] for step in range(MAX_POINTS)]


def _spread(
    ends: Sequence[tuple[float, str, str]], apart: float, bottom: float
) -> list[tuple[float, str, str]]:
    """The names at the ends of lines, moved so that none covers another."""
    placed: list[tuple[float, str, str]] = []
    for y, name, colour in sorted(ends):
        placed.append((max(y, placed[-1][0] + apart) if placed else y, name, colour))
    overflow = placed[-1][0] - bottom
    return [(y - max(overflow, 0.0), name, colour) for y, name, colour in placed]
