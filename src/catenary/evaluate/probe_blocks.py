"""The part of a report on robustness and fairness."""

from __future__ import annotations

from collections.abc import Mapping

from catenary.evaluate.blocks import named
from catenary.evaluate.page import Block, Heading, Paragraph, Picture, Table
from catenary.evaluate.pictures import intervals_picture
from catenary.evaluate.probes import Probed
from catenary.evaluate.wording import disturbance_title, group_title, interval, probability
from catenary.messages import Language, say


def probe_blocks(probed: Mapping[str, Probed], control: str | None, lang: Language) -> list[Block]:
    """Tables with intervals and p of each model, candidates before the control, and a picture of each part."""
    order = sorted(probed, key=lambda name: name == control)
    blocks: list[Block] = []
    model, p = say("model", lang=lang), "p"
    kinds = [
        (named(name, control, lang), kind, one)
        for name in order
        for kind, one in probed[name].robustness.items()
    ]
    if kinds:
        heading = say("Robustness: accuracy lost", lang=lang)
        blocks += [
            Heading(heading),
            Table(
                [model, say("texts with", lang=lang), say("difference", lang=lang), p],
                [
                    [
                        name,
                        disturbance_title(kind, lang),
                        interval(one.difference, signed=True),
                        probability(one.p),
                    ]
                    for name, kind, one in kinds
                ],
            ),
            Picture(
                intervals_picture(
                    {
                        f"{name} · {disturbance_title(kind, lang)}": one.difference
                        for name, kind, one in kinds
                    },
                    title=heading,
                    lang=lang,
                ),
                "robustness.svg",
                heading,
            ),
            Paragraph(
                say(
                    "Accuracy on disturbed texts less that on the same texts as they are; p by McNemar's exact test.",
                    lang=lang,
                ),
                "note",
            ),
        ]
    terms = [
        (named(name, control, lang), of, gap)
        for name in order
        for of in probed[name].fairness
        for gap in of.gaps
    ]
    if terms:
        heading = say("Fairness: gaps between groups", lang=lang)
        largest = {
            f"{named(name, control, lang)} · {group_title(of.group, lang)} ({of.language}) · {of.label}": of.largest
            for name in order
            for of in probed[name].fairness
        }
        blocks += [
            Heading(heading),
            Table(
                [
                    model,
                    say("group", lang=lang),
                    say("term", lang=lang),
                    say("label", lang=lang),
                    say("gap", lang=lang),
                    p,
                ],
                [
                    [
                        name,
                        f"{group_title(of.group, lang)} ({of.language})",
                        gap.term,
                        of.label,
                        interval(gap.difference, signed=True),
                        probability(gap.p),
                    ]
                    for name, of, gap in terms
                ],
            ),
            Picture(intervals_picture(largest, title=heading, lang=lang), "fairness.svg", heading),
            Paragraph(
                say(
                    "The same sentences with another person in them: the mean probability of the label with this term"
                    " less that with all terms of the group; the picture shows the largest gap of each group. p by"
                    " bootstrap over sentences, not corrected for the number of terms.",
                    lang=lang,
                ),
                "note",
            ),
        ]
    return blocks
