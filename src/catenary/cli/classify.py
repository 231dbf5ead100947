"""`catenary classify`"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from catenary.cli import render
from catenary.cli.model import model_folder, model_options
from catenary.cli.options import example, file_option, json_option, print_json, set_option
from catenary.messages import say


@click.command(
    "classify",
    help=say(
        "Label texts with a model: a release, a model of the chain or a folder. `ask` leaves a receipt too."
    ),
    epilog=example(
        "catenary classify sentiment '房间又小又旧' '很好看'\ncatenary classify sentiment - --json < texts.txt"
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
    told = load(model_folder(model, file, overrides), engine=engine, threads=threads).classify(asked)
    if as_json:
        print_json(
            [
                {"label": one.label, "probabilities": dict(one.probabilities), "tokens": one.tokens}
                for one in told
            ]
        )
        return
    table = render.table(say("label"), say("probability"), say("text"), right=(1,))
    for text, one in zip(asked, told, strict=True):
        table.add_row(one.label, f"{one.probabilities[one.label]:.3f}", text[:80])
    render.console().print(table)
