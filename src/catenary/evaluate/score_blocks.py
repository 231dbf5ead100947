"""The page of a score report."""

from __future__ import annotations

from catenary.evaluate.blocks import comparison_table, mistakes_table, named, verdicts
from catenary.evaluate.page import Block, Heading, Paragraph, Picture, Table
from catenary.evaluate.pictures import confusion_picture, intervals_picture
from catenary.evaluate.scores import ScoreReport
from catenary.evaluate.wording import interval, metric_title
from catenary.messages import Language, say


def score_blocks(report: ScoreReport, lang: Language) -> list[Block]:
    """Verdicts, figures, comparisons, and of each model its worst mistakes and its confusion."""
    metrics = list(report.models[0].metrics)
    head = [say("model", lang=lang), *(metric_title(metric, lang) for metric in metrics)]
    rows = [
        [named(model.name, report.control, lang), *(interval(model.metrics[metric]) for metric in metrics)]
        for model in report.models
    ]
    shown = metric_title(metrics[0], lang)
    pictured = {named(model.name, report.control, lang): model.metrics[metrics[0]] for model in report.models}
    told = say(
        "{n} items. In brackets {level} intervals: the BCa bootstrap over items ({resamples} resamples, seed {seed})."
        " p by paired bootstrap; not corrected for the number of comparisons.",
        lang=lang,
        n=f"{report.n:,}",
        level=f"{report.level:.0%}",
        resamples=f"{report.resamples:,}",
        seed=report.seed,
    )
    blocks: list[Block] = [
        *verdicts(report.comparisons, report.control, lang),
        Heading(say("Figures", lang=lang)),
        Table(head, rows),
        Picture(intervals_picture(pictured, title=shown, lang=lang), f"{metrics[0]}.svg", shown),
        Paragraph(told, "note"),
        *comparison_table(report.comparisons, lang),
    ]
    for place, model in enumerate(report.models, 1):
        name = named(model.name, report.control, lang)
        blocks += [
            Heading(say("{name}: worst mistakes", lang=lang, name=name)),
            *mistakes_table(model.worst, model.mistakes, lang),
        ]
        if model.confusion is not None:
            picture = confusion_picture(report.labels, model.confusion, title=name, lang=lang)
            alternative = say("confusion matrix of {name}", lang=lang, name=name)
            blocks.append(Picture(picture, f"confusion-{place}.svg", alternative))
    return blocks
