"""`catenary status`"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from catenary.chain.plan import Planned, plan
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
from catenary.store import RunRow, Store


@click.command(
    "status",
    help=say("Show every link of the chain and where it stands."),
    epilog=example("catenary status\ncatenary status --json"),
)
@file_option
@set_option
@json_option
def command(file: Path | None, overrides: tuple[str, ...], as_json: bool) -> None:
    chain = load_chain(file, overrides)
    with open_store(chain) as store:
        steps = plan(chain, store).steps
        newest: dict[str, RunRow] = {}
        for row in store.runs(chain=chain.project.name):
            newest.setdefault(row.link, row)
        endpoints = {
            name: _standing(
                store, next(step for step in steps if step.link.full_name == f"releases.{served.release}")
            )
            for name, served in chain.serve.endpoints.items()
        }
    if as_json:
        print_json(
            {
                "project": chain.project.name,
                "links": [_as_data(step, newest.get(step.link.full_name)) for step in steps],
                "endpoints": endpoints,
            }
        )
        return
    table = render.table(
        say("link"), say("stage"), say("artifact"), say("state"), say("last run"), say("time"), right=(5,)
    )
    for step in steps:
        run = newest.get(step.link.full_name)
        table.add_row(
            step.link.full_name,
            step.link.stage.name,
            render.short(step.id),
            _state(step, run),
            f"{run.started_at:%Y-%m-%d %H:%M}" if run else "",
            render.duration(run.seconds) if run and run.seconds is not None else "",
        )
    console = render.console()
    console.print(table)
    for name, standing in endpoints.items():
        console.print(f"{say('endpoint')} {name}: {standing}")


def _state(step: Planned, run: RunRow | None) -> str:
    if run and run.outcome is None and run.artifact_id == step.id:
        return f"[cyan]{say('running')}[/] (pid {run.pid})"
    if step.reused:
        return f"[green]{say('made')}[/]"
    if run and run.outcome in ("failed", "interrupted", "lost"):
        return f"[red]{say(run.outcome)}[/]"
    return f"[yellow]{say('to run')}[/]"


def _as_data(step: Planned, run: RunRow | None) -> dict[str, Any]:
    return {
        "link": step.link.full_name,
        "stage": step.link.stage.name,
        "id": step.id,
        "made": step.reused,
        "last_run": run
        and {
            "id": run.id,
            "artifact": run.artifact_id,
            "started_at": run.started_at,
            "outcome": run.outcome,
            "seconds": run.seconds,
            "error": run.error,
        },
    }


def _standing(store: Store, step: Planned) -> str:
    if not step.reused:
        return say("the release is not made yet")
    from catenary.stages.standing import standing

    return standing(store, store.get(step.id)).sentence
