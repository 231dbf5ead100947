"""`catenary gc`"""

from __future__ import annotations

from pathlib import Path

import click

from catenary.chain.plan import plan
from catenary.cli import render
from catenary.cli.options import example, file_option, json_option, load_chain, open_store, print_json
from catenary.messages import say


@click.command(
    "gc",
    help=say(
        "Remove artifacts that nothing needs any more: no link of a chain, no release that was signed or has answered, "
        "and nothing that those were made from."
    ),
    epilog=example("catenary gc --dry-run\ncatenary gc"),
)
@click.option("--dry-run", is_flag=True, help=say("Only say what would be removed."))
@file_option
@json_option
def command(dry_run: bool, file: Path | None, as_json: bool) -> None:
    chain = load_chain(file)
    with open_store(chain) as store:
        keep = {step.id for step in plan(chain, store).steps}
        garbage = store.gc(keep, dry_run=dry_run)
    removed = [*(row.id for row in garbage.artifacts), *garbage.work]
    freed = garbage.bytes
    if as_json:
        print_json({"removed": removed, "bytes": freed, "dry_run": dry_run})
        return
    for id in removed:
        click.echo(render.short(id))
    text = "{n} artifacts would be removed, {size}." if dry_run else "{n} artifacts were removed, {size}."
    click.echo(say(text, n=len(removed), size=render.size(freed)))
