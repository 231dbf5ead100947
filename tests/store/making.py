"""Makes small artifacts for the tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from catenary.store import Artifact, Store, recipe_id


def make(
    store: Store,
    number: int = 0,
    *,
    inputs: Mapping[str, str] | None = None,
    kind: str = "dataset",
    files: Mapping[str, str] | None = None,
) -> Artifact:
    """A committed artifact; another `number` is another recipe."""
    recipe: dict[str, Any] = {
        "stage": "curate",
        "version": 1,
        "settings": {"number": number, "ratio": 0.5, "名": ["甲", None, True]},
        "inputs": dict(inputs or {}),
    }
    artifact_id = recipe_id(**recipe)
    with store.workspace(artifact_id) as workspace:
        for path, content in (files or {"a.txt": f"文 {number}", "part/b.txt": "b" * 5000}).items():
            (workspace.out / path).parent.mkdir(parents=True, exist_ok=True)
            (workspace.out / path).write_text(content, "utf-8")
        return store.commit(workspace, id=artifact_id, kind=kind, report={"kept": number}, **recipe)
