"""What several reports show alike: verdicts, comparisons, mistakes, and how models are named."""

from __future__ import annotations

from collections.abc import Sequence

from catenary.evaluate.classification import Example, verdict
from catenary.evaluate.page import Block, Heading, Paragraph, Table
from catenary.evaluate.paired import Comparison
from catenary.evaluate.wording import interval, metric_title, probability
from catenary.messages import Language, say

TEXT_SHOWN = 160  # characters of a mistaken document


def verdicts(comparisons: Sequence[Comparison], control: str | None, lang: Language) -> list[Block]:
    """Each other model against the control, in the first metric that was compared."""
    first_metric = next((comparison.metric for comparison in comparisons), None)
    return [
        Paragraph(verdict(comparison, lang), "verdict")
        for comparison in comparisons
        if comparison.second == control and comparison.metric == first_metric
    ]


def comparison_table(comparisons: Sequence[Comparison], lang: Language) -> list[Block]:
    if not comparisons:
        return []
    head = [
        say("comparison", lang=lang),
        say("metric", lang=lang),
        say("difference", lang=lang),
        "p",
        say("only the first right", lang=lang),
        say("only the second right", lang=lang),
    ]
    rows = [
        [
            f"{c.first} − {c.second}",
            metric_title(c.metric, lang),
            interval(c.difference, signed=True),
            probability(c.p),
            "–" if c.first_only is None else f"{c.first_only:,}",
            "–" if c.second_only is None else f"{c.second_only:,}",
        ]
        for c in comparisons
    ]
    return [Heading(say("Comparisons", lang=lang)), Table(head, rows)]


def named(name: str, control: str | None, lang: Language) -> str:
    return say("{name} (control)", lang=lang, name=name) if name == control else name


def cut(text: str) -> str:
    return text if len(text) <= TEXT_SHOWN else text[: TEXT_SHOWN - 1] + "…"


def mistakes_table(worst: Sequence[Example], mistakes: int, lang: Language) -> list[Block]:
    """The worst of so many mistakes."""
    if not worst:
        return [Paragraph(say("No mistakes.", lang=lang))]
    sure = any(mistake.confidence is not None for mistake in worst)
    told = (
        say(
            "{shown} of {all} mistakes, the most confident first.",
            lang=lang,
            shown=len(worst),
            all=mistakes,
        )
        if sure
        else say("{shown} of {all} mistakes, the worst first.", lang=lang, shown=len(worst), all=mistakes)
    )
    head = [
        say("document", lang=lang),
        say("gold", lang=lang),
        say("predicted", lang=lang),
        *([say("confidence", lang=lang)] if sure else []),
        say("text", lang=lang),
    ]
    rows = [
        [
            mistake.id,
            cut(mistake.gold),
            cut(mistake.predicted),
            *([] if not sure else ["–" if mistake.confidence is None else f"{mistake.confidence:.3f}"]),
            "–" if mistake.text is None else cut(mistake.text),
        ]
        for mistake in worst
    ]
    return [Paragraph(told, "note"), Table(head, rows)]
