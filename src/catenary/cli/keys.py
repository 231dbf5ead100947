"""`catenary keys`"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from catenary.access import (
    api_key_rows,
    claim,
    local_person,
    make_api_key,
    recording,
    require,
    revoke_api_key,
)
from catenary.access.api_keys import CALLER
from catenary.cli import render
from catenary.cli.options import example, file_option, json_option, open_home, print_json
from catenary.messages import say


@click.command(
    "keys",
    help=say("Show the keys of the served API; make or revoke one."),
    epilog=example(
        'catenary keys\ncatenary keys --make "web shop" --rate 60 --budget 200000 --days 90\n'
        "catenary keys --revoke 6f3a91c2"
    ),
)
@click.option(
    "--make", "name", metavar="NAME", help=say("Make a key of this name; its secret is shown once.")
)
@click.option("--role", default=CALLER, help=say("What it may see: caller, or one of the roles."))
@click.option("--model", "models", multiple=True, help=say("Endpoints that it may ask; all where left out."))
@click.option("--rate", type=click.IntRange(1), help=say("Requests a minute."))
@click.option("--budget", type=click.IntRange(1), help=say("Tokens a day."))
@click.option("--plan", default="standard", help=say("The plan of prices."))
@click.option("--days", type=click.IntRange(1), help=say("Days until it expires."))
@click.option("--no-texts", is_flag=True, help=say("Keep no text of what it asks and is answered."))
@click.option("--revoke", "revoked", metavar="ID", help=say("Let a key be used no more."))
@file_option
@json_option
def command(
    name: str | None,
    role: str,
    models: tuple[str, ...],
    rate: int | None,
    budget: int | None,
    plan: str,
    days: int | None,
    no_texts: bool,
    revoked: str | None,
    file: Path | None,
    as_json: bool,
) -> None:
    me = local_person()
    secret, made = None, None
    with open_home(file) as store:
        if name is not None or revoked is not None:
            with recording(store.engine, store.home) as log:
                claim(log, me)
                if name is not None:
                    # A key with a role does what the role may: who may only serve makes keys that ask.
                    require(log.connection, me, "serve" if role == CALLER else "grant")
                    made, secret = make_api_key(
                        log,
                        name=name,
                        by=me,
                        role=role,
                        models=models or None,
                        requests_per_minute=rate,
                        tokens_per_day=budget,
                        plan=plan,
                        keep_texts=not no_texts,
                        expires_at=None if days is None else datetime.now(UTC) + timedelta(days=days),
                    )
                if revoked is not None:
                    require(log.connection, me, "serve")
                    revoke_api_key(log, revoked, by=me)
        with store.reading() as connection:
            keys = api_key_rows(connection)
    if as_json:
        shown = [
            {
                "id": key.id,
                "name": key.name,
                "role": key.role,
                "models": key.models,
                "requests_per_minute": key.requests_per_minute,
                "tokens_per_day": key.tokens_per_day,
                "plan": key.plan,
                "keep_texts": key.keep_texts,
                "expires_at": key.expires_at,
                "revoked_at": key.revoked_at,
            }
            for key in keys
        ]
        print_json({"keys": shown, "made": None if made is None else made.id, "secret": secret})
        return
    now = datetime.now(UTC)
    table = render.table(
        "id",
        say("name"),
        say("role"),
        say("models"),
        say("a minute"),
        say("tokens a day"),
        say("plan"),
        say("until"),
    )
    for key in keys:
        until = (
            say("revoked")
            if key.revoked_at
            else ""
            if key.expires_at is None
            else f"{key.expires_at:%Y-%m-%d}"
        )
        style = None if key.stands(now) else "dim"
        cells = (
            key.id,
            key.name,
            key.role,
            ", ".join(key.models or ("*",)),
            str(key.requests_per_minute or ""),
            str(key.tokens_per_day or ""),
            key.plan,
            until,
        )
        table.add_row(*cells, style=style)
    render.console().print(table)
    if secret is not None:
        click.echo(say("The new key, shown this once:"))
        click.echo(secret)
