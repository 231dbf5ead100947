"""Rounds in which people judged answers: the files of `catenary arena` and `catenary rate` beside the chain."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from markupsafe import Markup

from catenary.console.table import Column, Row, Table, figure, table
from catenary.console.view import picture
from catenary.messages import say

FILES: dict[str, Literal["arena", "rating"]] = {"votes.jsonl": "arena", "ratings.jsonl": "rating"}
DEEP = 3  # folders below the chain's that are looked through
MOST_FOLDERS = 2000


@dataclass(frozen=True, slots=True)
class Round:
    """One file of judgements; `name` is its path below the chain's folder."""

    name: str
    path: Path
    kind: Literal["arena", "rating"]


def rounds_below(folder: Path) -> list[Round]:
    """All of them, by name."""
    return sorted(_found(folder), key=lambda one: one.name)


def _found(folder: Path) -> Iterator[Round]:
    level = [folder]
    seen = 0
    for _ in range(DEEP):
        below: list[Path] = []
        for one in level:
            for name, kind in FILES.items():
                if (one / name).is_file():
                    yield Round((one / name).relative_to(folder).as_posix(), one / name, kind)
            below += [
                path
                for path in one.iterdir()
                if path.is_dir() and not path.is_symlink() and not path.name.startswith(".")
            ]
            seen += 1
            if seen > MOST_FOLDERS:
                return
        level = below


@dataclass(frozen=True, slots=True)
class Judged:
    """What a round says: who judged how much, how far they agree, and the models' figures."""

    judgements: int
    agreement: float
    raters: dict[str, int]
    tables: list[Table]
    pictures: list[Markup]


def judged(one: Round) -> Judged:
    """Raises Damaged, naming the line that cannot be read."""
    found = one.path.stat()
    return (_arena if one.kind == "arena" else _rating)(one.path, found.st_mtime_ns, found.st_size)


@lru_cache(16)
def _arena(path: Path, changed: int, size: int) -> Judged:
    from catenary.evaluate.arena import agreement, bradley_terry
    from catenary.evaluate.ballots import read_votes
    from catenary.evaluate.pictures import intervals_picture

    votes = read_votes(path)
    ranks = bradley_terry(votes) if votes else []
    rows: list[Row] = [
        [
            rank.model,
            figure(rank.strength.value),
            figure(rank.strength.low),
            figure(rank.strength.high),
            figure(rank.wins),
            figure(rank.votes),
        ]
        for rank in ranks
    ]
    heads = [Column(say("model"))]
    names = (say("strength"), say("from"), say("to"), say("wins"), say("votes"))
    heads += [Column(one, number=True) for one in names]
    title = say("Strength (Bradley–Terry)")
    drawn = (
        [picture(intervals_picture({one.model: one.strength for one in ranks}, title=title))] if ranks else []
    )
    raters = Counter(vote.rater for vote in votes)
    return Judged(len(votes), agreement(votes), dict(raters), [table("ranks", title, heads, rows)], drawn)


@lru_cache(16)
def _rating(path: Path, changed: int, size: int) -> Judged:
    from catenary.errors import InvalidInput
    from catenary.evaluate.ratings import agreement, ratings_report, read_ratings

    ratings = read_ratings(path)
    criteria = list(dict.fromkeys(name for one in ratings for name in one.points))
    alike = {name: agreement(ratings, name) for name in criteria}
    rows: list[Row] = []
    try:
        report = ratings_report(ratings)
    except InvalidInput:  # no question of which all models were rated yet
        models = []
    else:
        models = list(report.models)
    for model in models:
        for name, one in model.metrics.items():
            told = alike.get(name, math.nan)
            rows.append(
                [
                    model.name,
                    name,
                    figure(one.value),
                    figure(one.low),
                    figure(one.high),
                    figure(one.n),
                    figure(None if math.isnan(told) else told),
                ]
            )
    heads = [Column(say("model")), Column(say("criterion"))]
    names = (say("points"), say("from"), say("to"), "n", say("agreement"))
    heads += [Column(one, number=True) for one in names]
    known = [one for one in alike.values() if not math.isnan(one)]
    return Judged(
        len(ratings),
        sum(known) / len(known) if known else math.nan,
        dict(Counter(one.rater for one in ratings)),
        [table("points", say("Points"), heads, rows)],
        [],
    )
