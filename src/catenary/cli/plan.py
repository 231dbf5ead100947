"""`catenary plan`"""

from __future__ import annotations

from pathlib import Path

import click

from catenary.chain.plan import Plan, plan
from catenary.cli import render
from catenary.cli.options import (
    example,
    file_option,
    json_option,
    load_chain,
    open_store,
    print_json,
    set_option,
)
from catenary.messages import say


@click.command(
    "plan",
    help=say("Show what would run, what is reused, and the time, memory and disk it takes."),
    epilog=example("catenary plan --measure\ncatenary plan --set models.base.steps=200 --json"),
)
@file_option
@set_option
@click.option(
    "--measure",
    is_flag=True,
    help=say(
        "Try out the models that would be trained, for estimates of this machine (once, some seconds each)."
    ),
)
@json_option
def command(file: Path | None, overrides: tuple[str, ...], measure: bool, as_json: bool) -> None:
    chain = load_chain(file, overrides)
    with open_store(chain) as store:
        planned = plan(chain, store, measure=measure)
    if as_json:
        print_json(as_data(planned))
        return
    table = render.table(
        say("link"),
        say("stage"),
        say("artifact"),
        say("what"),
        say("time"),
        say("memory"),
        say("disk"),
        right=(4, 5, 6),
    )
    for step in planned.steps:
        estimate = step.estimate
        table.add_row(
            step.link.full_name,
            step.link.stage.name,
            render.short(step.id),
            f"[green]{say('reuse')}[/]" if step.reused else f"[yellow]{say('run')}[/]  {step.reason}",
            "" if step.reused else f"~{render.duration(estimate.seconds)}",
            "" if step.reused else f"~{render.size(estimate.memory_bytes)}",
            render.size(estimate.disk_bytes),
        )
    console = render.console()
    console.print(table)
    to_run = planned.to_run
    if not to_run:
        console.print(say("Everything is made; nothing would run."))
        return
    console.print(
        say(
            "{n} of {total} links would run, about {time}, at most {memory} of memory.",
            n=len(to_run),
            total=len(planned.steps),
            time=render.duration(sum(step.estimate.seconds for step in to_run)),
            memory=render.size(max(step.estimate.memory_bytes for step in to_run)),
        )
    )


def as_data(planned: Plan) -> dict[str, object]:
    """The plan for machines."""
    return {
        "project": planned.chain.project.name,
        "links": [
            {
                "link": step.link.full_name,
                "stage": step.link.stage.name,
                "id": step.id,
                "reused": step.reused,
                "reason": step.reason,
                "inputs": dict(step.inputs),
                "seconds": step.estimate.seconds,
                "memory_bytes": step.estimate.memory_bytes,
                "disk_bytes": step.estimate.disk_bytes,
            }
            for step in planned.steps
        ],
    }
