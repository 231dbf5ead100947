"""`catenary encrypt key|on|off|rotate|renew|status`"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from catenary.cli import render
from catenary.cli.options import example, file_option, json_option, open_home, print_json
from catenary.cli.watch import Bar
from catenary.messages import say
from catenary.stages.encryption import set_encryption
from catenary.store.encrypting import Change
from catenary.store.encryption import key_in, make_key


@click.group(
    "encrypt",
    help=say("Encrypt the objects at rest, rotate their keys, or see what is encrypted."),
    epilog=example(
        "catenary encrypt key object.key\nexport CATENARY_OBJECT_KEY_FILE=object.key\ncatenary encrypt on"
    ),
)
def command() -> None:
    pass


@command.command(
    "key", help=say("Write a new key into a new file; keep a copy elsewhere: without it nothing opens.")
)
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False))
def key_command(path: Path) -> None:
    make_key(path)
    click.echo(say("Written to {path}", path=path))


@command.command("on", help=say("Encrypt every object here, and those that are made from now on."))
@file_option
@json_option
def on_command(file: Path | None, as_json: bool) -> None:
    _change("on", file, as_json)


@command.command("off", help=say("Decrypt every object here; those that are made from now on are plain."))
@file_option
@json_option
def off_command(file: Path | None, as_json: bool) -> None:
    _change("off", file, as_json)


@command.command(
    "rotate", help=say("Put a new key in the place of the one that is set. No object is written anew.")
)
@click.option(
    "--to",
    "new",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help=say("The file of the new key, as `catenary encrypt key` makes it."),
)
@file_option
def rotate_command(new: Path, file: Path | None) -> None:
    with open_home(file) as store:
        set_encryption(store, "rotate", key_in(new))
    click.echo(say("The objects open with the new key alone from now on."))
    click.echo(say("Next:"))
    click.echo(f"  export CATENARY_OBJECT_KEY_FILE={new}")


@command.command(
    "renew", help=say("Encrypt every object anew, under a new data key, after a key was seen by others.")
)
@file_option
@json_option
def renew_command(file: Path | None, as_json: bool) -> None:
    _change("renew", file, as_json)


@command.command("status", help=say("Whether objects are encrypted, and how many files are."))
@file_option
@json_option
def status_command(file: Path | None, as_json: bool) -> None:
    _tell(file, as_json)


def _change(how: Change, file: Path | None, as_json: bool) -> None:
    with open_home(file) as store, Bar(render.console(stderr=True)) as progress:
        set_encryption(store, how, progress=progress)
    _tell(file, as_json)


def _tell(file: Path | None, as_json: bool) -> None:
    with open_home(file) as store:
        found = store.encryption()
        elsewhere = store.answers_elsewhere() if found is not None else 0
    if as_json:
        print_json({"on": False} if found is None else {**asdict(found), "answers_elsewhere": elsewhere})
    elif found is None:
        click.echo(say("The objects here are not encrypted."))
    else:
        click.echo(say("New objects are encrypted.") if found.on else say("New objects are not encrypted."))
        text = "{encrypted} files are encrypted, {older} under an older data key, {plain} not."
        click.echo(say(text, **asdict(found)))
        if elsewhere:
            text = "{n} answers are of releases that do not lie in this home; their texts stay as they are."
            click.echo(say(text, n=elsewhere))
        if found.older or (found.plain if found.on else found.encrypted):
            click.echo(say("Next:"))
            click.echo(f"  catenary encrypt {'on' if found.on else 'off'}")
