"""`catenary trace`"""

from __future__ import annotations

from pathlib import Path

import click
from rich.markup import escape
from rich.tree import Tree

from catenary.chain import file as chain_file
from catenary.chain.picture import FILES_DRAWN, lineage_picture
from catenary.chain.spec import load
from catenary.chain.trace import DOCUMENT, RECEIPT, Node, trace
from catenary.cli import render
from catenary.cli.options import example, file_option, json_option, open_home, print_json
from catenary.errors import InvalidInput, NotFound
from catenary.files import write_whole
from catenary.messages import say
from catenary.stages import STAGES
from catenary.store import Store

COLOURS = {
    "answer": "bold cyan",
    "release": "bold green",
    "sign_off": "green",
    "gate": "green",
    "file": "yellow",
    "document": "bold",
}
ARTIFACTS = ("collection", "dataset", "tokenizer", "model", "evaluation", "release")
ON_ONE_LINE = ("file", "sign_off", "document")


@click.command(
    "trace",
    help=say("Trace an answer, artifact or document to what it was made of, or to all made from it."),
    epilog=example(
        "catenary trace --last\ncatenary trace rcpt_8a41…\ncatenary trace sentiment\ncatenary trace doc:5be1… --down\n"
        "catenary trace sentiment --picture sentiment.svg"
    ),
)
@click.argument("what", required=False)
@click.option("--down", is_flag=True, help=say("What was made from it, down to the endpoints."))
@click.option("--last", is_flag=True, help=say("The newest answer."))
@click.option(
    "--picture",
    type=click.Path(path_type=Path, dir_okay=False),
    help=say("Draw it into this SVG file instead."),
)
@file_option
@json_option
def command(
    what: str | None, down: bool, last: bool, picture: Path | None, file: Path | None, as_json: bool
) -> None:
    from catenary.stages.exposure import exposure
    from catenary.stages.nearest import nearest
    from catenary.stages.standing import standing

    if (what is None) == (not last):
        raise InvalidInput(
            "Trace what?",
            expected="a receipt, an artifact, a link, doc:<id>, or --last",
            next="catenary trace --last",
        )
    with open_home(file) as store:
        tree = trace(
            store,
            _newest(store) if what is None else _resolved(store, file, what),
            down=down,
            standing=lambda release: standing(store, release).sentence,
            nearest=nearest,
            exposure=lambda model, document: exposure(store, model, document),
        )
    if picture is not None:
        write_whole(picture, lineage_picture(tree, down=down).encode("utf-8"))
    if as_json:
        print_json(tree.to_json())
    elif picture is not None:
        click.echo(say("Drawn into {file}.", file=picture))
    else:
        render.console().print(drawn(tree))


def _newest(store: Store) -> str:
    receipts = store.receipts(limit=1)
    if not receipts:
        raise NotFound(
            "Nothing has been answered yet.",
            expected="a receipt, which every answer leaves behind",
            next="catenary ask <endpoint> <text>",
        )
    return receipts[0].id


def _resolved(store: Store, file: Path | None, what: str) -> str:
    """A link's name stands for the artifact it points to."""
    if what.startswith((RECEIPT, DOCUMENT)):
        return what
    chain = load(chain_file.find(file), STAGES)
    links = store.links(chain.project.name)
    named = [
        name for name in links if what in (name, name.split(".", 1)[1]) and not name.startswith("endpoints.")
    ]
    preferred = [name for name in named if name.startswith("releases.")] or named
    return links[preferred[0]].artifact_id if preferred else what


def drawn(node: Node, tree: Tree | None = None) -> Tree:
    """The lineage as a tree for the terminal."""
    colour = COLOURS.get(node.kind, "")
    label = f"[{colour}]{escape(node.title)}[/]" if colour else escape(node.title)
    if node.kind in ARTIFACTS:
        label = f"[dim]{say(node.kind)}[/] {label}  [dim]{render.short(node.id)}[/]"
    if node.seen:
        label += f"  [dim]({say('drawn above')})[/]"
    facts = [fact for fact in node.facts if fact]
    if node.kind in ON_ONE_LINE and tree is not None:
        label += f"  [dim]{escape('  '.join(facts))}[/]"
        facts = []
    branch = Tree(label, guide_style="dim") if tree is None else tree.add(label)
    for fact in facts:
        branch.add(f"[dim]{escape(fact)}[/]")
    files = [child for child in node.children if child.kind == "file"]
    hidden = {id(child) for child in files[FILES_DRAWN:]}
    for child in node.children:
        if id(child) not in hidden:
            drawn(child, branch)
    if hidden:
        branch.add(f"[dim]{say('and {n} more files: --json names all', n=f'{len(hidden):,}')}[/]")
    return branch
