"""Curves: what runs measured by step, as pictures; figures of one run as a table."""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup
from sqlalchemy import func, select

from catenary.console.table import Column, Row, Table, figure
from catenary.console.view import moment, picture
from catenary.messages import say
from catenary.store import RunRow, Store
from catenary.store.tables import metrics

PARTS = ("train_", "valid_", "test_")
"""What a metric's name may begin with; those with the same rest share a picture."""


def curve_pictures(store: Store, runs: Sequence[RunRow]) -> list[Markup]:
    """One picture a figure, of all runs together."""
    from catenary.evaluate.pictures import curves_picture

    drawn: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for run in runs:
        for metric in store.metrics(run.id):
            if metric.step is None or math.isnan(metric.value):
                continue
            part = next((part for part in PARTS if metric.name.startswith(part)), "")
            what = metric.name.removeprefix(part)
            name = say(part.rstrip("_")) if part else say(what)
            series = f"{run.id} {name}" if len(runs) > 1 else name
            drawn.setdefault(what, {}).setdefault(series, []).append((metric.step, metric.value))
    return [
        picture(curves_picture(series, title=say(what), x_label=say("step"), y_label=say(what)))
        for what, series in drawn.items()
        if any(len(points) > 1 for points in series.values())
    ]


def last_figures(store: Store, run: RunRow) -> dict[str, float]:
    """The last value of each metric of a run."""
    return {metric.name: metric.value for metric in store.metrics(run.id)}


def metrics_table(store: Store, run: RunRow) -> Table:
    """Every figure that a run kept, in the order of their reporting."""
    with store.reading() as connection:
        count = connection.execute(
            select(func.count()).select_from(metrics).where(metrics.c.run_id == run.id)
        ).scalar_one()

    def rows(offset: int, limit: int) -> list[Row]:
        query = select(metrics.c.name, metrics.c.step, metrics.c.value, metrics.c.at)
        query = query.where(metrics.c.run_id == run.id).order_by(metrics.c.id).offset(offset).limit(limit)
        with store.reading() as connection:
            return [
                [row.name, figure(row.step), figure(row.value), moment(row.at)]
                for row in connection.execute(query)
            ]

    columns = [
        Column(say("figure")),
        Column(say("step"), number=True),
        Column(say("value"), number=True),
        Column(say("at (UTC)")),
    ]
    return Table("figures", say("Figures"), columns, count, rows, say("This run reported no figures."))
