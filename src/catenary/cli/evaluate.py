"""`catenary evaluate`"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from catenary.cli import render
from catenary.cli.model import model_folder, model_options
from catenary.cli.options import example, file_option, json_option, print_json, set_option
from catenary.messages import say


@click.command(
    "evaluate",
    help=say("Ask models a task, side by side: a YAML or Python file with items, prompt and what is right."),
    epilog=example(
        "catenary evaluate quiz.yaml base ./SmolLM2.gguf --control base --shots 5 --out report\n"
        "catenary evaluate quiz.yaml base --shots 0 --shots 1 --shots 4 --out curve\n"
        "catenary evaluate translate.yaml mt --limit 100 --json"
    ),
)
@click.argument("task_file", type=click.Path(path_type=Path))
@click.argument("models", nargs=-1, required=True)
@click.option("--control", help=say("The model that the others are compared with."))
@click.option(
    "--shots",
    type=click.IntRange(0),
    multiple=True,
    help=say("So many examples before each question; given several times: a curve."),
)
@click.option("--seed", type=int, help=say("Draws the examples and the bootstrap."))
@click.option("--limit", type=click.IntRange(1), help=say("The first so many items."))
@click.option(
    "--dtype",
    type=click.Choice(["float32", "bfloat16"]),
    default="float32",
    help=say("Numbers that likelihoods are computed in."),
)
@click.option("--out", type=click.Path(path_type=Path), help=say("A folder for the report and the answers."))
@model_options
@file_option
@set_option
@json_option
def command(
    task_file: Path,
    models: tuple[str, ...],
    control: str | None,
    shots: tuple[int, ...],
    seed: int | None,
    limit: int | None,
    dtype: str,
    out: Path | None,
    engine: Any,
    threads: int | None,
    file: Path | None,
    overrides: tuple[str, ...],
    as_json: bool,
) -> None:
    from catenary.evaluate import verdict
    from catenary.evaluate.answers_file import write_answers
    from catenary.evaluate.ask import ask
    from catenary.evaluate.candidate import candidate_of
    from catenary.evaluate.task import read_task
    from catenary.evaluate.wording import interval, metric_title

    task = read_task(task_file, shots=shots[0] if shots else None, seed=seed, limit=limit)
    candidates = {
        name: candidate_of(model_folder(name, file, overrides), engine=engine, threads=threads, dtype=dtype)
        for name in models
    }
    if len(set(shots)) > 1:
        _curve(task, candidates, shots, control, out, as_json)
        return
    asked = ask(task, candidates, control=control, seed=task.seed)
    report = asked.report
    if out is not None:
        asked.write(out, task.name)
        write_answers(out / "answers.jsonl", asked)
    if as_json:
        print_json(
            {
                "task": task.name,
                "items": len(task.items),
                "shots": task.shots,
                "metrics": {name: asdict(one) for name, one in report.figures().items()},
                "comparisons": [{**asdict(one), "outcome": one.outcome} for one in report.comparisons],
            }
        )
        return
    metrics = list(report.models[0].metrics)
    table = render.table(say("model"), *(metric_title(metric) for metric in metrics))
    for model in report.models:
        table.add_row(model.name, *(interval(model.metrics[metric]) for metric in metrics))
    render.console().print(table)
    for comparison in report.comparisons:
        click.echo(verdict(comparison))
    if out is not None:
        click.echo(say("Report: {path}", path=out))


def _curve(
    task: Any,
    candidates: Mapping[str, Any],
    shots: tuple[int, ...],
    control: str | None,
    out: Path | None,
    as_json: bool,
) -> None:
    from catenary.evaluate.few_shot import few_shot, write_few_shot
    from catenary.evaluate.wording import interval, metric_title

    curve = few_shot(task, candidates, shots, control=control, seed=task.seed)
    if out is not None:
        write_few_shot(out, curve, title=task.name)
    if as_json:
        print_json(
            {
                "task": task.name,
                "items": len(task.items),
                "shots": {
                    str(count): {name: asdict(one) for name, one in asked.report.figures().items()}
                    for count, asked in curve.items()
                },
            }
        )
        return
    metrics = list(next(iter(curve.values())).report.models[0].metrics)
    table = render.table(say("model"), say("examples"), *(metric_title(metric) for metric in metrics))
    for name in candidates:
        for count, asked in curve.items():
            table.add_row(name, f"{count:,}", *(interval(asked.figures[name][metric]) for metric in metrics))
    render.console().print(table)
    if out is not None:
        click.echo(say("Report: {path}", path=out))
