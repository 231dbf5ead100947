"""`catenary explain`"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from catenary.cli import render
from catenary.cli.index_folder import index_folder
from catenary.cli.model import model_folder
from catenary.cli.options import (
    example,
    file_option,
    json_option,
    load_chain,
    open_store,
    print_json,
    set_option,
)
from catenary.messages import language, say


@click.command(
    "explain",
    help=say(
        "Show why a classifier says what it says of a text: what each token adds, the training documents most like it,"
        " and where the same words stand."
    ),
    epilog=example(
        "catenary explain sentiment '房间又小又旧' --out why.html\n"
        "catenary explain sentiment '房间又小又旧' --label positive --method rollout --index reviews --json"
    ),
)
@click.argument("model")
@click.argument("text")
@click.option("--label", help=say("The label to explain; none: the one that the model gives."))
@click.option(
    "--method",
    type=click.Choice(["gradients", "rollout"]),
    default="gradients",
    help=say("Integrated gradients, or attention roll-out."),
)
@click.option("--index", help=say("An index of the chain, to look for the same words in."))
@click.option("--like", type=click.IntRange(0), default=3, help=say("So many training documents like it."))
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help=say("An HTML file to write."))
@file_option
@set_option
@json_option
def command(
    model: str,
    text: str,
    label: str | None,
    method: Any,
    index: str | None,
    like: int,
    out: Path | None,
    file: Path | None,
    overrides: tuple[str, ...],
    as_json: bool,
) -> None:
    from catenary.evaluate.attribution import as_terminal
    from catenary.evaluate.explained import about, explain, explained_page
    from catenary.files import write_whole

    folder = model_folder(model, file, overrides)
    explained = explain(folder, text, label=label, method=method)
    documents = _like(folder, text, like, file, overrides) if like else []
    spans = _spans(index_folder(index, file, overrides), text) if index else []
    if out is not None:
        page = explained_page(text, explained, like=documents, spans=spans, lang=language())
        write_whole(out, page.encode("utf-8", "replace"))
    if as_json:
        print_json(
            {
                **asdict(explained),
                "like": documents,
                "spans": [{"text": words, **asdict(one)} for words, one in spans],
            }
        )
        return
    click.echo(f"{explained.label}: {explained.probability:.4f}")
    click.echo(as_terminal(explained.parts))
    strongest = render.table(say("token"), say("adds"), right=(1,))
    for one in sorted(explained.parts, key=lambda part: -abs(part.value))[:10]:
        strongest.add_row(one.token.strip(), f"{one.value:+.4f}")
    render.console().print(strongest)
    click.echo(about(explained))
    if documents:
        click.echo()
        click.echo(say("training documents most like it (a match of words, not a cause)"))
        for row in documents:
            click.echo(f"  doc:{row['id']}  {row['label'] or ''}  {row['text'][:60]}")
    if spans:
        click.echo()
        click.echo(say("Where the same words stand"))
        for words, span in spans:
            click.echo(f"  {span.occurrences:,} × {words}")
    if out is not None:
        click.echo(say("Written to {path}", path=out))


def _like(
    folder: Path, text: str, count: int, file: Path | None, overrides: Sequence[str]
) -> list[Mapping[str, Any]]:
    """Of a model of the chain: its training documents most like the text. Of any other folder nothing is known."""
    from catenary.stages.nearest import nearest

    if not (folder / "manifest.json").is_file():
        return []
    with open_store(load_chain(file, overrides)) as store:
        above = [store.get(row.id) for row in store.ancestors(folder.name) if row.kind == "dataset"]
        return nearest(text, above, count)


def _spans(folder: Path, text: str) -> list[tuple[str, Any]]:
    from catenary.evaluate.verbatim import Index
    from catenary.tokenizer import load

    tokenizer = load(folder)
    ids = tokenizer.encode(text)
    found = Index.open(folder).spans(ids)
    return [(tokenizer.decode(ids[one.start : one.end]).strip(), one) for one in found]
