"""`catenary search`"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

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
    "search",
    help=say(
        "Find the passages of an index that speak of a question, by words and, where it has vectors, by meaning."
    ),
    epilog=example(
        "catenary search handbook 'How do I add a user?'\ncatenary search handbook '怎样添加用户？' --limit 3 --json"
    ),
)
@click.argument("index")
@click.argument("question")
@click.option("--limit", type=click.IntRange(1, 100), default=5, help=say("At most so many passages."))
@file_option
@set_option
@json_option
def command(
    index: str, question: str, limit: int, file: Path | None, overrides: tuple[str, ...], as_json: bool
) -> None:
    from catenary.chain.made import made

    chain = load_chain(file, overrides)
    with open_store(chain) as store:
        artifact = made(chain, store, index, "indexes")
        opened, vector = _opened(store, artifact, question)
        began = time.perf_counter()
        found = opened.search(question, limit, vector=vector)
        took = time.perf_counter() - began
    if as_json:
        print_json({"seconds": took, "passages": [_json(one) for one in found]})
        return
    console = render.console()
    for one in found:
        passage = one.passage
        console.print(f"[bold]{' › '.join(passage.headings)}[/]  [dim]{passage.file}  {passage.id}[/]")
        console.print(passage.text, markup=False, highlight=False)
        console.print()
    console.print(say("{n} passages in {ms} ms.", n=len(found), ms=f"{took * 1e3:.1f}"))


def _opened(store: Any, artifact: Any, question: str) -> tuple[Any, Any]:
    """The index, and the question as a vector where the index has some."""
    from catenary.search import SearchIndex

    index = SearchIndex.open(artifact.path)
    model = artifact.manifest.inputs.get("embed")
    if model is None or not index.embeds(question):
        return index, None
    from catenary.inference import load

    return index, load(store.get(model).path, "embed").embed([question]).vectors[0]


def _json(found: Any) -> dict[str, Any]:
    passage = found.passage
    return {
        "id": passage.id,
        "document": passage.document,
        "file": passage.file,
        "headings": list(passage.headings),
        "text": passage.text,
        "score": found.score,
        "words": found.words,
        "coverage": found.coverage,
        "cosine": found.cosine,
    }
