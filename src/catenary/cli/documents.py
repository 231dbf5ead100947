"""`catenary documents`"""

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
from catenary.files import write_whole
from catenary.messages import say
from catenary.stages.documents import documents_of


@click.command(
    "documents",
    help=say(
        "Write a release's model card, data card, bill of materials (CycloneDX), EU training summary, Annex XI draft "
        "and filing tables: from its manifests alone, the same bytes each time."
    ),
    epilog=example("catenary documents sentiment --to dossier"),
)
@click.argument("release")
@click.option(
    "--to", "folder", type=click.Path(path_type=Path), default=None, help=say("The folder to write into.")
)
@file_option
@set_option
@json_option
def command(
    release: str, folder: Path | None, file: Path | None, overrides: tuple[str, ...], as_json: bool
) -> None:
    chain = load_chain(file, overrides)
    with open_store(chain) as store:
        artifact = made_release(chain, store, release)
        made = documents_of(store, artifact)
    target = folder or Path(f"{release}-documents")
    target.mkdir(parents=True, exist_ok=True)
    for name, text in made.items():
        write_whole(target / name, text.encode("utf-8"))
    if as_json:
        print_json({"folder": str(target), "files": list(made)})
    else:
        click.echo(say("{n} documents written to {folder}.", n=len(made), folder=target))
