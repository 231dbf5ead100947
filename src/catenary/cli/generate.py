"""`catenary generate`"""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from catenary.cli.generation import generation_options, generation_settings
from catenary.cli.model import model_folder, model_options
from catenary.cli.options import example, file_option, json_option, print_json, set_option
from catenary.messages import say


@click.command(
    "generate",
    help=say("Go on from a text with a model: a release, a model of the chain, a folder or a GGUF file."),
    epilog=example(
        "catenary generate base '从前有座山'\n"
        "catenary generate ./SmolLM2.gguf 'The chain' --temperature 0.8 --seed 7 --n 3\n"
        "catenary generate chat 'A person:' --json-schema person.json"
    ),
)
@click.argument("model")
@click.argument("prompt")
@click.option("--n", type=click.IntRange(1), default=1, help=say("So many answers."))
@click.option(
    "--beams", type=click.IntRange(1), default=1, help=say("Above 1, beam search in place of drawing.")
)
@click.option(
    "--logprobs", type=click.IntRange(0), help=say("Tell each token's log probability and so many others'.")
)
@generation_options
@model_options
@file_option
@set_option
@json_option
def command(
    model: str,
    prompt: str,
    n: int,
    beams: int,
    logprobs: int | None,
    engine: Any,
    threads: int | None,
    file: Path | None,
    overrides: tuple[str, ...],
    as_json: bool,
    **asked: Any,
) -> None:
    from catenary.inference import load

    if prompt == "-":
        prompt = sys.stdin.read()
    settings = generation_settings(asked, n=n, beams=beams, logprobs=logprobs)
    writer = load(model_folder(model, file, overrides), "generate", engine=engine, threads=threads)
    try:
        if as_json or beams > 1:
            [told] = writer.generate([prompt], settings)
            if as_json:
                print_json(asdict(told))
            else:
                click.echo(told.text)
            return
        with writer.stream(prompt, settings) as stream:
            choice = 0
            for piece in stream:
                if piece.choice != choice:
                    choice = piece.choice
                    click.echo("\n" + click.style("─" * 20, dim=True))
                click.echo(piece.text, nl=False)
        click.echo()
    finally:
        writer.close()
