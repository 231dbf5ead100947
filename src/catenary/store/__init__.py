"""What exists: artifacts in a folder of objects, and a catalog of them, their lineage and what happened to
them.

A stage's output flows in through `workspace` and `commit`, and is immutable from then on; `get`,
`ancestors` and `find_document` lead to it and back to where it came from.

    from pathlib import Path

    from catenary.config import Home
    from catenary.store import Store, recipe_id

    with Store.open(Home.of(Path("."))) as store:
        recipe = {"stage": "curate", "version": 1, "settings": {"min_chars": 4}, "inputs": {}}
        artifact_id = recipe_id(**recipe)
        with store.workspace(artifact_id) as workspace:
            (workspace.out / "documents.txt").write_text("你好\\n", "utf-8")
            artifact = store.commit(workspace, id=artifact_id, kind="dataset", report={"kept": 1}, **recipe)
        assert (store.get(artifact_id[:12]).path / "documents.txt").exists()

Read `objects.py` for how an artifact lies on disk, `commit.py` for what a crash can and cannot do,
`tables.py` for the catalog.
"""

from catenary.findings import Finding
from catenary.store.catalog import ArtifactRow, LinkRow
from catenary.store.erasures import Erasure
from catenary.store.gc import Garbage
from catenary.store.lineage import Edge, Lineage
from catenary.store.manifest import FileEntry, Manifest, recipe_id
from catenary.store.objects import Artifact, Workspace, short
from catenary.store.receipts import Feedback, Receipt, Usage
from catenary.store.releases import GateResult, SignOffRow
from catenary.store.runs import Metric, RunRow
from catenary.store.store import Store

__all__ = [
    "Artifact",
    "ArtifactRow",
    "Edge",
    "Erasure",
    "Feedback",
    "FileEntry",
    "Finding",
    "Garbage",
    "GateResult",
    "Lineage",
    "LinkRow",
    "Manifest",
    "Metric",
    "Receipt",
    "RunRow",
    "SignOffRow",
    "Store",
    "Usage",
    "Workspace",
    "recipe_id",
    "short",
]
