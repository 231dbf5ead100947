"""A model of the chain, whole: an adapter is put on what it stands on, and folded in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from catenary.chain.stage import Work
from catenary.store import Artifact

if TYPE_CHECKING:
    from catenary.models import HeadName, Model


def open_model(work: Work[Any], artifact: Artifact, head: HeadName | None = None) -> Model:
    """The model of an artifact, in fp32 and evaluation mode; its tokenizer and chat template lie in its folder."""
    from catenary.models import is_adapter, load, load_adapter, merge_adapter

    if not is_adapter(artifact.path):
        return load(artifact.path, head).float()
    lineage = {one.id: one for one in work.ancestors(artifact.id)}
    model = open_model(work, lineage[artifact.manifest.inputs["init"]], head)
    load_adapter(model, artifact.path)
    merge_adapter(model)
    return model.eval()
