"""`catenary review export | agree`"""

from __future__ import annotations

from pathlib import Path

import click

from catenary.cli import render
from catenary.cli.options import example, file_option, json_option, load_chain, open_store, print_json
from catenary.errors import NotFound
from catenary.messages import say

DISPUTED_SHOWN = 20


@click.group(
    "review",
    help=say("Give documents to reviewers, and see how far two of them agree."),
    epilog=example(
        "catenary review export reviews tasks.csv --sample 200\ncatenary review agree anna.csv bo.csv"
    ),
)
def command() -> None:
    """The group."""


@command.command(
    "export",
    help=say("Write documents of a dataset for reviewers: .csv, .jsonl, or .json for Label Studio."),
    epilog=example(
        "catenary review export reviews tasks.csv --sample 200\n"
        "catenary review export reviews.test tasks.json --suspects"
    ),
)
@click.argument("dataset")
@click.argument("out", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--sample", type=click.IntRange(1), help=say("So many documents, by lot."))
@click.option(
    "--suspects", is_flag=True, help=say("Those whose labels the step `labels` found wrong or missing.")
)
@click.option("--blind", is_flag=True, help=say("Without the labels that they bear."))
@file_option
@json_option
def export_command(
    dataset: str,
    out: Path,
    sample: int | None,
    suspects: bool,
    blind: bool,
    file: Path | None,
    as_json: bool,
) -> None:
    from catenary.data.review import chosen, export

    name, _, split = dataset.removeprefix("datasets.").partition(".")
    chain = load_chain(file)
    with open_store(chain) as store:
        pointed = store.links(chain.project.name).get(f"datasets.{name}")
        if pointed is None:
            raise NotFound(
                "This dataset has not been made yet.",
                got=f"datasets.{name}",
                expected="one of: {names}",
                names=", ".join(link.name for link in chain.links if link.section == "datasets") or "-",
                next=f"catenary run datasets.{name}",
            )
        folder = store.get(pointed.artifact_id).path
    count = export(chosen(folder, split or None, sample=sample, suspects=suspects, blind=blind), out)
    if as_json:
        print_json({"documents": count, "file": str(out)})
        return
    console = render.console()
    console.print(say("{n} documents in {file}.", n=count, file=out), soft_wrap=True)
    console.print(say("Next:"))
    console.print("  catenary review agree anna.csv bo.csv", markup=False)


@command.command(
    "agree",
    help=say("Compare what two reviewers have labelled: Cohen's kappa, and what they differ on."),
    epilog=example("catenary review agree anna.csv bo.csv --out disputed.csv"),
)
@click.argument("one", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.argument("other", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help=say("Write what they differ on.")
)
@json_option
def agree_command(one: Path, other: Path, out: Path | None, as_json: bool) -> None:
    from catenary.data.review import agreed, read_labels, write_disputed

    told = agreed(read_labels(one), read_labels(other))
    if out is not None:
        write_disputed(told, out)
    if as_json:
        print_json({**told.summary(), "differ": {key: list(both) for key, both in told.disputed.items()}})
        return
    console = render.console()
    table = render.table(say("reviewed by both"), say("agreed"), say("disputed"), "kappa", right=(0, 1, 2, 3))
    both = len(told.labels) + len(told.disputed)
    table.add_row(str(both), str(len(told.labels)), str(len(told.disputed)), f"{told.kappa:.3f}")
    console.print(table)
    if told.disputed:
        differ = render.table(say("document"), one.name, other.name)
        for key, labels in list(told.disputed.items())[:DISPUTED_SHOWN]:
            differ.add_row(key, *labels)
        console.print(differ)
    console.print(say("Next:"))
    console.print(f"  reviewed: [{one}, {other}]", markup=False, soft_wrap=True)
