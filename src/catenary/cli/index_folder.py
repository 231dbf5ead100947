"""The index that a command names: one of the chain's, an artifact, or a folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from catenary.errors import NotFound


def index_folder(name: str, file: Path | None, overrides: Sequence[str] = ()) -> Path:
    """The folder of what `name` names. Raises NotFound."""
    path = Path(name).expanduser()
    if (path / "index.json").is_file():
        return path
    from catenary.chain.plan import plan
    from catenary.cli.options import load_chain, open_store

    chain = load_chain(file, overrides)
    with open_store(chain) as store:
        links = {link.full_name for link in chain.links}
        found = next((one for one in (name, f"indexes.{name}") if one in links), None)
        if found is None:
            return store.get(name).path
        step = plan(chain, store)[found]
        if not step.reused:
            raise NotFound(
                "This link has not been made yet.",
                got=found,
                expected="a link that `catenary status` shows as made",
                next=f"catenary run {found}",
            )
        return store.get(step.id).path
