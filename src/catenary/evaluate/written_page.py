"""The report of what models write, for people (Markdown, HTML) and machines (JSON): figures, tests, examples."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from catenary.evaluate.classification import verdict
from catenary.evaluate.page import Block, Heading, Paragraph, Table, html, markdown
from catenary.evaluate.wording import interval, metric_title
from catenary.evaluate.written import WrittenReport
from catenary.files import make_folder, write_whole
from catenary.messages import Language, say

EXAMPLES = 20
TEXT_SHOWN = 300  # characters


def write_written_report(
    folder: Path,
    report: WrittenReport,
    sources: Sequence[str],
    references: Sequence[str],
    written: Mapping[str, Sequence[str]],
    *,
    title: str,
    lang: Language,
) -> None:
    """Write report.md, report.html and report.json into `folder`; examples are the first documents."""
    metrics = list(report.models[0].metrics) if report.models else []
    blocks: list[Block] = [
        Paragraph(verdict(one, lang), "verdict")
        for one in report.comparisons
        if one.second == report.control and one.metric == metrics[0]
    ]
    head = [say("model", lang=lang), *(metric_title(metric, lang) for metric in metrics)]
    rows = [
        [
            say("{name} (control)", lang=lang, name=model.name)
            if model.name == report.control
            else model.name,
            *(interval(model.metrics[metric]) for metric in metrics),
        ]
        for model in report.models
    ]
    told = say(
        "{n} documents. In brackets {level} intervals: the BCa bootstrap over documents ({resamples} resamples, seed"
        " {seed}); p by paired bootstrap. {signatures}",
        lang=lang,
        n=f"{report.n:,}",
        level=f"{report.level:.0%}",
        resamples=f"{report.resamples:,}",
        seed=report.seed,
        signatures="; ".join(f"{name}: {text}" for name, text in report.signatures.items()),
    )
    blocks += [Heading(say("Figures", lang=lang)), Table(head, rows), Paragraph(told, "note")]
    if report.comparisons:
        head = [say(word, lang=lang) for word in ("comparison", "metric", "difference")] + ["p"]
        rows = [
            [
                f"{c.first} − {c.second}",
                metric_title(c.metric, lang),
                interval(c.difference, signed=True),
                "<0.0001" if c.p < 0.0001 else f"{c.p:.4f}",
            ]
            for c in report.comparisons
        ]
        blocks += [Heading(say("Comparisons", lang=lang)), Table(head, rows)]
    examples = list(zip(sources, references, *written.values(), strict=True))[:EXAMPLES]
    head = [say("source", lang=lang), say("reference", lang=lang), *written]
    blocks += [
        Heading(say("Examples", lang=lang)),
        Table(head, [[text[:TEXT_SHOWN] for text in one] for one in examples]),
    ]
    plain = {"format": 1, "title": title, "written": asdict(report)}
    for told_one, comparison in zip(plain["written"]["comparisons"], report.comparisons, strict=True):  # type: ignore[index]
        told_one["outcome"] = comparison.outcome
    make_folder(folder)
    texts = {
        "report.json": json.dumps(plain, ensure_ascii=False, indent=2, sort_keys=True, allow_nan=False)
        + "\n",
        "report.md": markdown(title, blocks),
        "report.html": html(title, blocks, lang),
    }
    for name, text in texts.items():
        write_whole(folder / name, text.encode("utf-8", "replace"))
