"""`catenary check`"""

from __future__ import annotations

from pathlib import Path

import click

from catenary.cli.options import example, file_option, json_option, load_chain, print_json, set_option
from catenary.messages import say


@click.command(
    "check",
    help=say("Check the chain file; name every mistake's line, key and nearest name."),
    epilog=example("catenary check\ncatenary check -f examples/reviews --set models.base.steps=200"),
)
@file_option
@set_option
@json_option
def command(file: Path | None, overrides: tuple[str, ...], as_json: bool) -> None:
    chain = load_chain(file, overrides)
    if chain.apps:
        from catenary.applications import read_files

        for app in chain.apps.values():
            read_files(chain, app)
    if as_json:
        print_json({"ok": True, "links": [link.full_name for link in chain.links]})
    else:
        click.echo(say("{file}: {n} links, no mistakes", file=chain.path.name, n=len(chain.links)))
