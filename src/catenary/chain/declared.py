"""An artifact that says what a chain file declares and no stage makes, so that receipts lead to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from catenary.store import Store, recipe_id


def declared(
    store: Store, kind: str, recipe: Mapping[str, Any], text: str, headline: Mapping[str, Any]
) -> str:
    """The id of the artifact of this kind and recipe; it holds `text` as `<kind>.txt`, and is made where it is not."""
    made = recipe_id(kind, 1, recipe, {})
    if not store.has(made):
        with store.workspace(made, wait=True) as workspace:
            if not store.has(made):
                (workspace.out / f"{kind}.txt").write_text(text, "utf-8")
                store.commit(
                    workspace,
                    id=made,
                    kind=kind,
                    stage=kind,
                    version=1,
                    settings=recipe,
                    inputs={},
                    report={"headline": dict(headline)},
                )
    return made
