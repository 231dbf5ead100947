"""`catenary ask`"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from catenary.cli import render
from catenary.cli.ask_app import app_named, ask_app
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
from catenary.serve import answer
from catenary.server import open_endpoint, save_receipt_in


@click.command(
    "ask",
    help=say("Ask an endpoint or an application one question."),
    epilog=example(
        "catenary ask sentiment '房间又小又旧，隔音很差。'\necho '很好看的一本书' | catenary ask sentiment -\n"
        "catenary ask app/handbook 'How do I add a user?' --unreleased"
    ),
)
@click.argument("endpoint")
@click.argument("text")
@click.option(
    "--unreleased", is_flag=True, help=say("Answer although the release is not signed; the receipt says so.")
)
@file_option
@set_option
@json_option
def command(
    endpoint: str, text: str, unreleased: bool, file: Path | None, overrides: tuple[str, ...], as_json: bool
) -> None:
    if text == "-":
        text = sys.stdin.read()
    chain = load_chain(file, overrides)
    with open_store(chain) as store:
        app = app_named(chain, endpoint)
        if app is not None:
            ask_app(chain, store, app, text, unreleased=unreleased, as_json=as_json)
            return
        told = answer(
            open_endpoint(chain, store, endpoint, unreleased=unreleased),
            [text],
            save_receipt=save_receipt_in(store),
        )
    if as_json:
        print_json(told.receipt.to_json())
        return
    console = render.console()
    [scores] = told.scores
    for label, probability in scores.probabilities.items():
        bar = "█" * round(probability * 30)
        style = "bold" if label == scores.label else "dim"
        console.print(f"  [{style}]{label:<16}[/] {probability:6.3f}  [cyan]{bar}[/]")
    if scores.truncated:
        console.print(
            say("The text was longer than the model reads; it read the first {n} tokens.", n=scores.tokens)
        )
    if told.receipt.status == "unreleased":
        console.print(f"[yellow]{say('UNRELEASED: served without its gates and sign-offs')}[/]")
    console.print(f"[dim]{say('receipt')} {told.receipt.id}[/]")
    console.print(f"[dim]catenary trace {told.receipt.id}[/]")
