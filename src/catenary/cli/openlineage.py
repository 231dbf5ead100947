"""`catenary openlineage`"""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from catenary.chain.openlineage import events
from catenary.cli.options import example, file_option, open_home
from catenary.errors import CatenaryError, InvalidInput
from catenary.files import write_whole
from catenary.messages import say

API_KEY = "OPENLINEAGE_API_KEY"
SECONDS = 30


@click.command(
    "openlineage",
    help=say(
        "Give all runs as OpenLineage events: jobs, runs, inputs and outputs with their versions, no text of a "
        "document. Sent twice, they are the same events."
    ),
    epilog=example(
        "catenary openlineage --to events.ndjson\n"
        "catenary openlineage --url http://localhost:5000/api/v1/lineage --after 120"
    ),
)
@click.option(
    "--to", type=click.Path(path_type=Path, dir_okay=False), help=say("The file to write, a line an event.")
)
@click.option(
    "--url", help=say("The endpoint to send them to; OPENLINEAGE_API_KEY is its key, where it asks for one.")
)
@click.option("--after", type=int, default=0, help=say("Only runs with a higher number."))
@file_option
def command(to: Path | None, url: str | None, after: int, file: Path | None) -> None:
    if to is not None and url is not None:
        raise InvalidInput("Say `--to` a file, or `--url`.", next="catenary openlineage --help")
    with open_home(file) as store:
        found = list(events(store, after=after))
        last = max((run.id for run in store.runs()), default=0)
    if url is not None:
        send(found, url)
        click.echo(say("{n} events sent, up to run {run}.", n=len(found), run=last))
        return
    lines = "".join(f"{json.dumps(event, ensure_ascii=False)}\n" for event in found)
    if to is None:
        click.echo(lines, nl=False)
        return
    write_whole(to, lines.encode("utf-8"))
    click.echo(say("{n} events written to {path}, up to run {run}.", n=len(found), path=to, run=last))


def send(found: Iterable[Mapping[str, Any]], url: str) -> None:
    """Post each event, in their order. Raises CatenaryError at the first that is not taken."""
    if not url.startswith(("http://", "https://")):
        raise InvalidInput(
            "This is no address of an OpenLineage endpoint.", got=url, expected="http:// or https://"
        )
    headers = {"Content-Type": "application/json"}
    if key := os.environ.get(API_KEY):
        headers["Authorization"] = f"Bearer {key}"
    for number, event in enumerate(found):
        request = urllib.request.Request(url, json.dumps(event).encode(), headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=SECONDS):
                pass
        except urllib.error.HTTPError as error:
            raise _not_taken(url, number, f"HTTP {error.code} {error.reason}") from error
        except OSError as error:
            raise _not_taken(url, number, str(error)) from error


def _not_taken(url: str, number: int, told: str) -> CatenaryError:
    return CatenaryError(
        "The endpoint did not take an event; {n} before it were taken.",
        where=url,
        got=told,
        next="catenary openlineage --url {url}",
        n=number,
        url=url,
    )
