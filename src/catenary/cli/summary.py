"""The tables at the end of a run, read from the artifacts' reports."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

from rich.table import Table

from catenary.chain.run import Outcome
from catenary.chain.spec import Chain
from catenary.cli import render
from catenary.cli.watch import headline
from catenary.messages import say
from catenary.store import Store


def closing_tables(outcomes: Sequence[Outcome]) -> list[Table]:
    """What became of the documents, the models, the comparison and the release; then every link."""
    made: list[Table] = []
    for outcome in outcomes:
        report = outcome.artifact.manifest.report
        name = outcome.step.link.full_name
        if outcome.artifact.kind == "dataset":
            made.append(_documents(name, report))
        elif outcome.artifact.kind == "evaluation":
            made.append(_evaluation(name, report))
        elif outcome.artifact.kind == "release":
            made.append(_gates(name, report))
    made.append(_links(outcomes))
    return made


def _documents(name: str, report: dict[str, Any] | Any) -> Table:
    table = render.table(say("documents of {name}", name=name), say("count"), right=(1,))
    table.add_row(say("read"), render.number(report["documents"]))
    for reason, count in sorted(report["dropped"].items(), key=lambda item: -item[1]):
        table.add_row(f"  {say('dropped')}: {reason}", render.number(count))
    table.add_row(say("kept"), render.number(report["kept"]))
    for split, count in report["splits"].items():
        table.add_row(f"  {split}", render.number(count))
    return table


def _evaluation(name: str, report: dict[str, Any] | Any) -> Table:
    metrics = report["metrics"]
    names = list(dict.fromkeys(metric for figures in metrics.values() for metric in figures))
    table = render.table(name, *names, say("against the control"), right=tuple(range(1, len(names) + 1)))
    from catenary.evaluate import verdict
    from catenary.evaluate.estimate import Estimate
    from catenary.evaluate.paired import Comparison

    verdicts: dict[str, str] = {}
    for row in report["comparisons"]:
        fields = {
            name: value for name, value in row.items() if name not in ("outcome", "verdict", "difference")
        }
        told = verdict(Comparison(**fields, difference=Estimate(**row["difference"])))
        verdicts.setdefault(row["first"], told)  # the first metric's
    for model, figures in metrics.items():
        cells = [
            f"{figures[metric]['value']:.4f} [dim]{figures[metric]['low']:.3f}–{figures[metric]['high']:.3f}[/]"
            if metric in figures
            else ""
            for metric in names
        ]
        table.add_row(
            model, *cells, verdicts.get(model, say("control") if model == report.get("control") else "")
        )
    return table


def _gates(name: str, report: dict[str, Any] | Any) -> Table:
    table = render.table(name, say("gate"))
    marks = {"passed": "green", "warned": "yellow", "failed": "red"}
    for gate in report["gates"]:
        table.add_row(f"[{marks[gate['outcome']]}]{say(gate['outcome'])}[/]", gate["sentence"])
    for file, size in report["sizes"].items():
        table.add_row(say("size"), f"{file}  {render.size(size)}")
    return table


def _links(outcomes: Sequence[Outcome]) -> Table:
    table = render.table(say("link"), say("artifact"), say("time"), say("size"), say("result"), right=(2, 3))
    for outcome in outcomes:
        table.add_row(
            outcome.step.link.full_name,
            render.short(outcome.artifact.id),
            say("reused") if outcome.reused else render.duration(outcome.seconds),
            render.size(outcome.artifact.manifest.size),
            headline(outcome.artifact),
        )
    return table


def next_commands(
    chain: Chain, store: Store, outcomes: Sequence[Outcome], overrides: Sequence[str] = ()
) -> list[str]:
    """What to type now: sign what waits for it, ask, serve; or look at what was made. `overrides` go along."""
    from catenary.stages.standing import standing

    same = "".join(f" --set {shlex.quote(value)}" for value in overrides)
    commands: list[str] = []
    for outcome in outcomes:
        if outcome.artifact.kind == "release":
            where = standing(store, outcome.artifact)
            name = outcome.step.link.name
            commands += [f"catenary sign {name} --as {role}{same}" for role in where.missing_roles]
            if where.failed:
                commands.append(f"catenary show releases.{name}{same}")
    for endpoint in chain.serve.endpoints:
        commands += [f"catenary ask {endpoint} '…'{same}", "catenary trace --last"]
    if chain.serve.endpoints:
        commands.append(f"catenary serve{same}")
    return commands or [
        f"catenary status{same}",
        f"catenary show {outcomes[-1].step.link.full_name}{same}",
    ]
