"""`catenary doctor`"""

from __future__ import annotations

from pathlib import Path

import click

from catenary.cli.options import example, file_option, json_option, open_home, print_json
from catenary.messages import say
from catenary.store import Store


def put_damaged_away(store: Store) -> list[str]:
    """Artifacts whose bytes are not what was written are removed, so that the next run makes them again.

    Not so a signed release: it is evidence, and is only told.
    """
    about = {finding.about for finding in store.verify() if finding.about}
    told = []
    for row in store.artifacts():
        if not any(row.id.startswith(one) for one in about):
            continue
        if store.sign_offs(row.id):
            told.append(say("{id}: a signed release is damaged; it is left as it is.", id=row.id[:12]))
        else:
            store.discard(row.id)
            told.append(
                say("{id}: damaged; its files are removed, and the next run makes it again.", id=row.id[:12])
            )
    return told


@click.command(
    "doctor",
    help=say("Repair what a crash left behind, and say what was done."),
    epilog=example("catenary doctor"),
)
@file_option
@json_option
def command(file: Path | None, as_json: bool) -> None:
    with open_home(file) as store:
        actions = [finding.text() for finding in store.doctor()]
        actions += put_damaged_away(store)
    if as_json:
        print_json({"actions": actions})
        return
    for action in actions:
        click.echo(action)
    click.echo(say("{n} repairs.", n=len(actions)) if actions else say("Nothing needed repair."))
