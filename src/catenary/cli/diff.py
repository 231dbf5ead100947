"""`catenary diff`"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from rich.markup import escape

from catenary.chain.differences import Change, Differences, Score, differences
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
from catenary.cli.releases import made_release
from catenary.messages import say


@click.command(
    "diff",
    help=say(
        "Show what sets two releases apart: sources, documents and licences, settings, figures with their intervals, "
        "gates, sizes."
    ),
    epilog=example("catenary diff 3f9a12c07be4 sentiment\ncatenary diff small large --json"),
)
@click.argument("before")
@click.argument("after")
@file_option
@set_option
@json_option
def command(before: str, after: str, file: Path | None, overrides: tuple[str, ...], as_json: bool) -> None:
    from catenary.stages.standing import standing

    chain = load_chain(file, overrides)
    with open_store(chain) as store:
        found = differences(
            store,
            made_release(chain, store, before),
            made_release(chain, store, after),
            lambda release: standing(store, release).sentence,
        )
    if as_json:
        print_json(found.to_json())
    else:
        _print(found)


def _print(found: Differences) -> None:
    console = render.console()
    if found.before == found.after:
        console.print(say("Both are the same release: {id}", id=render.short(found.before)))
        return
    console.print(_table(found, say("release"), [found.standings], say))
    documents = found.documents
    counts = [
        Change(say("documents"), documents.before, documents.after),
        Change(say("added"), None, documents.added),
        Change(say("removed"), documents.removed, None),
        *(
            Change(say("licence {licence}", licence=one.name), one.before, one.after)
            for one in documents.licences
        ),
    ]
    console.print(_table(found, say("data"), [*_by_key(found.sources), *counts]))
    for title, changes in ((say("settings"), found.settings), (say("sizes"), found.sizes)):
        if changes:
            console.print(_table(found, title, changes))
    if found.scores:
        console.print(_scores(found))
        if any(score.apart for score in found.scores):
            console.print(f"  * {say('the intervals do not touch')}")
    if found.gates:
        told = [Change(one.name, _verdict(one.before), _verdict(one.after)) for one in found.gates]
        console.print(_table(found, say("gates"), told))
    for title, ids in ((say("added"), documents.added_ids), (say("removed"), documents.removed_ids)):
        for id in ids[:3]:
            console.print(f"  {title}  doc:{id}", highlight=False)


def _by_key(sources: Any) -> list[Change]:
    """A source's change, a line for each thing that it says of itself."""
    return [
        Change(f"{one.name}: {say(key)}", *(_short(key, side.get(key)) for side in (before, after)))
        for one in sources
        for before, after in [(one.before or {}, one.after or {})]
        for key in sorted({*before, *after})
        if before.get(key) != after.get(key)
    ]


def _short(key: str, value: Any) -> Any:
    return render.short(value) if key == "artifact" and value else value


def _table(found: Differences, title: str, changes: Any, named: Any = str) -> Any:
    table = render.table(title, render.short(found.before), render.short(found.after))
    for one in changes:
        table.add_row(escape(named(one.name)), *(escape(_value(side)) for side in (one.before, one.after)))
    return table


def _scores(found: Differences) -> Any:
    table = render.table(
        say("figures"),
        render.short(found.before),
        render.short(found.after),
        say("difference"),
        right=(3,),
    )
    for score in found.scores:
        style = "bold" if score.apart else ""
        table.add_row(
            escape(score.name), _figure(score.before), _figure(score.after), _difference(score), style=style
        )
    return table


def _figure(figure: Any) -> str:
    if figure is None:
        return "–"
    if figure["low"] is None:
        return f"{figure['value']:.4f}"
    return escape(f"{figure['value']:.4f} [{figure['low']:.4f}, {figure['high']:.4f}]")


def _difference(score: Score) -> str:
    if score.difference is None:
        return ""
    return f"{score.difference:+.4f}{' *' if score.apart else ''}"


def _verdict(gate: Any) -> str | None:
    return f"{say(gate['outcome'])}  {gate['sentence']}" if gate else None


def _value(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return value if isinstance(value, str) else str(value)
