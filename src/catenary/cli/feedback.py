"""`catenary feedback correct | list | accept | reject | export`"""

from __future__ import annotations

import json
import re
from pathlib import Path

import click

from catenary.cli import render
from catenary.cli.options import example, file_option, json_option, open_home, print_json
from catenary.errors import InvalidInput, NotFound
from catenary.files import write_whole
from catenary.messages import say


@click.group(
    "feedback",
    help=say("Review what users said of answers, and make a dataset of what people accepted."),
    epilog=example(
        "catenary feedback correct --last 'Use water of 80 degrees.' --licence CC0-1.0\n"
        "catenary feedback list\ncatenary feedback accept 3 --by ann\ncatenary feedback export corrections"
    ),
)
def command() -> None:
    """The group."""


@command.command(
    "correct",
    help=say("Say what an answer should have been; it comes into a dataset once somebody accepts it."),
    epilog=example("catenary feedback correct --last 'Use water of 80 degrees.' --licence CC0-1.0"),
)
@click.argument("words", nargs=-1, required=True, metavar="[RECEIPT] ANSWER")
@click.option("--last", is_flag=True, help=say("The newest answer."))
@click.option("--licence", required=True, help=say("The licence of what you write (SPDX)."))
@click.option(
    "--consent",
    type=click.Choice(["training", "evaluation"]),
    default="training",
    help=say("What it may be used for."),
)
@file_option
def correct_command(
    words: tuple[str, ...], last: bool, licence: str, consent: str, file: Path | None
) -> None:
    if len(words) != 2 - last:
        raise InvalidInput(
            "Which answer is corrected, and what should it have been?",
            got=" ".join(words),
            expected="`--last 'the answer'`, or a receipt and the answer",
            next="catenary feedback correct --help",
        )
    with open_home(file) as store:
        if last:
            newest = store.receipts(limit=1)
            if not newest:
                raise NotFound(
                    "Nothing has been answered yet.",
                    expected="a receipt, which every answer leaves behind",
                    next="catenary ask --help",
                )
            receipt = newest[0].id
        else:
            receipt = store.receipt(words[0]).id
        number = store.add_feedback(
            receipt, kind="edit", body={"value": words[-1], "comment": None}, consent=consent, licence=licence
        )
    click.echo(say("Feedback {number} on {receipt} waits for a reviewer.", number=number, receipt=receipt))
    click.echo(f"  catenary feedback accept {number} --by …")


@command.command("list", help=say("Show feedback that may be used, what waits first."))
@file_option
@json_option
def list_command(file: Path | None, as_json: bool) -> None:
    from dataclasses import asdict

    from catenary.store.feedback_queue import queue

    with open_home(file) as store:
        found = sorted(queue(store), key=lambda one: one.decision is not None)
    if as_json:
        print_json([asdict(one) for one in found])
        return
    table = render.table(
        "#",
        say("kind"),
        say("consent"),
        say("question"),
        say("answer"),
        say("value"),
        say("decision"),
        right=(0,),
    )
    for one in found:
        decision = say("waits") if one.decision is None else f"{say(one.decision)} ({one.by})"
        told = "" if one.value is None else str(one.value)
        table.add_row(
            str(one.id),
            one.kind,
            f"{one.consent} {one.licence}",
            one.question or "",
            one.answer or "",
            told,
            decision,
        )
    render.console().print(table)


def _decided(name: str, decision: str, about: str) -> None:
    @command.command(name, help=about)
    @click.argument("number", type=click.IntRange(1))
    @click.option("--by", required=True, help=say("Who decides."))
    @file_option
    def decide_command(number: int, by: str, file: Path | None) -> None:
        from catenary.store.feedback_queue import decide

        with open_home(file) as store:
            decide(store, number, decision, by)  # type: ignore[arg-type]
        click.echo(say("Feedback {number}: {decision}.", number=number, decision=say(decision)))


_decided("accept", "accepted", say("Accept feedback: it may come into a dataset."))
_decided("reject", "rejected", say("Reject feedback: it comes into none."))


@command.command(
    "export",
    help=say("Write accepted feedback as conversations, a folder a licence, to be a source of the chain."),
)
@click.argument("out", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--use",
    type=click.Choice(["training", "evaluation"]),
    default="training",
    help=say("What its givers agreed to."),
)
@file_option
@json_option
def export_command(out: Path, use: str, file: Path | None, as_json: bool) -> None:
    from catenary.store.feedback_queue import corrections

    with open_home(file) as store:
        rows = list(corrections(store, use))
    licences = sorted({row["licence"] for row in rows})
    for licence in licences:
        folder = out / re.sub(r"[^\w.-]+", "-", licence)
        folder.mkdir(parents=True, exist_ok=True)
        lines = [json.dumps(row, ensure_ascii=False) for row in rows if row["licence"] == licence]
        write_whole(folder / f"{use}.jsonl", ("\n".join(lines) + "\n").encode())
    if as_json:
        print_json({"written": len(rows), "licences": licences})
        return
    click.echo(say("{n} conversations written below {folder}.", n=len(rows), folder=out))
