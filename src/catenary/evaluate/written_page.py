"""The report of what models write, for people (Markdown, HTML) and machines (JSON): figures, tests, examples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from catenary.evaluate.blocks import comparison_table, named
from catenary.evaluate.classification import verdict
from catenary.evaluate.overlap import rouge_words
from catenary.evaluate.page import Block, Heading, Paragraph, Picture, Table, write_pages
from catenary.evaluate.pictures import intervals_picture
from catenary.evaluate.wording import interval, metric_title
from catenary.evaluate.written import WrittenReport
from catenary.messages import Language, say

EXAMPLES = 20
BEST = 5
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
    """Write report.md, report.html and report.json into `folder`; the worst examples come first."""
    metrics = list(report.models[0].metrics) if report.models else []
    blocks: list[Block] = [
        Paragraph(verdict(one, lang), "verdict")
        for one in report.comparisons
        if one.second == report.control and one.metric == metrics[0]
    ]
    head = [say("model", lang=lang), *(metric_title(metric, lang) for metric in metrics)]
    rows = [
        [
            named(model.name, report.control, lang),
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
    blocks += [Heading(say("Figures", lang=lang)), Table(head, rows)]
    if metrics:
        shown = metric_title(metrics[0], lang)
        pictured = {
            named(model.name, report.control, lang): model.metrics[metrics[0]] for model in report.models
        }
        picture = intervals_picture(pictured, title=shown, lang=lang)
        blocks.append(Picture(picture, f"{metrics[0]}.svg", shown))
    blocks.append(Paragraph(told, "note"))
    blocks += comparison_table(report.comparisons, lang)
    rows_of = list(zip(sources, references, *written.values(), strict=True))
    order = _worst_first(references, written, report.control)
    examples = [rows_of[at] for at in order[:EXAMPLES]]
    head = [say("source", lang=lang), say("reference", lang=lang), *written]
    blocks += [
        Heading(say("Worst examples", lang=lang)),
        Paragraph(
            say(
                "The documents where the models' words share least with the reference's (mean F1 of words; the control"
                " does not count).",
                lang=lang,
            ),
            "note",
        ),
        Table(head, [[text[:TEXT_SHOWN] for text in one] for one in examples]),
    ]
    plain = {"format": 1, "title": title, "written": asdict(report)}
    plain["examples"] = {
        name: [_example(rows_of[at], list(written)) for at in numbers]
        for name, numbers in (("worst", order[:EXAMPLES]), ("best", order[EXAMPLES:][: -BEST - 1 : -1]))
    }
    for told_one, comparison in zip(plain["written"]["comparisons"], report.comparisons, strict=True):  # type: ignore[index]
        told_one["outcome"] = comparison.outcome
    write_pages(folder, title, blocks, plain, lang)


def _example(row: Sequence[str], models: Sequence[str]) -> dict[str, object]:
    source, reference, *said = (text[:TEXT_SHOWN] for text in row)
    return {"source": source, "reference": reference, "said": dict(zip(models, said, strict=True))}


def _worst_first(
    references: Sequence[str], written: Mapping[str, Sequence[str]], control: str | None
) -> list[int]:
    """The documents' numbers, by how little the candidates' words share with the reference."""
    judged = [texts for name, texts in written.items() if name != control] or list(written.values())
    shares = [sum(_shared(texts[at], gold) for texts in judged) for at, gold in enumerate(references)]
    return sorted(range(len(references)), key=lambda at: (shares[at], at))


def _shared(text: str, gold: str) -> float:
    """F1 of the words of two texts, in any order; a Chinese character is a word."""
    said, wanted = Counter(rouge_words(text)), Counter(rouge_words(gold))
    both = (said & wanted).total()
    return 2 * both / max(1, said.total() + wanted.total())
