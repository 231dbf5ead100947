"""How the data card looks as one HTML page that needs nothing else: no script, no font, no file beside it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from catenary.data.card_blocks import Cell, Picture, Quotes, Reason, Section, Table, Tiles, one_line, told

# Okabe & Ito (2008): told apart by who sees colours otherwise.
STYLE = """
:root{--ink:#1c2733;--soft:#5b6b7b;--line:#dde3ea;--paper:#fff;--field:#f5f7fa;--before:#9ccbe8;--after:#0072b2;
--gone:#e8a87c}
@media (prefers-color-scheme:dark){:root{--ink:#e3e8ee;--soft:#9aa8b6;--line:#2c3947;--paper:#0f1620;--field:#17212d;
--before:#35627f;--after:#56b4e9;--gone:#a8683f}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.6 system-ui,-apple-system,'Segoe UI','Noto Sans',
'Noto Sans SC','Noto Sans CJK SC','PingFang SC','Microsoft YaHei',sans-serif}
main{max-width:62rem;margin:0 auto;padding:2.2rem 1.25rem 4rem}
h1{font-size:1.7rem;line-height:1.25;margin:0 0 1.2rem}
h2{font-size:1.12rem;margin:2.6rem 0 .8rem;padding-top:1rem;border-top:1px solid var(--line)}
h3{font-size:.92rem;font-weight:600;margin:0 0 .4rem;color:var(--soft)}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(9.5rem,1fr));gap:.7rem}
.tile{background:var(--field);border-radius:.5rem;padding:.7rem .9rem}
.tile strong{display:block;font-size:1.45rem;line-height:1.3;font-variant-numeric:tabular-nums}
.tile span{color:var(--soft);font-size:.85rem}
.pictures{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(22rem,100%),1fr));gap:1.4rem 1.8rem}
.wide{margin:.4rem 0 1rem}
.scroll{overflow-x:auto}
table{border-collapse:collapse;margin:.5rem 0 1rem;min-width:22rem;font-size:.93rem}
td,th{padding:.3rem .9rem .3rem 0;border-bottom:1px solid var(--line);text-align:left;vertical-align:top}
th{color:var(--soft);font-weight:600;font-size:.84rem}
.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
details{border-bottom:1px solid var(--line);padding:.45rem 0}
summary{cursor:pointer;display:flex;gap:.7rem;align-items:baseline}
summary::before{content:'▸';color:var(--soft)}
details[open] summary::before{content:'▾'}
summary code{flex:1;overflow-wrap:anywhere}
summary .n{color:var(--soft)}
code{font:.88rem ui-monospace,'SF Mono',Menlo,Consolas,monospace}
blockquote{margin:.45rem 0 .45rem 1rem;padding-left:.8rem;border-left:3px solid var(--line);color:var(--soft);
overflow-wrap:anywhere}
svg{display:block;width:100%;height:auto}
svg text{font-size:11px;fill:var(--soft)}
svg .name{font-size:12.5px;fill:var(--ink)}
svg .on{font-size:12px;fill:#fff}
svg .grid{stroke:var(--line)}
svg .before{fill:var(--before)}svg .after{fill:var(--after)}svg .gone{fill:var(--gone)}
svg .part0{fill:#0072b2}svg .part1{fill:#d55e00}svg .part2{fill:#009e73}svg .part3{fill:#a0527f}svg .part4{fill:#8a6d00}
svg .part5{fill:#5b6b7b}
.key{display:inline-flex;gap:1.1rem;color:var(--soft);font-size:.85rem;margin:0 0 .6rem}
.key i{display:inline-block;width:.8rem;height:.8rem;border-radius:.15rem;margin-right:.35rem;vertical-align:-.06rem}
""".strip()


def page(title: str, sections: Sequence[Section], lang: str, words: tuple[str, str, str]) -> str:
    """The page. `words`: before, after, dropped, in its language."""
    parts = [
        f'<!doctype html><html lang="{lang}"><head><meta charset="utf-8"><title>{escape(title)}</title>',
        '<meta name="viewport" content="width=device-width,initial-scale=1">',
        f"<style>{STYLE}</style></head><body><main><h1>{escape(title)}</h1>",
    ]
    for heading, blocks in sections:
        if heading:
            parts.append(f"<h2>{escape(heading)}</h2>")
        pictures = [block for block in blocks if isinstance(block, Picture) and not block.wide]
        if pictures:
            parts.append(_key(words[:2]))
            parts.append('<div class="pictures">')
            parts += [
                f"<figure style='margin:0'><h3>{escape(one.title)}</h3>{one.svg}</figure>" for one in pictures
            ]
            parts.append("</div>")
        for block in blocks:
            if isinstance(block, Tiles):
                parts.append('<div class="tiles">')
                parts += [
                    f'<div class="tile"><strong>{escape(told(cell))}</strong><span>{escape(name)}</span></div>'
                    for name, cell in block.tiles
                ]
                parts.append("</div>")
            elif isinstance(block, Reason):
                quotes = "".join(
                    f"<blockquote>{escape(one_line(text))}</blockquote>" for text in block.samples
                )
                parts.append(
                    f"<details><summary><code>{escape(block.reason)}</code>"
                    f'<span class="n">{block.count:,} · {block.share:.1%}</span></summary>{quotes}</details>'
                )
            elif isinstance(block, Quotes):
                parts += [f"<blockquote>{escape(one_line(text))}</blockquote>" for text in block.texts]
            elif isinstance(block, Table):
                parts.append(_table(block))
            elif block.wide:
                parts.append(f'<div class="wide">{block.svg}</div>')
    return "\n".join((*parts, "</main></body></html>\n"))


def _key(words: Sequence[str]) -> str:
    colours = ("before", "after")
    told = "".join(
        f'<span><i style="background:var(--{colour})"></i>{escape(word)}</span>'
        for colour, word in zip(colours, words, strict=True)
    )
    return f'<div class="key">{told}</div>'


def _table(table: Table) -> str:
    numbers = [
        bool(table.rows) and all(_is_number(row[at]) for row in table.rows) for at in range(len(table.head))
    ]

    def cell(tag: str, value: Cell, at: int) -> str:
        return f"<{tag}{' class=n' if numbers[at] else ''}>{escape(told(value))}</{tag}>"

    head = "".join(cell("th", one, at) for at, one in enumerate(table.head))
    rows = "".join(
        "<tr>" + "".join(cell("td", one, at) for at, one in enumerate(row)) + "</tr>" for row in table.rows
    )
    return f'<div class="scroll"><table><tr>{head}</tr>{rows}</table></div>'


def _is_number(value: Cell) -> bool:
    return not isinstance(value, str) or value[:1].isdigit() or value == ""
