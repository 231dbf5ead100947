"""The data card of a dataset: what came in, what stayed, what went and why, as Markdown and as one HTML page.

    for name, text in card("reviews", report, "zh").items():      # card.zh.md, card.zh.html
        (folder / name).write_text(text, "utf-8")

It says nothing that the report does not hold, so equal datasets have equal cards. The pictures are SVG that stands
alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from catenary.data.report import CurationReport
from catenary.messages import Language, say

COLOURS = {"before": "#56b4e9", "after": "#0072b2"}  # Okabe & Ito (2008)
BAR, GAP, HEIGHT = 18, 10, 160  # pixels
STYLE = """
body{font:15px/1.55 system-ui,'Noto Sans SC','PingFang SC','Microsoft YaHei',sans-serif;color:#1f2933;background:#fff;
max-width:60rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;margin:.6rem 0 1.4rem}
td,th{padding:.25rem .8rem;border-bottom:1px solid #d3d9e0;text-align:left}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
blockquote{margin:.2rem 0 .8rem;color:#52606d;overflow-wrap:anywhere}
svg text{font-size:12px;fill:#52606d}
@media (prefers-color-scheme:dark){body{color:#e4e7eb;background:#0b1016}td,th{border-color:#3e4c59}
blockquote{color:#9aa5b1}svg text{fill:#9aa5b1}}
""".strip()

Cell = str | int | float


@dataclass(frozen=True, slots=True)
class _Table:
    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]


@dataclass(frozen=True, slots=True)
class _Quotes:
    texts: Sequence[str]


@dataclass(frozen=True, slots=True)
class _Picture:
    svg: str
    table: _Table  # the same in figures, where there are no pictures


Block = _Table | _Quotes | _Picture
Section = tuple[str, Sequence[Block]]


def card(name: str, report: CurationReport, lang: Language) -> dict[str, str]:
    """File name → text, in one language."""
    sections = list(_sections(report, lang))
    title = f"{say('Data card', lang=lang)}: {name}"
    return {f"card.{lang}.md": _markdown(title, sections), f"card.{lang}.html": _html(title, sections, lang)}


def _sections(report: CurationReport, lang: Language) -> Iterable[Section]:
    def word(text: str) -> str:
        return say(text, lang=lang)

    share = report.kept / max(report.documents, 1)
    yield (
        word("Documents"),
        [
            _Table(
                ("", word("before"), word("after")),
                (
                    (word("documents"), report.documents, report.kept),
                    (word("characters"), report.characters_before, report.characters_after),
                    (word("share kept"), "", f"{share:.1%}"),
                ),
            ),
            _lengths(report, lang),
        ],
    )
    rows = [(step.name, step.documents, step.kept, step.documents - step.kept) for step in report.steps]
    yield word("Steps"), [_Table([word(one) for one in ("Step", "documents", "kept", "dropped")], rows)]
    blocks: list[Block] = []
    for reason, count in report.dropped.items():
        blocks.append(_Table((word("reason"), word("documents")), ((reason, count),)))
        blocks.append(_Quotes([sample["text"] for sample in report.samples.get(reason, ())]))
    if blocks:
        yield word("Why documents were dropped, with samples"), blocks
    yield from _counted(report, lang)


def _counted(report: CurationReport, lang: Language) -> Iterable[Section]:
    tables: tuple[tuple[str, str, Mapping[str, int] | Mapping[int, int]], ...] = (
        ("Languages", "language", report.languages),
        ("Personal data replaced", "kind", report.personal_data),
        ("Clusters of duplicates", "documents in the cluster", report.clusters),
        ("Licences of what is kept", "licence", report.licences),
        ("Sources of what is kept", "Source", report.sources),
        ("Labels of what is kept", "label", report.labels),
        ("Splits", "split", report.splits),
    )
    for title, key, counts in tables:
        if counts:
            whole = sum(counts.values())
            rows = [(str(name), count, f"{count / whole:.1%}") for name, count in counts.items()]
            head = (say(key, lang=lang), say("count", lang=lang), say("share", lang=lang))
            yield say(title, lang=lang), [_Table(head, rows)]
    noted = [
        (step.name, name, count)
        for step in report.steps
        for name, count in step.notes.items()
        if not name.startswith(("language.", "redacted.", "cluster."))
    ]
    if noted:
        yield (
            say("What steps noted", lang=lang),
            [_Table([say(one, lang=lang) for one in ("Step", "note", "count")], noted)],
        )


def _lengths(report: CurationReport, lang: Language) -> _Picture:
    """Documents by length before and after, bars side by side."""
    bounds = sorted({*report.lengths["before"], *report.lengths["after"]})
    most = max((count for counts in report.lengths.values() for count in counts.values()), default=1)
    parts, rows = [], []
    for at, power in enumerate(bounds):
        left = 40 + at * (2 * BAR + GAP)
        name = f"{2 ** (power - 1)}–{2**power - 1}" if power > 1 else str(power)
        for place, when in enumerate(("before", "after")):
            height = HEIGHT * report.lengths[when].get(power, 0) / most
            parts.append(
                f'<rect x="{left + place * BAR}" y="{HEIGHT + 20 - height:.1f}" width="{BAR - 2}" '
                f'height="{height:.1f}" fill="{COLOURS[when]}"/>'
            )
        parts.append(
            f'<text x="{left + BAR}" y="{HEIGHT + 36}" text-anchor="middle">2{_raised(power)}</text>'
        )
        rows.append((name, report.lengths["before"].get(power, 0), report.lengths["after"].get(power, 0)))
    title = say("Documents by length in characters: before (light) and after (dark)", lang=lang)
    width = 60 + len(bounds) * (2 * BAR + GAP)
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HEIGHT + 44}" width="{width}" role="img">'
        f"<title>{escape(title)}</title>{''.join(parts)}</svg>"
    )
    head = (say("characters", lang=lang), say("before", lang=lang), say("after", lang=lang))
    return _Picture(svg, _Table(head, rows))


def _raised(number: int) -> str:
    return str(number).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))


def _markdown(title: str, sections: Sequence[Section]) -> str:
    lines = [f"# {title}"]
    for heading, blocks in sections:
        lines += ["", f"## {heading}"]
        for block in blocks:
            lines.append("")
            if isinstance(block, _Quotes):
                lines += [f"> {_one_line(text)}\n>" for text in block.texts]
                continue
            table = block.table if isinstance(block, _Picture) else block
            lines.append(f"| {' | '.join(table.head)} |")
            lines.append(f"|{' --- |' * len(table.head)}")
            lines += [
                f"| {' | '.join(_told(cell).replace('|', '∣') for cell in row)} |" for row in table.rows
            ]
    return "\n".join(lines) + "\n"


def _html(title: str, sections: Sequence[Section], lang: Language) -> str:
    parts = [
        f'<!doctype html><html lang="{lang}"><head><meta charset="utf-8"><title>{escape(title)}</title>',
        f"<style>{STYLE}</style></head><body><h1>{escape(title)}</h1>",
    ]
    for heading, blocks in sections:
        parts.append(f"<h2>{escape(heading)}</h2>")
        for block in blocks:
            if isinstance(block, _Quotes):
                parts += [f"<blockquote>{escape(_one_line(text))}</blockquote>" for text in block.texts]
            elif isinstance(block, _Picture):
                parts.append(block.svg)
            else:
                parts.append(_html_table(block))
    return "\n".join((*parts, "</body></html>\n"))


def _html_table(table: _Table) -> str:
    def cell(tag: str, value: Cell) -> str:
        return f"<{tag}{' class=n' if isinstance(value, int | float) else ''}>{escape(_told(value))}</{tag}>"

    head = "".join(cell("th", one) for one in table.head)
    rows = "".join("<tr>" + "".join(cell("td", one) for one in row) + "</tr>" for row in table.rows)
    return f"<table><tr>{head}</tr>{rows}</table>"


def _told(value: Cell) -> str:
    return f"{value:,}" if isinstance(value, int | float) else value


def _one_line(text: str) -> str:
    return " ".join(text.split())
