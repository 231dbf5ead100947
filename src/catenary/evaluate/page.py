"""Headings, paragraphs, tables and pictures, written as Markdown and as one HTML file that needs nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from catenary.evaluate.attribution import Attribution, as_html
from catenary.files import make_folder, write_whole
from catenary.messages import Language

WHITE_SPACE = re.compile(r"[^\S\u00a0]+")  # all but the no-break space

STYLE = """
:root{color-scheme:light dark;--ink:#1f2933;--muted:#52606d;--line:#d3d9e0;--ground:#fff;--band:#f5f7fa}
@media (prefers-color-scheme:dark){:root{--ink:#e4e7eb;--muted:#9aa5b1;--line:#3e4c59;--ground:#12181f;--band:#1b232c}}
body{max-width:72rem;margin:2rem auto;padding:0 1rem;color:var(--ink);background:var(--ground);
font:16px/1.55 system-ui,'Noto Sans SC','PingFang SC','Microsoft YaHei',sans-serif}
h1{font-size:1.7rem}h2{font-size:1.25rem;margin-top:2.2rem}
.scroll{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{text-align:left;vertical-align:top;padding:.35rem .8rem;border-bottom:1px solid var(--line)}
tbody th{font-weight:500;white-space:nowrap}
thead th{border-bottom-width:2px}tbody tr:nth-child(even){background:var(--band)}
.note{color:var(--muted);font-size:.9rem}.verdict{font-size:1.1rem;font-weight:600}
figure{margin:1rem 0;overflow-x:auto}svg{max-width:100%;height:auto}
""".strip()


@dataclass(frozen=True, slots=True)
class Heading:
    text: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    """`kind` is `verdict`, `note` or plain."""

    text: str
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Picture:
    """An SVG, the file that it goes by in Markdown, and what it shows in words."""

    svg: str
    file: str
    alternative: str


@dataclass(frozen=True, slots=True)
class Coloured:
    """A text whose parts are coloured by what they add."""

    parts: Sequence[Attribution]


Block = Heading | Paragraph | Table | Picture | Coloured


def markdown(title: str, blocks: Sequence[Block]) -> str:
    """CommonMark with tables; pictures are files beside it."""
    return "\n\n".join([f"# {_marked(title)}", *map(_block_markdown, blocks)]) + "\n"


def html(title: str, blocks: Sequence[Block], lang: Language) -> str:
    """One page with its style and pictures inside; no scripts, nothing loaded."""
    return whole_page(title, "\n".join(map(_block_html, blocks)), lang)


def whole_page(title: str, body: str, lang: Language, style: str = "") -> str:
    """An HTML page around `body`, which is HTML; `style` is added to the house's own."""
    return (
        f'<!doctype html>\n<html lang="{"zh-CN" if lang == "zh" else "en"}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{STYLE}{style}\n</style>\n</head>\n<body>\n<main>\n"
        f"<h1>{escape(title)}</h1>\n{body}\n</main>\n</body>\n</html>\n"
    )


def write_pages(
    folder: Path, title: str, blocks: Sequence[Block], plain: Mapping[str, Any], lang: Language
) -> list[Path]:
    """report.md and .html for people, report.json of `plain` for machines, each picture; the files written."""
    told = json.dumps(plain, ensure_ascii=False, indent=2, sort_keys=True, allow_nan=False)
    texts = {
        "report.json": told + "\n",
        "report.md": markdown(title, blocks),
        "report.html": html(title, blocks, lang),
    }
    texts |= {block.file: block.svg for block in blocks if isinstance(block, Picture)}
    make_folder(folder)
    for name, text in texts.items():
        write_whole(folder / name, text.encode("utf-8", "replace"))
    return [folder / name for name in texts]


def _block_markdown(block: Block) -> str:
    match block:
        case Heading(text):
            return f"## {_marked(text)}"
        case Paragraph(text, kind):
            return f"**{_marked(text)}**" if kind == "verdict" else _marked(text)
        case Table(head, rows):
            lines = [head, ["---"] * len(head)]
            told = ["| " + " | ".join(map(_marked, lines[0])) + " |", "| " + " | ".join(lines[1]) + " |"]
            return "\n".join(told + ["| " + " | ".join(map(_marked, row)) + " |" for row in rows])
        case Picture(_, file, alternative):
            return f"![{_marked(alternative)}]({file})"
        case Coloured(parts):
            return " ".join(f"{_marked(one.token)} ({one.value:+.4f})" for one in parts)


def _block_html(block: Block) -> str:
    match block:
        case Heading(text):
            return f"<h2>{escape(text)}</h2>"
        case Paragraph(text, kind):
            return f'<p class="{kind}">{escape(text)}</p>' if kind else f"<p>{escape(text)}</p>"
        case Table(head, rows):
            top = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in head)
            body = "\n".join(
                f'<tr><th scope="row">{escape(row[0])}</th>'
                + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:])
                + "</tr>"
                for row in rows
            )
            table = f"<thead><tr>{top}</tr></thead>\n<tbody>\n{body}\n</tbody>"
            return f'<div class="scroll"><table>\n{table}\n</table></div>'
        case Picture(svg, _, _):
            return f"<figure>\n{svg}</figure>"
        case Coloured(parts):
            return as_html(parts)


def _marked(text: str) -> str:
    """Text that Markdown must take as it is, on one line: a document may hold anything."""
    text = WHITE_SPACE.sub(" ", text).strip()
    text = re.sub(r"([\\`*_<>|~])", r"\\\1", text.replace("&", "&amp;"))
    return re.sub(r"\](?=[\[(:])", r"\\]", text)
