"""Options that several commands share, and the opened chain they lead to."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from catenary.chain import file as chain_file
from catenary.chain.spec import Chain, load
from catenary.config import Home
from catenary.messages import say
from catenary.stages import STAGES
from catenary.store import Store

F = TypeVar("F", bound=Callable[..., Any])


def file_option(command: F) -> F:
    """`-f/--file`: the chain file or its folder."""
    return click.option(
        "-f", "--file", "file", type=click.Path(path_type=Path), help=say("The chain file or its folder.")
    )(command)


def set_option(command: F) -> F:
    """`--set key=value`: override values of the chain file for this call."""
    return click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="KEY=VALUE",
        help=say("Override one value, for this call only."),
    )(command)


def json_option(command: F) -> F:
    """`--json`: print for machines."""
    return click.option("--json", "as_json", is_flag=True, help=say("Print JSON."))(command)


def example(text: str) -> str:
    """The epilog of a command's help."""
    return say("Example:") + "\n\n\b\n" + "\n".join(f"  {line}" for line in text.splitlines())


def load_chain(file: Path | None, overrides: Sequence[str] = ()) -> Chain:
    """The checked chain of `--file`, or of this folder or the nearest above it."""
    return load(chain_file.find(file), STAGES, overrides)


@contextmanager
def open_store(chain: Chain) -> Iterator[Store]:
    """The chain's store, made on first use."""
    with Store.open(Home.of(chain.folder)) as store:
        yield store


@contextmanager
def open_home(file: Path | None) -> Iterator[Store]:
    """The store beside the chain file, without reading the chain."""
    with Store.open(Home.of(chain_file.find(file).parent)) as store:
        yield store


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=1, default=str))
