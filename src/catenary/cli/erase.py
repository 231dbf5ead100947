"""`catenary erase plan|run|status`"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from catenary.chain.plan import plan as plan_chain
from catenary.chain.trace import DOCUMENT
from catenary.cli import render
from catenary.cli.options import example, file_option, json_option, load_chain, open_home, print_json
from catenary.errors import CatenaryError, NotFound
from catenary.messages import say
from catenary.stages.erasure import Carrier, ErasurePlan, Restart, Standing, erase, erasure_plan, remaining
from catenary.stages.erasure_closing import close, closing_of
from catenary.store import Store


@click.group(
    "erase",
    help=say("Erase a document: what was made from it, leaving it out from now on, removing what holds it."),
    epilog=example(
        "catenary erase plan doc:5be1a0\ncatenary erase run doc:5be1a0 --why 'asked on 3 May'\n"
        "catenary run\ncatenary erase status"
    ),
)
def command() -> None:
    pass


@command.command(
    "plan", help=say("What was made from a document, and what erasing it would take; nothing is changed.")
)
@click.argument("document")
@file_option
@json_option
def plan_command(document: str, file: Path | None, as_json: bool) -> None:
    with open_home(file) as store:
        found = erasure_plan(store, document.removeprefix(DOCUMENT), _planned(file, store))
    if as_json:
        print_json(found.to_json())
    else:
        _print(found)


@command.command(
    "run",
    help=say(
        "Erase a document: releases made from it are withdrawn, the next run leaves it out, and what holds it is "
        "emptied. Killed, it goes on when it is said again."
    ),
)
@click.argument("document")
@click.option("--why", required=True, help=say("Why it is erased."))
@click.option(
    "--mark", is_flag=True, help=say("Only leave it out from the next run on; what serves goes on for now.")
)
@click.option("--copies", is_flag=True, help=say("Erase all documents with the very same text."))
@file_option
@json_option
def run_command(document: str, why: str, mark: bool, copies: bool, file: Path | None, as_json: bool) -> None:
    with open_home(file) as store:
        left = erase(
            store,
            document.removeprefix(DOCUMENT),
            why=why,
            mark=mark,
            copies=copies,
            planned=_planned(file, store),
        )
    if as_json:
        print_json({"done": not left, "left": [asdict(one) for one in left]})
        return
    if left:
        render.console().print(_table(left))
        click.echo(say("Left out from the next run on; {n} artifacts still hold it.", n=len(left)))
    else:
        click.echo(say("Nothing here holds the document any more."))
    click.echo(say("Next:"))
    click.echo("  catenary run")


@command.command(
    "close",
    help=say(
        "Sign why what still holds an erased document is kept: it cannot be made again, or the law has it kept. What "
        "comes to hold it later is not covered."
    ),
)
@click.argument("document")
@click.option("--why", required=True, help=say("Why it is kept."))
@click.option("--as", "role", default="compliance", metavar="ROLE", help=say("The role to sign in."))
@file_option
@json_option
def close_command(document: str, why: str, role: str, file: Path | None, as_json: bool) -> None:
    with open_home(file) as store:
        closed = close(store, document.removeprefix(DOCUMENT), why=why, role_name=role)
    if as_json:
        print_json(asdict(closed))
    else:
        click.echo(say("Closed as {role}: {n} artifacts are kept.", role=role, n=len(closed.kept)))


@command.command("status", help=say("What was erased, and what still holds it."))
@click.argument("document", required=False)
@file_option
@json_option
def status_command(document: str | None, file: Path | None, as_json: bool) -> None:
    wanted = (document or "").removeprefix(DOCUMENT)
    with open_home(file) as store:
        known = [one for one in store.erasures() if one.document_id.startswith(wanted)]
        left = {one.document_id: remaining(store, one.document_id) for one in known}
        closed = {id: closing_of(store, id, held) for id, held in left.items()}
    if document and not known:
        raise NotFound(
            "Nobody has had this document erased.", got=document, next=f"catenary erase plan {document}"
        )
    if as_json:
        print_json(
            [
                {
                    **asdict(one),
                    "left": [asdict(held) for held in left[one.document_id]],
                    "closed": asdict(kept) if (kept := closed[one.document_id]) else None,
                }
                for one in known
            ]
        )
        return
    table = render.table(
        say("document"), say("source"), say("asked"), say("by"), say("why"), say("still held by"), right=(5,)
    )
    for one in known:
        held = left[one.document_id]
        table.add_row(
            f"{DOCUMENT}{one.document_id}",
            one.source,
            f"{one.at:%Y-%m-%d}",
            one.person,
            one.why,
            f"{len(held):,}",
        )
    console = render.console()
    console.print(table)
    for one in known:
        if left[one.document_id]:
            console.print(_table(left[one.document_id]))
        if kept := closed[one.document_id]:
            text = "Closed on {day} by {person} as {role}: {why}"
            console.print(
                say(text, day=kept.at[:10], person=kept.person, role=kept.role, why=kept.why), markup=False
            )


def _planned(file: Path | None, store: Store) -> Standing:
    """What the chain has planned and not made yet; nothing where its file cannot be read just now."""
    try:
        steps = plan_chain(load_chain(file), store).steps
    except CatenaryError:  # a source's file that is gone must not keep a document from being erased
        return {}
    return {step.id: list(step.inputs.values()) for step in steps}


def _print(found: ErasurePlan) -> None:
    console = render.console()
    console.print(f"[bold]{DOCUMENT}{found.document_id}[/]")
    console.print(f"  {say('{file}, record {offset}', file=found.file, offset=found.offset)}", markup=False)
    console.print(f"  {say('licence {licence}', licence=found.licence or say('unknown'))}  {found.consent}")
    console.print(_table(found.carriers))
    for release in found.releases:
        told = say(
            "release {id}, {state}: would be withdrawn", id=render.short(release.id), state=release.state
        )
        console.print("  ".join([told, *release.endpoints]), markup=False)
    for id in found.unfinished:
        console.print(say("unfinished work {id}: would be cleared", id=render.short(id)))
    if found.copies:
        console.print(
            say("{n} other documents hold the very same text: --copies erases them too.", n=len(found.copies))
        )
    console.print(
        say("The source's own file is not touched: {source}, {file}.", source=found.source, file=found.file)
    )


def _table(carriers: Sequence[Carrier]) -> Any:
    table = render.table(
        say("artifact"),
        say("links"),
        say("id"),
        say("size"),
        say("first seen"),
        say("without it, from"),
        right=(3,),
    )
    for one in carriers:
        seen = say("step {step} of {of}", step=one.first_step, of=one.steps) if one.first_step else ""
        table.add_row(
            say(one.kind),
            ", ".join(one.links),
            render.short(one.id),
            render.size(one.bytes),
            seen,
            _restart(one.restart),
        )
    return table


def _restart(restart: Restart | None) -> str:
    if restart is None:
        return ""
    if restart.how == "checkpoint":
        return say("the checkpoint at step {step}", step=restart.step)
    if restart.how == "model":
        return say("the model {id}", id=render.short(restart.artifact or ""))
    return say("never seen") if restart.how == "never" else say("the first step")
