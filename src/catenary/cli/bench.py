"""`catenary bench inference`"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from catenary.cli import render
from catenary.cli.model import model_folder
from catenary.cli.options import example, file_option, json_option, print_json, set_option
from catenary.messages import say

HELP = "Measure how quickly a model answers here."
EXAMPLE = (
    "catenary bench inference assistant\n"
    "catenary bench inference ./SmolLM2.gguf --engine openvino --engine torch --at-once 8 --at-once 16"
)


@click.group("bench", help=say(HELP), epilog=example(EXAMPLE))
def command() -> None:
    """The group; each craft that can be measured has its command."""


@command.command(
    "inference",
    help=say(
        "Time to the first token, decoding, many answers at once and memory of engines side by side, in turns."
    ),
    epilog=example(EXAMPLE),
)
@click.argument("model")
@click.option("--engine", "engines", multiple=True, help=say("An engine to measure; repeat for several."))
@click.option(
    "--at-once", type=click.IntRange(1), multiple=True, default=(8, 16), help=say("So many answers at once.")
)
@click.option("--prompt-tokens", type=click.IntRange(1), default=104, help=say("Tokens of a prompt."))
@click.option("--long-tokens", type=click.IntRange(1), default=512, help=say("Tokens of the long prompt."))
@click.option("--new", type=click.IntRange(2), default=64, help=say("New tokens of an answer."))
@click.option("--rounds", type=click.IntRange(1), default=3, help=say("Rounds; the median counts."))
@click.option(
    "--threads", type=click.IntRange(1), help=say("Threads of the engine; all cores where left out.")
)
@file_option
@set_option
@json_option
def inference(
    model: str,
    engines: tuple[str, ...],
    at_once: tuple[int, ...],
    prompt_tokens: int,
    long_tokens: int,
    new: int,
    rounds: int,
    threads: int | None,
    file: Path | None,
    overrides: tuple[str, ...],
    as_json: bool,
) -> None:
    from catenary.inference.generator_folder import open_generator
    from catenary.inference.load import unpacked
    from catenary.inference.measure import Case, cases, makers, measure

    folder = unpacked(model_folder(model, file, overrides))
    console = render.console(stderr=True)
    with console.status("") as status:
        told = measure(
            makers(folder, engines or ("auto",), threads),
            cases(at_once, prompt_tokens, long_tokens, new),
            vocab_size=open_generator(folder).vocab_size,
            rounds=rounds,
            said=status.update,
        )
    if as_json:
        print_json(
            {
                name: {
                    "ready_seconds": one.ready_seconds,
                    "peak_bytes": one.peak_bytes,
                    "failed": one.failed,
                    "cases": [{**asdict(case), "seconds": seconds} for case, seconds in one.seconds.items()],
                }
                for name, one in told.items()
            }
        )
        return
    figures: list[tuple[str, Any]] = [
        (say("ready, s"), lambda one: one.ready_seconds),
        (
            say("first token of {tokens}, ms", tokens=prompt_tokens),
            lambda one: _ms(one.first_token(prompt_tokens)),
        ),
        (
            say("first token of {tokens}, ms", tokens=long_tokens),
            lambda one: _ms(one.first_token(long_tokens)),
        ),
        (say("one answer, tokens/s"), lambda one: one.decode_rate(prompt_tokens, new)),
        *(
            (
                say("{n} at once, tokens/s", n=count),
                lambda one, count=count: one.aggregate(Case(count, prompt_tokens, new)),
            )
            for count in at_once
        ),
        (say("peak memory, MB"), lambda one: one.peak_bytes / 1e6),
    ]
    table = render.table("", *told, right=range(1, len(told) + 1))
    for name, figure in figures:
        table.add_row(name, *(_shown(figure(one)) for one in told.values()))
    render.console().print(table)
    for name, one in told.items():
        if one.failed is not None:
            render.console().print(f"{name}: {one.failed}", markup=False)


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1000


def _shown(value: float | None) -> str:
    return "–" if value is None else f"{value:,.1f}" if value < 10 else f"{value:,.0f}"
