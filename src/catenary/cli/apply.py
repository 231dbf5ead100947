"""`catenary apply <app> in.csv out.csv`"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from catenary.cli import render
from catenary.cli.ask_app import app_named
from catenary.cli.options import (
    example,
    file_option,
    json_option,
    load_chain,
    open_store,
    print_json,
    set_option,
)
from catenary.errors import NotFound
from catenary.messages import say

if TYPE_CHECKING:
    from catenary.cli.table import Table
    from catenary.store import Store
    from catenary.store.held import Held


@click.command(
    "apply",
    help=say(
        "Ask an application or an endpoint every row of a table, and write its answers beside them. Run again, it goes"
        " on where it stopped."
    ),
    epilog=example(
        "catenary apply points articles.csv summaries.csv --column text --unreleased\n"
        "catenary apply handbook questions.csv answers.csv --price-in 0.002 --price-out 0.006"
    ),
)
@click.argument("app")
@click.argument("source", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.argument("target", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--column", default=None, help=say("The column that is asked; left out, the first."))
@click.option("--max-tokens", type=click.IntRange(1), default=None, help=say("Tokens of an answer at most."))
@click.option(
    "--unreleased", is_flag=True, help=say("Answer although the release is not signed; the receipt says so.")
)
@click.option(
    "--at-once",
    type=click.IntRange(1, 256),
    default=4,
    show_default=True,
    help=say("Rows that are asked at the same time; their answers are written in the table's order."),
)
@click.option("--price-in", type=float, default=0.0, help=say("What a thousand tokens that are read cost."))
@click.option(
    "--price-out", type=float, default=0.0, help=say("What a thousand tokens that are written cost.")
)
@file_option
@set_option
@json_option
def command(
    app: str,
    source: Path,
    target: Path,
    column: str | None,
    max_tokens: int | None,
    unreleased: bool,
    at_once: int,
    price_in: float,
    price_out: float,
    file: Path | None,
    overrides: tuple[str, ...],
    as_json: bool,
) -> None:
    from catenary.cli.table import Table
    from catenary.server import gateway

    chain = load_chain(file, overrides)
    found = app_named(chain, app)
    if found is None and app not in chain.serve.endpoints:
        raise NotFound(
            "The chain has no application and no endpoint of this name.",
            got=app,
            expected="one of: {names}",
            names=", ".join([*chain.apps, *chain.serve.endpoints]) or "-",
        )
    with open_store(chain) as store:
        answers = Table(source, target, column)
        _fill(store, answers)
        with answers as table:
            made = gateway(chain, store, unreleased=unreleased)
            name = app if found is None else f"app/{found}"
            asyncio.run(_applied(made, name, table, max_tokens, at_once, quiet=as_json))
            spent = table.spent()
        waiting = sum(held.waits for _, held in _held(store, answers))
    told: dict[str, Any] = {
        "rows": len(table.rows),
        "answered": spent.answered,
        "failed": spent.failed,
        "waiting": waiting,
        "input_tokens": spent.read,
        "output_tokens": spent.written,
        "cost": round(spent.read / 1000 * price_in + spent.written / 1000 * price_out, 6),
    }
    if as_json:
        print_json(told)
        return
    render.console().print(
        say(
            "{answered} of {rows} rows answered, {failed} failed; {input_tokens} tokens read, {output_tokens} written,"
            " cost {cost}.",
            **told,
        )
    )
    if waiting:
        text = "{n} answers wait for a person. Once they are signed, the same command fills them in."
        render.console().print(say(text, n=waiting))


def _held(store: Store, table: Table) -> Iterator[tuple[int, Held]]:
    """The rows whose answers wait for a person, or waited, and are not in the table."""
    for number, receipt in table.unanswered():
        held = store.held(receipt)
        if held is not None:
            yield number, held


def _fill(store: Store, table: Table) -> None:
    """Fill in the answers that a person has signed meanwhile."""
    from catenary.stages.held import told

    for number, held in _held(store, table):
        if held.person is not None:
            table.fill(number, told(store, held.receipt_id)["answers"][0]["text"] or "")


async def _applied(
    gateway: Any, name: str, table: Table, max_tokens: int | None, at_once: int, *, quiet: bool
) -> None:
    """`at_once` rows are in the making; an answer waits for those of the rows before it."""
    from catenary.serve.in_process import in_process

    todo = table.todo()
    if not todo:
        return
    async with in_process(gateway, name, max_tokens=max_tokens) as ask:
        making: deque[tuple[int, asyncio.Task[dict[str, Any]]]] = deque()
        try:
            with click.progressbar(length=len(todo), file=sys.stderr, hidden=quiet) as bar:
                for number in todo:
                    making.append((number, asyncio.create_task(_answer(ask, table.asked(number)))))
                    if len(making) == at_once:
                        await _write_first(making, table, bar)
                while making:
                    await _write_first(making, table, bar)
        finally:
            for _, task in making:
                task.cancel()
            await asyncio.gather(*(task for _, task in making), return_exceptions=True)


async def _answer(ask: Any, text: str) -> dict[str, Any]:
    from catenary.errors import CatenaryError

    writing = ask([{"role": "user", "content": text}])
    try:
        await writing.whole()
    except CatenaryError as error:
        return {"answer": "", "error": str(error.what)}
    held = writing.receipt.outcome == "held"
    return {
        "answer": "" if held else writing.answers[0].said,
        "receipt": writing.receipt.id,
        "read": writing.spent.prompt_tokens,
        "written": writing.spent.completion_tokens,
    }


async def _write_first(
    making: deque[tuple[int, asyncio.Task[dict[str, Any]]]], table: Table, bar: Any
) -> None:
    number, task = making[0]
    told = await task
    making.popleft()
    table.write(number, **told)
    bar.update(1)
