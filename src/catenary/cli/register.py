"""`catenary register`"""

from __future__ import annotations

from pathlib import Path

import click

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
from catenary.stages.mlflow_registry import registered


@click.command(
    "register",
    help=say(
        "Put releases into an MLflow model registry, or bring them up to where they stand now: files, digests, gates, "
        "signers, licences; `staging` and `production` as aliases. MLFLOW_TRACKING_URI says where."
    ),
    epilog=example(
        "export MLFLOW_TRACKING_URI=http://localhost:5000\ncatenary register sentiment\n"
        "CATENARY_REPORT_TO=mlflow catenary move sentiment production"
    ),
)
@click.argument("releases", nargs=-1)
@file_option
@set_option
@json_option
def command(releases: tuple[str, ...], file: Path | None, overrides: tuple[str, ...], as_json: bool) -> None:
    chain = load_chain(file, overrides)
    done = []
    with open_store(chain) as store:
        wanted = (
            [made_release(chain, store, name) for name in releases]
            if releases
            else [store.opened(row) for row in store.artifacts("release")]
        )
        for release in wanted:
            name, version = registered(store, release)
            done.append({"release": release.id, "name": name, "version": version})
            if not as_json:
                click.echo(
                    say("Registered in MLflow as {name}, version {version}.", name=name, version=version)
                )
    if as_json:
        print_json({"registered": done})
    elif not done:
        click.echo(say("There is no release yet."))
