"""`catenary verify`"""

from __future__ import annotations

from pathlib import Path

import click

from catenary.cli import render
from catenary.cli.options import example, file_option, json_option, open_home, print_json
from catenary.cli.watch import Bar
from catenary.errors import Damaged
from catenary.messages import say


@click.command(
    "verify",
    help=say("Hash every stored file again and compare."),
    epilog=example("catenary verify"),
)
@file_option
@json_option
def command(file: Path | None, as_json: bool) -> None:
    with open_home(file) as store:
        count = len(store.artifacts())
        with Bar(render.console(stderr=True)) as progress:
            problems = [finding.text() for finding in store.verify(progress)]
    if as_json:
        print_json({"artifacts": count, "problems": problems})
    elif not problems:
        click.echo(say("{n} artifacts: every file is what was written.", n=count))
    else:
        for problem in problems:
            click.echo(problem)
    if problems:
        raise Damaged(
            "{n} problems were found in the store.",
            n=len(problems),
            next="catenary doctor",
        )
