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
    from catenary.chain.made import made
    from catenary.cli.options import load_chain, open_store

    chain = load_chain(file, overrides)
    with open_store(chain) as store:
        folder = made(chain, store, name, "indexes").path
    if not (folder / "index.json").is_file():
        raise NotFound(
            "This index holds no spans of words.",
            got=name,
            expected="an index with `tokenizer:`, or `catenary search`",
        )
    return folder
