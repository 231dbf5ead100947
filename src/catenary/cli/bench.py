"""`catenary bench inference` and `catenary bench serve`"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from catenary.cli import render
from catenary.cli.model import model_folder
from catenary.cli.options import example, file_option, json_option, print_json, set_option
from catenary.messages import say

HELP = "Measure how quickly a model answers here, or a server under load."
EXAMPLE = (
    "catenary bench inference assistant\n"
    "catenary bench inference ./SmolLM2.gguf --engine openvino --engine torch --at-once 8 --at-once 16"
)
SERVE_EXAMPLE = (
    "catenary bench serve http://127.0.0.1:8000/v1 --at-once 16\n"
    "catenary bench serve http://gpu1:8000/v1 --model qwen --rate 5 --requests 200"
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


@command.command(
    "serve",
    help=say(
        "Ask an OpenAI-compatible server many chats at once: throughput, and percentiles of the time to the first"
        " piece, between pieces and of whole answers. URL goes up to and with /v1."
    ),
    epilog=example(SERVE_EXAMPLE),
)
@click.argument("url")
@click.option("--model", help=say("The model to ask; the first that writes where left out."))
@click.option("--requests", type=click.IntRange(1), default=64, help=say("So many requests in all."))
@click.option("--at-once", type=click.IntRange(1), default=16, help=say("So many in flight at most."))
@click.option(
    "--rate",
    type=click.FloatRange(0, min_open=True),
    help=say("Requests a second, as a Poisson process; as fast as answers come where left out."),
)
@click.option("--words", type=click.IntRange(1), default=64, help=say("Words of a prompt."))
@click.option("--new", type=click.IntRange(1), default=64, help=say("New tokens of an answer at most."))
@click.option("--exact", is_flag=True, help=say("Let no answer end earlier (min_tokens)."))
@click.option("--key", envvar="CATENARY_API_KEY", help=say("The key; CATENARY_API_KEY where left out."))
@json_option
def serve(
    url: str,
    model: str | None,
    requests: int,
    at_once: int,
    rate: float | None,
    words: int,
    new: int,
    exact: bool,
    key: str | None,
    as_json: bool,
) -> None:
    import asyncio

    from catenary.serve.load_test import Load, first_model, press, summed

    name = model or asyncio.run(first_model(url, key))
    load = Load(
        url, name, requests=requests, at_once=at_once, rate=rate, words=words, new=new, exact=exact, key=key
    )
    with render.console(stderr=True).status(f"{url} {name}"):
        told = summed(*asyncio.run(press(load)))
    if as_json:
        print_json({"model": name, **asdict(told)})
        return
    table = render.table("", name, right=(1,))
    table.add_row(say("answered"), str(told.answered))
    for kind, count in told.failed.items():
        table.add_row(say("failed: {kind}", kind=kind), str(count))
    table.add_row(say("requests/s"), _shown(told.requests_per_second))
    table.add_row(say("new tokens/s"), _shown(told.tokens_per_second))
    for label, one in (
        (say("first piece"), told.first),
        (say("between pieces"), told.between),
        (say("whole answer"), told.whole),
    ):
        for percentile in ("p50", "p95", "p99"):
            value = None if one is None else getattr(one, percentile)
            table.add_row(f"{label}, {percentile}, ms", _shown(value))
    render.console().print(table)


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1000


def _shown(value: float | None) -> str:
    return "–" if value is None else f"{value:,.1f}" if value < 10 else f"{value:,.0f}"
