"""`catenary roles`"""

from __future__ import annotations

from pathlib import Path

import click

from catenary.access import (
    ROLES,
    claim,
    grant,
    grants,
    local_person,
    recording,
    require,
    revoke_role,
    single_user,
)
from catenary.cli import render
from catenary.cli.options import example, file_option, json_option, open_home, print_json
from catenary.messages import say


@click.command(
    "roles",
    help=say("Show who holds which roles; give or take one."),
    epilog=example(
        "catenary roles\ncatenary roles --grant ada compliance\ncatenary roles --revoke ada compliance"
    ),
)
@click.option(
    "--grant", "given", nargs=2, type=str, default=None, metavar="PERSON ROLE", help=say("Give a role.")
)
@click.option(
    "--revoke", "taken", nargs=2, type=str, default=None, metavar="PERSON ROLE", help=say("Take a role.")
)
@file_option
@json_option
def command(
    given: tuple[str, str] | None, taken: tuple[str, str] | None, file: Path | None, as_json: bool
) -> None:
    me = local_person()
    with open_home(file) as store:
        if given or taken:
            with recording(store.engine, store.home) as log:
                claim(log, me)
                require(log.connection, me, "grant")
                if given:
                    grant(log, *given, by=me)
                if taken:
                    revoke_role(log, *taken, by=me)
        with store.reading() as connection:
            held = [(row.person, row.role) for row in grants(connection)]
            alone = single_user(connection)
    if as_json:
        print_json({"roles": list(ROLES), "held": held, "single_user": alone})
        return
    table = render.table(say("role"), say("held by"), say("signs that"))
    for role in ROLES.values():
        people = ", ".join(person for person, name in held if name == role.name)
        table.add_row(f"{role.name} [dim]{say(role.title)}[/]", people, say(role.attests))
    console = render.console()
    console.print(table)
    if alone:
        console.print(
            say("Single-user mode: {person} holds every role, so duties are not kept apart.", person=alone)
        )
    if not held:
        console.print(say("Nobody holds a role yet: the first who signs or grants holds them all."))
