"""A lineage as a picture: a pure function of `trace`'s tree to an SVG that stands alone.

    lineage_picture(trace(store, "rcpt_…"), down=False)

Whichever way was traced, what was made first stands left and what was made of it right, so arrows point the way
things were made. Gates, sign-offs and files are lines in the box that they belong to. Equal trees give equal bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from catenary.chain.trace import DOCUMENT, Node
from catenary.messages import say
from catenary.svg import FONT_SIZE, Drawing, escaped, px, text_width

COLOURS = {  # Okabe & Ito's, told apart with any colour vision; each box says its kind too
    "answer": "#cc79a7",
    "release": "#009e73",
    "endpoint": "#009e73",
    "evaluation": "#e69f00",
    "model": "#0072b2",
    "tokenizer": "#56b4e9",
    "index": "#56b4e9",
    "dataset": "#d55e00",
    "collection": "#999999",
    "document": "#f0e442",
}
LINES = ("standing", "sign_off", "gate", "file")  # what is a line of its parent's box
MARKS = {"standing": "◆", "sign_off": "✎", "gate": "▸", "file": "▤"}
FILES_DRAWN = 20  # of a collection
ID_DIGITS = 12
WIDEST, NARROWEST = 420.0, 150.0  # a box, in pixels
LINE, PADDING, STRIPE = FONT_SIZE + 5, 12.0, 6
BETWEEN, APART = 56.0, 14.0  # columns, boxes of a column
TOP, MARGIN = 44.0, 16.0

STYLE = (
    ".cat .box{fill:#f7f9fb;stroke:#9aa5b1}.cat .seen,.cat .like{stroke-dasharray:4 3}.cat .name{font-weight:600}"
    ".cat .edge{fill:none;stroke:#7b8794;stroke-width:1.4}.cat .head{fill:#7b8794}"
    "@media (prefers-color-scheme:dark){.cat .box{fill:#1f2933;stroke:#616e7c}"
    ".cat .edge{stroke:#9aa5b1}.cat .head{fill:#9aa5b1}}"
)


@dataclass
class _Box:
    """One thing: what is written in it, where it stands, and the boxes beyond it."""

    kind: str
    name: str
    id: str
    lines: Sequence[str]
    seen: bool
    depth: int
    beyond: list[_Box] = field(default_factory=list)
    x: float = 0.0
    y: float = 0.0
    width: float = 0.0
    rows: Sequence[str] = ()  # the lines, as they fit

    @property
    def room(self) -> float:
        """How wide its text may be."""
        return self.width - PADDING * 2 - STRIPE

    @property
    def height(self) -> float:
        return PADDING * 2 + LINE * (2 + len(self.rows)) - 5

    @property
    def band(self) -> float:
        """The height that it and all beyond it take."""
        beyond = sum(box.band for box in self.beyond) + APART * max(len(self.beyond) - 1, 0)
        return max(self.height, beyond)

    @property
    def head(self) -> str:
        """What it is, over its name."""
        return f"{say(self.kind)}  {self.id}" if self.id else say(self.kind)

    def all(self) -> Iterator[_Box]:
        yield self
        for box in self.beyond:
            yield from box.all()


def lineage_picture(tree: Node, *, down: bool) -> str:
    """The SVG of a lineage: `down` as `trace` was asked. A document always stands left of what holds it."""
    root = _box(tree, 0)
    rightwards = down or tree.kind == "document"
    widths = _widths(root)
    total = sum(widths) + BETWEEN * (len(widths) - 1) + MARGIN * 2
    for box in root.all():
        before = MARGIN + sum(widths[: box.depth]) + BETWEEN * box.depth
        box.width = widths[box.depth]
        box.x = before if rightwards else total - before - box.width
        box.rows = [row for line in box.lines for row in _rows(line, box.room)]
    _place(root, TOP)
    title = say("Lineage of {what}", what=tree.title)
    drawing = Drawing(
        max(total, MARGIN * 2 + text_width(title) * 1.2),
        TOP + root.band + MARGIN,
        title,
        _described(root, rightwards),
        style=STYLE,
    )
    drawing.text(MARGIN, 26, title, kind="title")
    for box in root.all():
        for other in box.beyond:
            _arrow(drawing, *((box, other) if rightwards else (other, box)))
    for box in root.all():
        _draw(drawing, box)
    return drawing.svg()


def _box(node: Node, depth: int) -> _Box:
    within = [child for child in node.children if child.kind in LINES and not child.children]
    files = [child for child in within if child.kind == "file"]
    hidden = {id(child) for child in files[FILES_DRAWN:]}
    lines = [fact for fact in node.facts if fact]
    lines += [
        f"{MARKS[child.kind]} {'  '.join([child.title, *child.facts])}"
        for child in within
        if id(child) not in hidden
    ]
    if hidden:
        lines.append(say("and {n} more files: --json names all", n=f"{len(hidden):,}"))
    if node.seen:
        lines.append(say("drawn in full elsewhere"))
    name = node.title if node.kind != "document" else node.title.removeprefix(DOCUMENT)
    shown = "" if node.id in node.title else node.id[:ID_DIGITS]
    made = _Box(node.kind, name, shown, lines, node.seen, depth)
    made.beyond = [_box(child, depth + 1) for child in node.children if child not in within]
    return made


def _widths(root: _Box) -> list[float]:
    """Each column's: as wide as its widest text, within bounds."""
    found: list[float] = []
    for box in root.all():
        found += [NARROWEST] * (box.depth + 1 - len(found))
        widest = max(_width(text) for text in (box.head, box.name, *box.lines))
        found[box.depth] = min(max(found[box.depth], widest + PADDING * 2 + STRIPE), WIDEST)
    return found


def _place(box: _Box, top: float) -> None:
    """Each box in the middle of the band that it shares with nothing but what lies beyond it."""
    box.y = top + (box.band - box.height) / 2
    beyond = sum(other.band for other in box.beyond) + APART * max(len(box.beyond) - 1, 0)
    top += (box.band - beyond) / 2
    for other in box.beyond:
        _place(other, top)
        top += other.band + APART


def _arrow(drawing: Drawing, made_of: _Box, made: _Box) -> None:
    x1, y1 = made_of.x + made_of.width, made_of.y + made_of.height / 2
    x2, y2 = made.x - 7, made.y + made.height / 2
    half = (x1 + x2) / 2
    curve = f"M{px(x1)} {px(y1)}C{px(half)} {px(y1)} {px(half)} {px(y2)} {px(x2)} {px(y2)}"
    tip = f"M{px(x2)} {px(y2 - 4)}L{px(x2 + 7)} {px(y2)}L{px(x2)} {px(y2 + 4)}Z"
    if "match" in (made_of.kind, made.kind):  # is like it: nothing was made of it
        drawing.parts.append(f'<path class="edge like" d="{curve}"/>')
    else:
        drawing.parts.append(f'<path class="edge" d="{curve}"/><path class="head" d="{tip}"/>')


def _draw(drawing: Drawing, box: _Box) -> None:
    """A box with its kind's colour at the left; the whole of a text that was cut is shown when pointed at."""
    place = f'x="{px(box.x)}" y="{px(box.y)}"'
    whole = "\n".join([box.head, box.name, *box.lines])
    drawing.parts.append(f"<g><title>{'&#10;'.join(map(escaped, whole.splitlines()))}</title>")
    kind = "box seen" if box.seen else "box"
    drawing.parts.append(
        f'<rect class="{kind}" {place} width="{px(box.width)}" height="{px(box.height)}" rx="4"/>'
    )
    colour = COLOURS.get(box.kind, "#7b8794")
    drawing.parts.append(f'<rect {place} width="{STRIPE}" height="{px(box.height)}" rx="2" fill="{colour}"/>')
    x, y = box.x + PADDING + STRIPE, box.y + PADDING + 10
    for number, text in enumerate((box.head, box.name, *box.rows)):
        kind = "name" if number == 1 else "muted"
        drawing.text(x, y + number * LINE, _cut(text, box.room), kind=kind)
    drawing.parts.append("</g>")


def _width(text: str) -> float:
    """With some room to spare: which font is drawn with is not known here."""
    return text_width(text) * 1.04


def _rows(line: str, room: float) -> list[str]:
    """A line, or where it is too long two, broken at a space; of a file there may be many, so it has one."""
    if _width(line) <= room or line.startswith(MARKS["file"]):
        return [line]
    words, first = line.split(), ""
    while words and _width(f"{first} {words[0]}") <= room:
        first = f"{first} {words.pop(0)}".strip()
    rest = " ".join(words)
    if not first or not rest:
        return [first or _cut(line, room)]
    return [first, "    " + _cut(rest, room)]


def _cut(text: str, room: float) -> str:
    if _width(text) <= room:
        return text
    while text and _width(text + "…") > room:
        text = text[:-1]
    return text + "…"


def _described(root: _Box, rightwards: bool) -> str:
    """The picture in words, for those who do not see it."""
    found = [
        say(
            "{made} was made of {of}",
            made=f"{say(one.kind)} {one.name}",
            of=f"{say(other.kind)} {other.name}",
        )
        for box in root.all()
        for one, other in (((beyond, box) if rightwards else (box, beyond)) for beyond in box.beyond)
        if "match" not in (one.kind, other.kind)
    ]
    return say("What was made first stands left.") + " " + "; ".join(found)
