"""`catenary embed`"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from catenary.cli import render
from catenary.cli.model import model_folder, model_options
from catenary.cli.options import example, file_option, json_option, print_json, set_option
from catenary.messages import say

SHOWN = 12  # texts whose likeness fits a terminal


@click.command(
    "embed",
    help=say("Make vectors of texts, and show how alike they are (cosine)."),
    epilog=example(
        "catenary embed minilm 'a cat' 'a dog' 'a bill'\ncatenary embed minilm - --json < texts.txt"
    ),
)
@click.argument("model")
@click.argument("texts", nargs=-1, required=True)
@model_options
@file_option
@set_option
@json_option
def command(
    model: str,
    texts: tuple[str, ...],
    engine: Any,
    threads: int | None,
    file: Path | None,
    overrides: tuple[str, ...],
    as_json: bool,
) -> None:
    from catenary.inference import load

    asked = [line.rstrip("\n") for line in sys.stdin] if texts == ("-",) else list(texts)
    told = load(model_folder(model, file, overrides), "embed", engine=engine, threads=threads).embed(asked)
    if as_json:
        print_json(
            [
                {"vector": [round(float(x), 6) for x in vector], "tokens": tokens}
                for vector, tokens in zip(told.vectors, told.tokens, strict=True)
            ]
        )
        return
    console = render.console()
    console.print(say("{n} vectors of {size} numbers", n=len(asked), size=told.vectors.shape[1]))
    shown = asked[:SHOWN]
    table = render.table(
        say("text"), *(str(number + 1) for number in range(len(shown))), right=range(1, len(shown) + 1)
    )
    for number, text in enumerate(shown):
        likeness = told.vectors[: len(shown)] @ told.vectors[number]
        table.add_row(f"{number + 1} {text[:40]}", *(f"{value:.2f}" for value in likeness))
    console.print(table)
