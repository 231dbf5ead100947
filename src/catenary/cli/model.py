"""The model that a command names: a release or model of the chain, an artifact, a folder or a GGUF file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args

import click

from catenary.errors import InvalidInput, NotFound
from catenary.messages import say

if TYPE_CHECKING:
    from catenary.store import Artifact, Store

F = TypeVar("F", bound=Callable[..., Any])


def model_options(command: F) -> F:
    """`--engine` and `--threads`."""
    from catenary.inference.load import Engine

    engine = click.option(
        "--engine",
        type=click.Choice(get_args(Engine)),
        default="auto",
        help=say("What runs the model; auto: what its folder was made for."),
    )
    threads = click.option(
        "--threads", type=click.IntRange(1), help=say("Threads of the engine; all cores where left out.")
    )
    return engine(threads(command))


def model_folder(name: str, file: Path | None, overrides: Sequence[str] = ()) -> Path:
    """The folder (or GGUF file) of what `name` names. Raises NotFound.

    A name that is a path on disk is taken as one; else the chain's releases come before its models.
    """
    path = Path(name).expanduser()
    if path.is_dir() or (path.is_file() and path.suffix == ".gguf"):
        return path
    if path.suffix == ".gguf" or name.startswith((".", "/", "~")):
        raise NotFound("There is no model folder here.", got=name)
    from catenary.chain.plan import plan
    from catenary.cli.options import load_chain, open_store

    chain = load_chain(file, overrides)
    with open_store(chain) as store:
        sections = ("releases", "models")
        named = [f"{section}.{name}" for section in sections]
        links = {link.full_name for link in chain.links}
        found = next((one for one in (name, *named) if one in links), None)
        if found is None:
            artifact = store.get(name)
        else:
            step = plan(chain, store)[found]
            if not step.reused:
                raise NotFound(
                    "This link has not been made yet.",
                    got=found,
                    expected="a link that `catenary status` shows as made",
                    next=f"catenary run {found}",
                )
            artifact = store.get(step.id)
        if artifact.kind not in ("release", "model") or artifact.stage == "release_index":
            raise InvalidInput(
                "This is no model.",
                got=f"{name} ({artifact.kind})",
                expected="a release or a model of the chain",
            )
        _tell_unreleased(store, artifact)
        return _whole(store, artifact)


def _tell_unreleased(store: Store, artifact: Artifact) -> None:
    if artifact.kind != "release":
        return
    from catenary.stages.standing import standing

    where = standing(store, artifact)
    if not where.released:
        click.echo(
            click.style(say("UNRELEASED: served without its gates and sign-offs"), fg="yellow")
            + f" ({where.sentence})",
            err=True,
        )


def _whole(store: Store, artifact: Artifact) -> Path:
    """The artifact's folder; of an adapter, a kept one with it put on what it stands on."""
    if not (artifact.path / "adapter_config.json").is_file():
        return artifact.path
    from catenary.inference.kept import kept
    from catenary.models import copy_companions, load, load_adapter, merge_adapter, save

    def make(folder: Path) -> None:
        below = _whole(store, store.get(artifact.manifest.inputs["init"]))
        model = load(below).float()
        load_adapter(model, artifact.path)
        merge_adapter(model)
        save(model, folder)
        copy_companions(artifact.path, folder)

    return kept("merged", [], make, how=artifact.id)
