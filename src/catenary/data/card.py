"""The data card of a dataset: what came in, what stayed, what went and why, as Markdown and as one HTML page.

    for name, text in card("reviews", report, "zh").items():      # card.zh.md, card.zh.html
        (folder / name).write_text(text, "utf-8")

It says nothing that the report does not hold, so equal datasets have equal cards. The pictures are SVG that stands
alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from catenary.data.card_blocks import Block, Picture, Quotes, Reason, Section, Table, Tiles, one_line, told
from catenary.data.card_charts import bars, funnel, shares
from catenary.data.card_html import page
from catenary.data.report import CurationReport
from catenary.messages import Language, say

# What the histograms are of; `quality` and `score` note them.
MEASURES = {
    "score": "learned quality score",
    "mean_word_length": "mean length of words, in characters",
    "alphabetic_words": "share of words with a letter",
    "ended_lines": "share of lines that end as sentences do",
    "repeated_lines": "share of characters in repeated lines",
    "repeated_5_words": "share of characters in repeated runs of five words",
}
SHOWN = 40  # rows of a table: a crawl has thousands of sources


def card(
    name: str, report: CurationReport, lang: Language, review: Mapping[str, float] | None = None
) -> dict[str, str]:
    """File name → text, in one language. `review`: what reviewers agreed on (`review.Reviewed.summary`)."""
    sections = list(_sections(report, lang, review or {}))
    title = say("Data card: {name}", lang=lang, name=name)
    words = (say("before", lang=lang), say("after", lang=lang), say("dropped", lang=lang))
    return {
        f"card.{lang}.md": _markdown(title, sections),
        f"card.{lang}.html": page(title, sections, lang, words),
    }


def _sections(report: CurationReport, lang: Language, review: Mapping[str, float]) -> Iterable[Section]:
    def word(text: str) -> str:
        return say(text, lang=lang)

    share = report.kept / max(report.documents, 1)
    duplicates = sum(count for reason, count in report.dropped.items() if reason.startswith("dedup:"))
    tiles: list[tuple[str, str | int | float]] = [
        (word("documents that came in"), report.documents),
        (word("documents kept"), report.kept),
        (word("share kept"), f"{share:.1%}"),
        (word("characters that came in"), report.characters_before),
        (word("characters kept"), report.characters_after),
        (word("duplicates dropped"), duplicates),
        (word("personal data replaced"), sum(report.personal_data.values())),
    ]
    yield "", [Tiles(tiles)]
    rows = [(step.name, step.documents, step.kept, step.documents - step.kept) for step in report.steps]
    table = Table([word(one) for one in ("Step", "documents", "kept", "dropped")], rows)
    picture = funnel(word("Steps"), [(step.name, step.documents, step.kept) for step in report.steps])
    yield word("Steps"), [Picture(word("Steps"), picture, None, wide=True), table]
    yield word("Before and after"), [_lengths(report, lang), *_histograms(report, lang)]
    reasons = [
        Reason(
            reason,
            count,
            count / max(report.documents, 1),
            [sample["text"] for sample in report.samples.get(reason, ())],
        )
        for reason, count in report.dropped.items()
    ]
    if reasons:
        yield word("Why documents were dropped, with samples"), reasons
    yield from _counted(report, lang)
    if review:
        both = [(word(name), review[name]) for name in ("agreed", "disputed", "kappa")]
        yield word("What two reviewers said"), [Table([word("note"), word("count")], both)]


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
            yield say(title, lang=lang), list(_shared(say(title, lang=lang), key, counts, lang))
    noted = [
        (step.name, name, count)
        for step in report.steps
        for name, count in step.notes.items()
        if not name.startswith(("language.", "redacted.", "cluster."))
    ]
    if noted:
        yield (
            say("What steps noted", lang=lang),
            [Table([say(one, lang=lang) for one in ("Step", "note", "count")], noted)],
        )


def _shared(
    title: str, key: str, counts: Mapping[str, int] | Mapping[int, int], lang: Language
) -> Iterable[Block]:
    whole = sum(counts.values())
    rows = [(str(name), count, f"{count / whole:.1%}") for name, count in counts.items()]
    if len(counts) > 1:
        drawn = shares(title, {str(name): count for name, count in counts.items()})
        yield Picture(title, drawn, None, wide=True)
    head = (say(key, lang=lang), say("count", lang=lang), say("share", lang=lang))
    yield Table(head, rows[:SHOWN])
    if len(rows) > SHOWN:
        yield Quotes([say("and {n} more", lang=lang, n=len(rows) - SHOWN)])


def _lengths(report: CurationReport, lang: Language) -> Picture:
    """Documents by length before and after, bars side by side."""
    bounds = sorted({*report.lengths["before"], *report.lengths["after"]})
    names = [f"{2 ** (power - 1)}–{2**power - 1}" if power > 1 else str(power) for power in bounds]
    before = [report.lengths["before"].get(power, 0) for power in bounds]
    after = [report.lengths["after"].get(power, 0) for power in bounds]
    title = say("Documents by length in characters", lang=lang)
    firsts = [_rounded(2 ** (power - 1)) if power else "0" for power in bounds]
    svg = bars(title, firsts, before, after, 1 + len(bounds) // 12)
    head = (say("characters", lang=lang), say("before", lang=lang), say("after", lang=lang))
    return Picture(title, svg, Table(head, list(zip(names, before, after, strict=True))))


def _histograms(report: CurationReport, lang: Language) -> Iterable[Picture]:
    for measure, sides in report.histograms.items():
        lows = sorted({*sides["before"], *sides["after"]})
        names = [f"{low:.3g}" for low in lows]
        before = [sides["before"].get(low, 0) for low in lows]
        after = [sides["after"].get(low, 0) for low in lows]
        title = say(MEASURES.get(measure, measure), lang=lang)
        head = (say("from", lang=lang), say("before", lang=lang), say("after", lang=lang))
        yield Picture(
            title,
            bars(title, names, before, after, 1 + len(names) // 8),
            Table((f"{title}: {head[0]}", *head[1:]), list(zip(names, before, after, strict=True))),
        )


def _rounded(number: int) -> str:
    """A power of two as people say it: 512, 4k, 1M."""
    for size, mark in ((1 << 20, "M"), (1 << 10, "k")):
        if number >= size:
            return f"{number // size}{mark}"
    return str(number)


def _markdown(title: str, sections: Sequence[Section]) -> str:
    lines = [f"# {title}"]
    for heading, blocks in sections:
        lines += ["", f"## {heading}"] if heading else []
        for block in blocks:
            if isinstance(block, Picture) and block.table is None:
                continue
            lines.append("")
            if isinstance(block, Quotes):
                lines += [f"> {one_line(text)}\n>" for text in block.texts]
                continue
            if isinstance(block, Reason):
                lines.append(f"- `{block.reason}`: {block.count:,} ({block.share:.1%})")
                lines += [f"  > {one_line(text)}\n  >" for text in block.samples]
                continue
            if isinstance(block, Tiles):
                lines += [f"- {name}: **{told(cell)}**" for name, cell in block.tiles]
                continue
            table = block if isinstance(block, Table) else block.table
            assert table is not None
            lines.append(f"| {' | '.join(table.head)} |")
            lines.append(f"|{' --- |' * len(table.head)}")
            lines += [f"| {' | '.join(told(cell).replace('|', '∣') for cell in row)} |" for row in table.rows]
    return "\n".join(lines) + "\n"
