"""`catenary sign`"""

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
from catenary.errors import InvalidInput
from catenary.messages import say
from catenary.stages.mlflow_registry import report
from catenary.stages.standing import sign, standing, take_back


@click.command(
    "sign",
    help=say(
        "Sign a release off in a role. The signature is over the digests of the release, its model, its data and the "
        "gates' evidence as they are now; any change voids it."
    ),
    epilog=example(
        "catenary sign sentiment --as compliance\ncatenary sign sentiment --as data_engineer --as compliance"
    ),
)
@click.argument("release")
@click.option(
    "--as",
    "roles",
    multiple=True,
    metavar="ROLE",
    help=say("The role to sign in; repeat for several."),
)
@click.option(
    "--days",
    type=float,
    default=None,
    help=say("For how many days the sign-off counts; for good without it."),
)
@click.option(
    "--revoke", "number", type=int, default=None, help=say("Take the sign-off with this number back instead.")
)
@click.option("--why", default="", help=say("Why it is taken back."))
@file_option
@set_option
@json_option
def command(
    release: str,
    roles: tuple[str, ...],
    days: float | None,
    number: int | None,
    why: str,
    file: Path | None,
    overrides: tuple[str, ...],
    as_json: bool,
) -> None:
    if bool(roles) == (number is not None):
        raise InvalidInput("Say `--as` a role, or `--revoke` a number.", next="catenary sign --help")
    chain = load_chain(file, overrides)
    with open_store(chain) as store:
        artifact = made_release(chain, store, release)
        if number is not None:
            take_back(store, number, why=why)
        after = standing(store, artifact)
        for role in roles:
            after = sign(store, artifact, role, days=days)
            if not as_json:
                click.echo(say("Signed {release} as {role}.", release=render.short(artifact.id), role=role))
        told = report(store, artifact)
    if as_json:
        print_json({"release": artifact.id, "released": after.released, "missing": after.approval.missing})
    else:
        click.echo(after.sentence)
    if told:
        click.echo(told, err=True)
