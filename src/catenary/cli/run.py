"""`catenary run`"""

from __future__ import annotations

from pathlib import Path

import click

from catenary.chain.plan import plan
from catenary.chain.run import Outcome, run
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
from catenary.cli.summary import closing_tables, next_commands
from catenary.cli.watch import Watch
from catenary.memory import peak_bytes
from catenary.messages import say
from catenary.stages.mlflow_registry import report


@click.command(
    "run",
    help=say("Make the chain true: run what is not there yet, reuse the rest."),
    epilog=example("catenary run\ncatenary run models.base\ncatenary run --set models.base.steps=200"),
)
@click.argument("links", nargs=-1)
@file_option
@set_option
@json_option
def command(links: tuple[str, ...], file: Path | None, overrides: tuple[str, ...], as_json: bool) -> None:
    chain = load_chain(file, overrides)
    console = render.console(stderr=as_json)
    with open_store(chain) as store:
        planned = plan(chain, store)
        with Watch(console) as watch:
            outcomes = run(planned, store, watch, only=links or None)
        made = [one.artifact for one in outcomes if not one.reused and one.artifact.kind == "release"]
        for told in filter(None, (report(store, release) for release in made)):
            click.echo(told, err=True)
        if as_json:
            print_json(as_data(outcomes))
            return
        if all(outcome.reused for outcome in outcomes):
            console.print(say("Everything was made before; nothing ran."))
        else:
            for table in closing_tables(outcomes):
                console.print(table)
            console.print(
                say(
                    "{time} in all, at most {memory} of memory.",
                    time=render.duration(sum(outcome.seconds for outcome in outcomes)),
                    memory=render.size(peak_bytes()),
                )
            )
        console.print(say("Next:"))
        for line in next_commands(chain, store, outcomes, overrides):
            console.print(f"  {line}", markup=False, soft_wrap=True)


def as_data(outcomes: list[Outcome]) -> dict[str, object]:
    """The outcome for machines."""
    return {
        "links": [
            {
                "link": outcome.step.link.full_name,
                "id": outcome.artifact.id,
                "reused": outcome.reused,
                "seconds": round(outcome.seconds, 3),
                "report": outcome.artifact.manifest.report,
            }
            for outcome in outcomes
        ],
        "peak_memory_bytes": peak_bytes(),
    }
