"""One report of an evaluation in three files: report.md and report.html for people, report.json for machines.

    write_report(folder, classification=classification_report(…), title="quality", lang="zh")

The pictures lie beside the Markdown and inside the HTML. Equal reports give equal bytes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from catenary.evaluate.blocks import comparison_table, mistakes_table, named, verdicts
from catenary.evaluate.classification import ClassificationReport, ModelFigures
from catenary.evaluate.language_model import LanguageModelReport
from catenary.evaluate.page import Block, Heading, Paragraph, Picture, Table, write_pages
from catenary.evaluate.pictures import confusion_picture, curves_picture, intervals_picture
from catenary.evaluate.probe_blocks import probe_blocks
from catenary.evaluate.probes import Probed
from catenary.evaluate.score_blocks import score_blocks
from catenary.evaluate.scores import ScoreReport
from catenary.evaluate.wording import interval, metric_title
from catenary.messages import Language, language, say

FORMAT = 1

Curves = Mapping[str, Sequence[tuple[float, float]]]


def write_report(
    folder: Path,
    *,
    classification: ClassificationReport | None = None,
    language_model: LanguageModelReport | None = None,
    scores: ScoreReport | None = None,
    probes: Mapping[str, Probed] | None = None,
    curves: Curves | None = None,
    title: str | None = None,
    lang: Language | None = None,
) -> list[Path]:
    """Write the report and its pictures into `folder` and name the files; `curves` are name → (step, loss) points."""
    lang = lang or language()
    title = title or say("Evaluation", lang=lang)
    blocks: list[Block] = []
    if classification is not None:
        blocks += _classification_blocks(classification, lang)
    if language_model is not None:
        blocks += _language_model_blocks(language_model, lang)
    if scores is not None:
        blocks += score_blocks(scores, lang)
    if probes:
        blocks += probe_blocks(probes, classification.control if classification else None, lang)
    if curves:
        heading = say("Loss curves", lang=lang)
        picture = curves_picture(
            curves, title=heading, x_label=say("step", lang=lang), y_label=say("loss", lang=lang), lang=lang
        )
        blocks += [Heading(heading), Picture(picture, "loss.svg", heading)]
    whole = {
        "format": FORMAT,
        "title": title,
        "classification": None if classification is None else _plain(classification),
        "language_model": None if language_model is None else _plain(language_model),
        "scores": None if scores is None else _plain(scores),
        "curves": None
        if curves is None
        else _plain({name: list(map(list, c)) for name, c in curves.items()}),
    }
    if probes:
        whole["probes"] = _plain({name: asdict(one) for name, one in probes.items()})
    return write_pages(folder, title, blocks, whole, lang)


def _classification_blocks(report: ClassificationReport, lang: Language) -> list[Block]:
    blocks: list[Block] = verdicts(report.comparisons, report.control, lang)
    if report.control is None and len(report.models) > 1:
        blocks.append(
            Paragraph(say("No control was named: the figures stand beside one another only.", lang=lang))
        )
    metrics = list(report.models[0].metrics) if report.models else []
    head = [say("model", lang=lang), *(metric_title(metric, lang) for metric in metrics)]
    rows = [
        [named(model.name, report.control, lang), *(interval(model.metrics[metric]) for metric in metrics)]
        for model in report.models
    ]
    blocks += [Heading(say("Figures", lang=lang)), Table(head, rows)]
    if metrics:
        pictured = {
            named(model.name, report.control, lang): model.metrics[metrics[0]] for model in report.models
        }
        shown = metric_title(metrics[0], lang)
        blocks.append(
            Picture(intervals_picture(pictured, title=shown, lang=lang), f"{metrics[0]}.svg", shown)
        )
    blocks.append(
        Paragraph(
            say(
                "{n} items. In brackets {level} intervals: Wilson's for shares, the BCa bootstrap ({resamples}"
                " resamples, seed {seed}) for the rest. p of accuracy by McNemar's exact test, of other metrics by"
                " paired bootstrap; not corrected for the number of comparisons.",
                lang=lang,
                n=f"{report.n:,}",
                level=f"{report.level:.0%}",
                resamples=f"{report.resamples:,}",
                seed=report.seed,
            ),
            "note",
        )
    )
    blocks += comparison_table(report.comparisons, lang)
    for place, model in sorted(
        enumerate(report.models, 1), key=lambda entry: entry[1].name == report.control
    ):
        blocks += _model_blocks(report, model, place, lang)
    return blocks


def _model_blocks(
    report: ClassificationReport, model: ModelFigures, place: int, lang: Language
) -> list[Block]:
    name = named(model.name, report.control, lang)
    blocks: list[Block] = [Heading(say("{name}: worst mistakes", lang=lang, name=name))]
    blocks += mistakes_table(model.worst, model.mistakes, lang)
    classes = [
        [label, interval(c.precision), interval(c.recall), interval(c.f1), f"{c.support:,}"]
        for label, c in model.classes.items()
    ]
    picture = confusion_picture(report.labels, model.confusion, title=name, lang=lang)
    alternative = say("confusion matrix of {name}", lang=lang, name=name)
    head = [
        say("class", lang=lang),
        say("precision", lang=lang),
        say("recall", lang=lang),
        "F1",
        say("items", lang=lang),
    ]
    return [
        *blocks,
        Heading(say("{name}: by class", lang=lang, name=name)),
        Table(head, classes),
        Picture(picture, f"confusion-{place}.svg", alternative),
    ]


def _language_model_blocks(report: LanguageModelReport, lang: Language) -> list[Block]:
    blocks: list[Block] = verdicts(report.comparisons, report.control, lang)
    metrics = list(report.models[0].metrics) if report.models else []
    head = [
        say("model", lang=lang),
        *(metric_title(metric, lang) for metric in metrics),
        say("tokens", lang=lang),
    ]
    rows = [
        [
            named(model.name, report.control, lang),
            *(interval(model.metrics[metric]) if metric in model.metrics else "–" for metric in metrics),
            f"{model.tokens:,}",
        ]
        for model in report.models
    ]
    told = say(
        "{n} sequences. In brackets {level} intervals: the BCa bootstrap over sequences ({resamples} resamples, seed"
        " {seed}). Lower is better; perplexities compare only under one tokenizer, bits per byte always.",
        lang=lang,
        n=f"{report.sequences:,}",
        level=f"{report.level:.0%}",
        resamples=f"{report.resamples:,}",
        seed=report.seed,
    )
    heading = Heading(say("Language model", lang=lang))
    return [
        *blocks,
        heading,
        Table(head, rows),
        Paragraph(told, "note"),
        *comparison_table(report.comparisons, lang),
    ]


def _plain(value: Any) -> Any:
    """Dataclasses as mappings with the outcomes of comparisons; what is not finite as null."""
    if isinstance(value, ClassificationReport | LanguageModelReport | ScoreReport):
        plain = _plain(asdict(value))
        for told, comparison in zip(plain["comparisons"], value.comparisons, strict=True):
            told["outcome"] = comparison.outcome
        return plain
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
