"""`catenary signers`"""

from __future__ import annotations

from pathlib import Path

import click

from catenary.access import known_keys, local_person, recording, require, revoke_key
from catenary.cli import render
from catenary.cli.options import example, file_option, json_option, open_home, print_json
from catenary.messages import say


@click.command(
    "signers",
    help=say("Show the people's public keys; revoke one: what it signed counts no more."),
    epilog=example("catenary signers\ncatenary signers --revoke 5be1… --why 'laptop lost'"),
)
@click.option("--revoke", "key_id", default=None, help=say("The id of the key, or how it begins."))
@click.option("--why", default="", help=say("Why it is revoked."))
@file_option
@json_option
def command(key_id: str | None, why: str, file: Path | None, as_json: bool) -> None:
    me = local_person()
    with open_home(file) as store:
        if key_id:
            with recording(store.engine, store.home) as log:
                require(log.connection, me, "revoke")
                found = [key.id for key in known_keys(log.connection) if key.id.startswith(key_id)]
                revoke_key(log, found[0] if len(found) == 1 else key_id, by=me, why=why)
        with store.reading() as connection:
            keys = known_keys(connection)
    if as_json:
        print_json(
            {
                "keys": [
                    {"id": key.id, "person": key.person, "revoked": key.revoked_at is not None}
                    for key in keys
                ]
            }
        )
        return
    table = render.table(say("key"), say("person"), say("made"), say("revoked"))
    for key in keys:
        gone = f"{key.revoked_at:%Y-%m-%d} {key.revoked_why or ''}" if key.revoked_at else ""
        table.add_row(key.id[:12], key.person, f"{key.made_at:%Y-%m-%d}", gone)
    render.console().print(table)
