"""`catenary audit`"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from catenary.access import (
    Anchor,
    accept_audit,
    audit_anchor,
    contradictions,
    entries,
    local_person,
    verify_audit,
)
from catenary.cli.options import example, file_option, json_option, open_home, print_json
from catenary.errors import Damaged
from catenary.messages import say
from catenary.stages.recorded import contradictions as of_releases


@click.group(
    "audit",
    help=say("Read the audit log, or verify that nobody altered it."),
    epilog=example("catenary audit verify"),
)
def command() -> None:
    """The group; each of its commands does one thing."""


@command.command("log", help=say("Print the log, newest last."), epilog=example("catenary audit log --json"))
@click.option("--last", type=click.IntRange(1), default=None, help=say("Only this many, the newest."))
@file_option
@json_option
def log(last: int | None, file: Path | None, as_json: bool) -> None:
    with open_home(file) as store, store.reading() as connection:
        found = list(entries(connection))
    found = found[-last:] if last else found
    if as_json:
        print_json([asdict(entry) for entry in found])
        return
    for entry in found:
        click.echo(f"{entry.seq:>6}  {entry.at[:19]}  {entry.actor}  {entry.action}  {entry.detail}")


@command.command(
    "verify",
    help=say(
        "Verify every hash and signature of the log, and that roles, keys, sign-offs and releases are as it says."
    ),
    epilog=example("catenary audit verify\ncatenary audit verify --anchor 12:9f3c…"),
)
@click.option(
    "--anchor", "anchors", multiple=True, help=say("What `catenary audit anchor` printed at some time.")
)
@file_option
@json_option
def verify(anchors: tuple[str, ...], file: Path | None, as_json: bool) -> None:
    with open_home(file) as store:
        findings = verify_audit(store.engine, store.home, [Anchor.parse(text) for text in anchors])
        with store.reading() as connection:
            count = sum(1 for _ in entries(connection))
            if not findings:  # a log that was altered may not even be read
                findings = [*contradictions(connection), *of_releases(connection)]
    if as_json:
        print_json({"entries": count, "findings": [finding.text("en") for finding in findings]})
    elif not findings:
        click.echo(say("{n} entries: every one is what was written.", n=count))
    else:
        for finding in findings:
            click.echo(finding.text())
    if findings:
        raise Damaged(
            "The audit log was altered: {n} findings.",
            n=len(findings),
            next="catenary audit accept --why '…'",
        )


@command.command(
    "anchor",
    help=say("Print the log's newest number and hash, to keep where nobody here can change it."),
    epilog=example("catenary audit anchor >> anchors.txt"),
)
@file_option
def anchor(file: Path | None) -> None:
    with open_home(file) as store:
        newest = audit_anchor(store.engine)
    click.echo(newest or say("The log is empty."))


@command.command(
    "accept",
    help=say("Go on from a log that lost what this home had signed, and say so in the log for ever."),
    epilog=example("catenary audit accept --why 'catalog restored from the backup of 3 May'"),
)
@click.option("--why", required=True, help=say("What happened."))
@file_option
def accept(why: str, file: Path | None) -> None:
    with open_home(file) as store:
        entry = accept_audit(store.engine, store.home, local_person(), why)
    click.echo(say("Accepted; entry {seq} says so.", seq=entry.seq))
