"""`catenary move`"""

from __future__ import annotations

from pathlib import Path

import click

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
from catenary.cli.releases import made_release
from catenary.messages import say
from catenary.stages.lifecycle import move
from catenary.stages.mlflow_registry import report
from catenary.store.releases import STATES


@click.command(
    "move",
    help=say(
        "Move a release: dev, staging, production, withdrawn. Only what is signed goes into production; what is "
        "withdrawn answers no more, at once and for good."
    ),
    epilog=example(
        "catenary move sentiment staging\ncatenary move sentiment production\n"
        "catenary move sentiment withdrawn --why 'wrong licence'"
    ),
)
@click.argument("release")
@click.argument("state", type=click.Choice(STATES))
@click.option("--why", default="", help=say("Why it is moved."))
@file_option
@set_option
@json_option
def command(
    release: str, state: str, why: str, file: Path | None, overrides: tuple[str, ...], as_json: bool
) -> None:
    chain = load_chain(file, overrides)
    with open_store(chain) as store:
        artifact = made_release(chain, store, release)
        before = move(store, artifact, state, why=why)
        told = report(store, artifact)
    if as_json:
        print_json({"release": artifact.id, "from": before, "to": state})
    else:
        click.echo(
            say(
                "Moved {release} from {before} to {state}.",
                release=render.short(artifact.id),
                before=before,
                state=state,
            )
        )
    if told:
        click.echo(told, err=True)
