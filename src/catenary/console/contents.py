"""What an artifact holds, as people read it: headline, dropped documents, confusion, examples, comparisons, files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from catenary.console.evaluation import detail_tables, details_of, interval_pictures
from catenary.console.links import headline
from catenary.console.samples import document_tables, example_tables
from catenary.console.table import Cell, Column, Row, Table, figure, table, told
from catenary.console.view import picture, size
from catenary.messages import language, say
from catenary.store import Artifact

OUTCOMES = {"better": "good", "worse": "bad"}
LONGEST = 200  # characters of a setting that are shown


@dataclass(frozen=True, slots=True)
class Contents:
    """`reports`: (name, address) of pages that the artifact holds."""

    headline: Mapping[str, Any]
    reports: Sequence[tuple[str, str]]
    pictures: Sequence[Markup]
    tables: Sequence[Table]
    inputs: Table
    files: Table


def contents_of(artifact: Artifact, root: str) -> Contents:
    """Whatever of it there is."""
    report = artifact.manifest.report
    tables = [
        _steps(report),
        *document_tables(artifact, root),
        _counts(report, "labels", say("Labels")),
        _counts(report, "licences", say("Licences")),
        _scores(report),
        _comparisons(report),
        *example_tables(report),
        _gates(report),
        _weights(report),
        *detail_tables(details_of(artifact), root),
    ]
    return Contents(
        headline={say(name): told(value) for name, value in headline(artifact).items()},
        reports=_reports(artifact, root),
        pictures=[*interval_pictures(report), *_confusions(report)],
        tables=[one for one in tables if one is not None],
        inputs=inputs_table(artifact, root),
        files=files_table(artifact, root),
    )


def settings_table(settings: Mapping[str, Any]) -> Table:
    """Every setting, nested ones by their dotted names."""
    rows: list[Row] = [[key, _cut(value)] for key, value in flat(settings).items()]
    return table("settings", say("Settings"), [say("setting"), say("value")], rows)


def flat(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """{"split": {"test": 0.2}} → {"split.test": 0.2}; facts of outside files are left out."""
    found: dict[str, Any] = {}
    for key, item in value.items():
        name = f"{prefix}{key}"
        if name == "content":
            continue
        if isinstance(item, Mapping) and item:
            found.update(flat(item, f"{name}."))
        else:
            found[name] = json.dumps(item, ensure_ascii=False) if isinstance(item, list | dict) else item
    return found


def inputs_table(artifact: Artifact, root: str) -> Table:
    """What it was made from."""
    rows: list[Row] = [
        [role, Cell(id[:12], f"{root}/artifacts/{id}", value=id, code=True)]
        for role, id in artifact.manifest.inputs.items()
    ]
    return table(
        "made-from", say("Made from"), [say("role"), say("artifact")], rows, empty=say("Files from outside.")
    )


def files_table(artifact: Artifact, root: str) -> Table:
    """Its files with their digests."""
    rows: list[Row] = [
        [
            Cell(name, f"{root}/artifacts/{artifact.id}/files/{name}"),
            figure(entry.bytes, size(entry.bytes)),
            Cell(entry.sha256[:12], value=entry.sha256, code=True),
        ]
        for name, entry in artifact.manifest.files.items()
    ]
    columns = [Column(say("file")), Column(say("size"), number=True), Column("SHA-256")]
    return table("files", say("Files"), columns, rows)


def _reports(artifact: Artifact, root: str) -> list[tuple[str, str]]:
    """The pages in the reader's language, where there are several."""
    lang = language()
    other = "en" if lang == "zh" else "zh"
    names = [name for name in artifact.manifest.files if name.endswith(".html")]
    mine = [name for name in names if not name.startswith(f"{other}/") and f".{other}." not in name]
    return [(name, f"{root}/artifacts/{artifact.id}/files/{name}") for name in mine]


def _steps(report: Mapping[str, Any]) -> Table | None:
    steps = report.get("steps")
    if not isinstance(steps, list):
        return None
    rows: list[Row] = []
    for step in steps:
        dropped = ", ".join(f"{reason} {count:,}" for reason, count in step.get("dropped", {}).items())
        lost = step["documents"] - step["kept"]
        rows.append([step["name"], figure(step["documents"]), figure(step["kept"]), figure(lost), dropped])
    columns = [
        Column(say("step")),
        Column(say("documents"), number=True),
        Column(say("kept"), number=True),
        Column(say("dropped"), number=True),
        Column(say("why")),
    ]
    return table("steps", say("Documents kept and dropped, step by step"), columns, rows)


def _counts(report: Mapping[str, Any], key: str, caption: str) -> Table | None:
    counts = report.get(key)
    if not isinstance(counts, Mapping) or not counts:
        return None
    rows: list[Row] = [[str(name), figure(count)] for name, count in counts.items()]
    return table(key, caption, [Column(caption), Column(say("documents"), number=True)], rows)


def _scores(report: Mapping[str, Any]) -> Table | None:
    scores = report.get("metrics")
    if not isinstance(scores, Mapping) or not all(isinstance(one, Mapping) for one in scores.values()):
        return None
    rows: list[Row] = []
    for model, figures in scores.items():
        for metric, one in figures.items():
            if isinstance(one, Mapping) and "value" in one:
                rows.append(
                    [
                        model,
                        say(metric),
                        figure(one["value"]),
                        figure(one.get("low")),
                        figure(one.get("high")),
                        figure(one.get("n")),
                    ]
                )
    heads = [Column(say("model")), Column(say("metric")), Column(say("value"), number=True)]
    heads += [Column(say("from"), number=True), Column(say("to"), number=True), Column("n", number=True)]
    return table("scores", say("Scores, with their intervals"), heads, rows) if rows else None


def _comparisons(report: Mapping[str, Any]) -> Table | None:
    found = report.get("comparisons")
    if not isinstance(found, list) or not found:
        return None
    rows: list[Row] = [
        [
            one["first"],
            one["second"],
            say(one["metric"]),
            figure(one["difference"]["value"]),
            figure(one["difference"].get("low")),
            figure(one["difference"].get("high")),
            figure(one["p"]),
            str(one.get("test", "")).replace("_", " "),
            Cell(say(one["outcome"]), tone=OUTCOMES.get(one["outcome"], "muted")) if "outcome" in one else "",
        ]
        for one in found
    ]
    heads = [Column(say("model")), Column(say("against")), Column(say("metric"))]
    heads += [Column(say("difference"), number=True), Column(say("from"), number=True)]
    heads += [
        Column(say("to"), number=True),
        Column("p", number=True),
        Column(say("test")),
        Column(say("outcome")),
    ]
    return table("comparisons", say("Compared on the same items"), heads, rows)


def _gates(report: Mapping[str, Any]) -> Table | None:
    gates = report.get("gates")
    if not isinstance(gates, list) or not gates:
        return None
    tones = {"passed": "good", "warned": "warn", "failed": "bad"}
    rows: list[Row] = [
        [Cell(say(gate["outcome"]), tone=tones[gate["outcome"]], value=gate["outcome"]), gate["sentence"]]
        for gate in gates
    ]
    return table("gates", say("Gates"), [say("outcome"), say("what was measured")], rows)


def _weights(report: Mapping[str, Any]) -> Table | None:
    weights = report.get("weightiest")
    if not isinstance(weights, Mapping) or not weights:
        return None
    rows: list[Row] = [
        [label, repr(word), figure(weight)] for label, words in weights.items() for word, weight in words
    ]
    heads = [Column(say("label")), Column(say("characters")), Column(say("weight"), number=True)]
    return table("weights", say("What weighs most"), heads, rows)


def _confusions(report: Mapping[str, Any]) -> list[Markup]:
    matrices, labels = report.get("confusion"), report.get("labels")
    if not isinstance(matrices, Mapping) or not isinstance(labels, list):
        return []
    from catenary.evaluate.pictures import confusion_picture

    return [picture(confusion_picture(labels, matrix, title=model)) for model, matrix in matrices.items()]


def _cut(value: Any) -> str:
    text = told(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
