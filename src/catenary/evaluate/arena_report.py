"""The report of an arena: ranks with intervals, how far raters agree, who voted; Markdown, HTML and JSON."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from catenary.evaluate.arena import Rank, Vote, agreement, bradley_terry
from catenary.evaluate.judge import WithPeople, agreement_with_people
from catenary.evaluate.page import Block, Heading, Paragraph, Picture, Table, write_pages
from catenary.evaluate.pictures import intervals_picture
from catenary.evaluate.wording import interval
from catenary.messages import LANGUAGES, Language, say


def write_arena_report(folder: Path, votes: Sequence[Vote], *, title: str) -> list[Rank]:
    """report.md, .html and .json of the votes, in each language below `folder`; the ranks.

    Ranks and agreement are those of people, where people voted; judges stand beside them with their agreement to
    people. Raises InvalidInput without a vote.
    """
    judges = agreement_with_people(votes)
    counted = [vote for vote in votes if vote.rater not in judges] or votes
    ranks, alike = bradley_terry(counted), agreement(counted)
    raters = Counter(vote.rater for vote in votes)
    plain = {
        "format": 1,
        "title": title,
        "arena": {
            "ranks": [asdict(rank) for rank in ranks],
            "agreement": None if math.isnan(alike) else alike,
            "raters": dict(sorted(raters.items())),
            "votes": len(votes),
            "judges": {
                name: {"share": asdict(one.share), "alpha": None if math.isnan(one.alpha) else one.alpha}
                for name, one in judges.items()
            },
        },
    }
    for lang in LANGUAGES:
        write_pages(folder / lang, title, _blocks(ranks, alike, raters, judges, lang), plain, lang)
    return ranks


def _blocks(
    ranks: Sequence[Rank],
    alike: float,
    raters: Counter[str],
    judges: Mapping[str, WithPeople],
    lang: Language,
) -> list[Block]:
    heading = say("Strength (Bradley–Terry)", lang=lang)
    return [
        Table(
            [
                say("model", lang=lang),
                say("strength", lang=lang),
                say("wins", lang=lang),
                say("votes", lang=lang),
            ],
            [[one.model, interval(one.strength), f"{one.wins:g}", f"{one.votes:,}"] for one in ranks],
        ),
        Picture(
            intervals_picture({one.model: one.strength for one in ranks}, title=heading, lang=lang),
            "ranks.svg",
            heading,
        ),
        Paragraph(
            say(
                "0 is the mean of all models; 400 more are ten times the odds. In brackets 95 % intervals: the"
                " bootstrap over questions. Ties count half.",
                lang=lang,
            ),
            "note",
        ),
        Heading(say("Agreement", lang=lang)),
        Paragraph(agreement_told(alike, lang)),
        *_judge_blocks(judges, lang),
        Table(
            [say("rater", lang=lang), say("votes", lang=lang)],
            [[name, f"{count:,}"] for name, count in sorted(raters.items())],
        ),
    ]


def _judge_blocks(judges: Mapping[str, WithPeople], lang: Language) -> list[Block]:
    if not judges:
        return []
    return [
        Heading(say("Models as judges", lang=lang)),
        Table(
            [
                say("judge", lang=lang),
                say("says what most people say", lang=lang),
                "alpha",
                say("pairs that people judged, too", lang=lang),
            ],
            [
                [
                    name,
                    interval(one.share) if one.share.n else "–",
                    "–" if math.isnan(one.alpha) else f"{one.alpha:.3f}",
                    f"{one.share.n:,}",
                ]
                for name, one in judges.items()
            ],
        ),
        Paragraph(
            say(
                "A judge's votes do not count in the ranks where people voted. Where it was not compared with people,"
                " nothing is known of its worth.",
                lang=lang,
            ),
            "note",
        ),
    ]


def agreement_told(alike: float, lang: Language | None = None) -> str:
    """How far raters agree, in words."""
    if math.isnan(alike):
        return say("No pair was judged by two raters, so nothing is known of their agreement.", lang=lang)
    return say(
        "Krippendorff's alpha {alpha}: 1 is full agreement, 0 that of chance.",
        lang=lang,
        alpha=f"{alike:.3f}",
    )
