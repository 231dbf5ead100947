"""`catenary held list | show | approve | edit | refuse`"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from catenary.cli import render
from catenary.cli.options import example, file_option, json_option, open_home, print_json
from catenary.errors import InvalidInput
from catenary.messages import say
from catenary.stages.held import Choice, decide, held_named
from catenary.store.receipts import question_of

if TYPE_CHECKING:
    from catenary.store.held import Held


@click.group(
    "held",
    help=say(
        "Answers that wait for a person (`sign_off:` of an application): see, approve, edit or refuse them."
    ),
    epilog=example(
        "catenary held list\ncatenary held show rcpt_5be1\ncatenary held approve rcpt_5be1\n"
        "catenary held edit rcpt_5be1 --text 'Two a day.' --why 'the dose was wrong'\n"
        "catenary held refuse rcpt_5be1 --why 'ask your doctor'"
    ),
)
def command() -> None:
    """The group."""


@command.command("list", help=say("What waits, longest first."))
@click.option("--all", "everything", is_flag=True, help=say("What was decided, too."))
@file_option
@json_option
def list_command(everything: bool, file: Path | None, as_json: bool) -> None:
    with open_home(file) as store:
        found = store.held_answers(waiting=not everything)
        asked = {one.receipt_id: question_of(store.receipt(one.receipt_id).body) for one in found}
    if as_json:
        print_json([{**asdict(one), "asked": asked[one.receipt_id]} for one in found])
        return
    table = render.table(
        say("receipt"), say("at (UTC)"), say("application"), say("role"), say("question"), say("decision")
    )
    for one in found:
        question = asked[one.receipt_id] or say("not kept")
        table.add_row(
            one.receipt_id[:17], f"{one.at:%Y-%m-%d %H:%M}", one.app, one.role, question, _decision(one)
        )
    render.console().print(table)


@command.command("show", help=say("What was asked, and the draft of its answer."))
@click.argument("receipt")
@file_option
@json_option
def show_command(receipt: str, file: Path | None, as_json: bool) -> None:
    with open_home(file) as store:
        held = held_named(store, receipt)
        body = store.receipt(held.receipt_id).body
    if as_json:
        print_json({**asdict(held), "asked": question_of(body)})
        return
    click.echo(f"{held.receipt_id}  {held.app}  {_decision(held)}")
    if held.why:
        click.echo(held.why)
    for title, text in (
        (say("question"), question_of(body)),
        (say("draft"), None if held.draft is None else held.draft["text"]),
        (say("answer"), None if held.person is None else body["answers"][0]["text"]),
    ):
        if text is not None or title == say("draft"):
            click.echo(f"\n{title}:\n{say('not kept') if text is None else text}")


@command.command("approve", help=say("Sign the answer as it stands."))
@click.argument("receipt")
@click.option("--why", default="", help=say("A word on it, which whoever asked will read."))
@file_option
def approve_command(receipt: str, why: str, file: Path | None) -> None:
    _decide(receipt, "approved", why, None, file)


@command.command("edit", help=say("Sign another text in its place."))
@click.argument("receipt")
@click.option("--text", default=None, help=say("The text."))
@click.option(
    "--from",
    "source",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    default=None,
    help=say("A file with the text."),
)
@click.option("--why", required=True, help=say("Why it is changed; whoever asked will read it."))
@file_option
def edit_command(receipt: str, text: str | None, source: Path | None, why: str, file: Path | None) -> None:
    if (text is None) == (source is None):
        raise InvalidInput("What is the text?", expected="`--text '…'`, or `--from FILE`")
    _decide(receipt, "edited", why, text if source is None else source.read_text("utf-8").rstrip("\n"), file)


@command.command("refuse", help=say("Sign that the answer is not given."))
@click.argument("receipt")
@click.option("--why", required=True, help=say("Why it is not given; whoever asked will read it."))
@file_option
def refuse_command(receipt: str, why: str, file: Path | None) -> None:
    _decide(receipt, "refused", why, None, file)


def _decide(receipt: str, choice: Choice, why: str, text: str | None, file: Path | None) -> None:
    with open_home(file) as store:
        found = decide(store, held_named(store, receipt).receipt_id, choice, why=why, text=text)
    signed = found.body["made"]["sign_off"]
    text = "{receipt}: {decision} by {person} as {role}."
    click.echo(
        say(
            text,
            receipt=found.id[:17],
            decision=say(choice),
            person=signed["person"],
            role=signed["role"],
        )
    )


def _decision(held: Held) -> str:
    if held.decision is None:
        return say("waits for {role}", role=held.role)
    return say(held.decision) + (f" ({held.person})" if held.person else "")
