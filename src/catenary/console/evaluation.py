"""What an evaluation's report holds beyond its scores: intervals as pictures, classes, worst examples, groups."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from catenary.console.samples import judged_tables
from catenary.console.table import Column, Row, Table, figure, table
from catenary.console.view import picture
from catenary.evaluate.estimate import Estimate
from catenary.evaluate.wording import disturbance_title, group_title, metric_title
from catenary.messages import language, say
from catenary.store import Artifact

MOST_PICTURES = 6


def details_of(artifact: Artifact) -> Mapping[str, Any]:
    """The report that the artifact holds for machines; nothing where it holds none."""
    name = next(
        (one for one in (f"{language()}/report.json", "report.json") if one in artifact.manifest.files), None
    )
    if artifact.kind != "evaluation" or name is None:
        return {}
    told: dict[str, Any] = json.loads((artifact.path / name).read_text("utf-8"))
    return told


def interval_pictures(report: Mapping[str, Any]) -> list[Markup]:
    """A picture a metric: each model's figure in its interval."""
    from catenary.evaluate.pictures import intervals_picture

    scores = report.get("metrics")
    if not isinstance(scores, Mapping) or len(scores) < 2:
        return []
    by_metric: dict[str, dict[str, Estimate]] = {}
    for model, figures in scores.items():
        for metric, one in figures.items():
            if isinstance(one, Mapping) and one.get("value") is not None and one.get("low") is not None:
                by_metric.setdefault(metric, {})[model] = Estimate(**one)
    return [
        picture(intervals_picture(estimates, title=metric_title(metric)))
        for metric, estimates in list(by_metric.items())[:MOST_PICTURES]
        if len(estimates) > 1
    ]


def detail_tables(details: Mapping[str, Any], root: str) -> list[Table]:
    """Whatever of it there is."""
    models = [
        model for key in ("classification", "scores") for model in (details.get(key) or {}).get("models", ())
    ]
    made = (_classes(models), *judged_tables(details, models, root), *_groups(details.get("probes") or {}))
    return [one for one in made if one is not None]


def _classes(models: Sequence[Mapping[str, Any]]) -> Table | None:
    rows: list[Row] = [
        [
            model["name"],
            label,
            figure(one["support"]),
            *(
                figure(value)
                for name in ("precision", "recall", "f1")
                for value in (one[name]["value"], one[name]["low"], one[name]["high"])
            ),
        ]
        for model in models
        for label, one in (model.get("classes") or {}).items()
    ]
    heads = [Column(say("model")), Column(say("label")), Column(say("documents"), number=True)]
    for name in ("precision", "recall", "f1"):
        heads += [Column(metric_title(name), number=True)]
        heads += [Column(say("from"), number=True), Column(say("to"), number=True)]
    return table("classes", say("Label by label"), heads, rows) if rows else None


def _groups(probes: Mapping[str, Any]) -> Iterator[Table]:
    gaps: list[Row] = [
        [
            model,
            group_title(of["group"]),
            of["label"],
            gap["term"],
            figure(gap["difference"]["value"]),
            figure(gap["difference"]["low"]),
            figure(gap["difference"]["high"]),
            figure(gap["p"]),
        ]
        for model, probed in probes.items()
        for of in probed["fairness"]
        for gap in of["gaps"]
    ]
    ends = [Column(say("difference"), number=True), Column(say("from"), number=True)]
    ends += [Column(say("to"), number=True), Column("p", number=True)]
    if gaps:
        heads = [Column(one) for one in (say("model"), say("group"), say("label"), say("term"))]
        yield table(
            "groups", say("Group by group: the same sentences about other persons"), [*heads, *ends], gaps
        )
    kinds: list[Row] = [
        [
            model,
            disturbance_title(kind),
            figure(one["difference"]["value"]),
            figure(one["difference"]["low"]),
            figure(one["difference"]["high"]),
            figure(one["p"]),
        ]
        for model, probed in probes.items()
        for kind, one in probed["robustness"].items()
    ]
    if kinds:
        heads = [Column(say("model")), Column(say("written"))]
        yield table("disturbed", say("The same texts written another way"), [*heads, *ends], kinds)
