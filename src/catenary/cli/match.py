"""`catenary match`"""

from __future__ import annotations

import sys
import time
from dataclasses import asdict
from pathlib import Path

import click

from catenary.cli import render
from catenary.cli.index_folder import index_folder
from catenary.cli.options import example, file_option, json_option, print_json, set_option
from catenary.messages import say


@click.command(
    "match",
    help=say(
        "Find the documents that hold the longest spans of a text, word for word. A match says where the words stand;"
        " it is no lineage."
    ),
    epilog=example(
        "catenary match reviews '房间很小，但是服务不错'\ncatenary match reviews - --json < answer.txt"
    ),
)
@click.argument("index")
@click.argument("text")
@click.option(
    "--min-tokens", type=click.IntRange(1), default=6, help=say("Spans of at least so many tokens.")
)
@click.option("--spans", type=click.IntRange(1), default=10, help=say("At most so many spans."))
@click.option("--places", type=click.IntRange(1), default=5, help=say("At most so many documents a span."))
@file_option
@set_option
@json_option
def command(
    index: str,
    text: str,
    min_tokens: int,
    spans: int,
    places: int,
    file: Path | None,
    overrides: tuple[str, ...],
    as_json: bool,
) -> None:
    from catenary.evaluate.verbatim import Index
    from catenary.tokenizer import load

    if text == "-":
        text = sys.stdin.read()
    folder = index_folder(index, file, overrides)
    opened, tokenizer = Index.open(folder), load(folder)
    began = time.perf_counter()
    ids = tokenizer.encode(text)
    found = opened.spans(ids, min_tokens=min_tokens, spans=spans, places=places)
    took = time.perf_counter() - began
    told = [(tokenizer.decode(ids[one.start : one.end]).strip(), one) for one in found]
    if as_json:
        print_json(
            {"seconds": took, "tokens": len(ids), "spans": [{"text": t, **asdict(one)} for t, one in told]}
        )
        return
    table = render.table(say("tokens"), say("times"), say("documents"), say("text"), right=(0, 1))
    for words, one in told:
        documents = ", ".join(dict.fromkeys(f"doc:{place.document}" for place in one.documents))
        table.add_row(str(one.tokens), f"{one.occurrences:,}", documents, words)
    render.console().print(table)
    click.echo(
        say(
            "{n} spans in {ms} ms among {tokens} tokens of {documents} documents. This is a match, no lineage.",
            n=len(found),
            ms=f"{took * 1e3:.1f}",
            tokens=f"{opened.told['tokens']:,}",
            documents=f"{opened.told['documents']:,}",
        )
    )
