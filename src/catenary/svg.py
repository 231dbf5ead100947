"""One SVG drawing that stands alone: read by screen readers, clear on light and on dark, without scripts.

    drawing = Drawing(200, 40, "A title", "what it shows, in words")
    drawing.text(12, 24, "A title", kind="title")
    drawing.svg()

Equal parts give equal bytes.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from hashlib import sha256
from html import escape

FONT = "system-ui,'Noto Sans SC','PingFang SC','Microsoft YaHei',sans-serif"
FONT_SIZE = 13

STYLE = f"""
.cat text{{font:{FONT_SIZE}px {FONT};fill:#1f2933}}
.cat .title{{font-weight:600;font-size:15px}}
.cat .muted{{fill:#52606d}}
.cat .grid{{stroke:#d3d9e0;stroke-width:1}}
.cat .cell{{fill:#0072b2}}
.cat .frame{{fill:none;stroke:#9aa5b1}}
.cat .full{{fill:#fff}}
@media (prefers-color-scheme:dark){{
.cat text{{fill:#e4e7eb}}
.cat .muted{{fill:#9aa5b1}}
.cat .grid{{stroke:#3e4c59}}
.cat .cell{{fill:#56b4e9}}
.cat .frame{{stroke:#616e7c}}
.cat .half,.cat .full{{fill:#0b1016}}
}}
""".replace("\n", "")


@dataclass
class Drawing:
    """The parts of one picture, and how to write them down."""

    width: float
    height: float
    title: str
    description: str
    parts: list[str] = field(default_factory=list)
    style: str = ""  # rules of its own, beside those of every picture

    def text(self, x: float, y: float, text: str, *, anchor: str = "start", kind: str = "") -> None:
        kind = f' class="{kind}"' if kind else ""
        self.parts.append(
            f'<text x="{px(x)}" y="{px(y)}" text-anchor="{anchor}"{kind}>{escaped(text)}</text>'
        )

    def line(self, x1: float, y1: float, x2: float, y2: float, attributes: str) -> None:
        self.parts.append(f'<line x1="{px(x1)}" y1="{px(y1)}" x2="{px(x2)}" y2="{px(y2)}" {attributes}/>')

    def svg(self) -> str:
        width, height = px(self.width), px(self.height)
        body = "\n".join(self.parts)
        # Several pictures may stand in one page: ids by content keep them apart, and equal on every run.
        key = sha256((self.title + self.description + body).encode("utf-8", "replace")).hexdigest()[:10]
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="cat" role="img" '
            f'viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
            f'aria-labelledby="t{key} d{key}">\n'
            f'<title id="t{key}">{escaped(self.title)}</title>\n'
            f'<desc id="d{key}">{escaped(self.description)}</desc>\n'
            f"<style>{STYLE}{self.style}</style>\n{body}\n</svg>\n"
        )


def text_width(text: str) -> float:
    """About as wide as the text is drawn: East Asian characters fill a square, others about half of one."""
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return FONT_SIZE * (wide + 0.58 * (len(text) - wide))


def escaped(text: str) -> str:
    """Text as XML may hold it: no control characters, no halves of surrogate pairs."""
    return escape("".join(character if character.isprintable() else " " for character in text))


def shortened(text: str, most: int) -> str:
    """At most `most` characters of it."""
    return text if len(text) <= most else text[: most - 1] + "…"


def fitted(text: str, width: float) -> str:
    """As much of it as `text_width` finds room for."""
    if text_width(text) <= width:
        return text
    most = next(n for n in range(len(text), -1, -1) if text_width(text[:n] + "…") <= width or n == 0)
    return text[:most] + "…"


def px(value: float) -> str:
    """A coordinate: two decimals at most, no trailing noughts, no minus nought."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
