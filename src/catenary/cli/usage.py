"""`catenary usage`"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from catenary.cli import render
from catenary.cli.options import (
    example,
    file_option,
    json_option,
    load_chain,
    open_store,
    print_json,
    set_option,
)
from catenary.messages import say


@click.command(
    "usage",
    help=say("Show what each key used of each model, a day each, and what it costs by its plan."),
    epilog=example("catenary usage --since 2026-11-01\ncatenary usage --csv > november.csv"),
)
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help=say("The first day."))
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help=say("The last day."))
@click.option("--key", help=say("One key only."))
@click.option("--csv", "as_csv", is_flag=True, help=say("Print CSV."))
@file_option
@set_option
@json_option
def command(
    since: datetime | None,
    until: datetime | None,
    key: str | None,
    as_csv: bool,
    file: Path | None,
    overrides: tuple[str, ...],
    as_json: bool,
) -> None:
    from catenary.serve.usage import usage_csv
    from catenary.server import usage_table

    chain = load_chain(file, overrides)
    with open_store(chain) as store:
        rows = usage_table(
            chain,
            store,
            since=None if since is None else since.date(),
            until=None if until is None else until.date(),
        )
    rows = [row for row in rows if key in (None, row["key"])]
    if as_json:
        print_json(rows)
        return
    if as_csv:
        click.echo(usage_csv(rows), nl=False)
        return
    table = render.table(
        *(say(name) for name in ("day", "key", "model", "requests")),
        say("tokens read"),
        say("tokens written"),
        say("cost"),
        right=range(3, 7),
    )
    for row in rows:
        cost = "" if row["cost"] is None else f"{row['cost']:.4f} {row['currency']}"
        table.add_row(
            row["day"],
            f"{row['key']} {row['name']}".strip(),
            row["model"],
            str(row["requests"]),
            str(row["input_tokens"]),
            str(row["output_tokens"]),
            cost,
        )
    render.console().print(table)
