"""The index that an application answers from, opened."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from catenary.apps.port import Embed
from catenary.chain.made import made
from catenary.chain.spec import Chain
from catenary.digest import file_sha256
from catenary.errors import Damaged, InvalidInput
from catenary.search import SearchIndex
from catenary.serve.engine import Engine
from catenary.serve.local_engine import LocalEngine, command_for
from catenary.store import Artifact, Store


@dataclass(frozen=True, slots=True)
class OpenedIndex:
    """An index of the chain, and the model that made its vectors where it has some."""

    artifact: Artifact
    index: SearchIndex
    engine: Engine | None

    @property
    def embed(self) -> Embed | None:
        """Texts as the index's vectors are."""
        engine = self.engine
        return None if engine is None else lambda texts: _vectors(engine, texts)


async def _vectors(engine: Engine, texts: Sequence[str]) -> Any:
    import numpy as np

    told = await engine.embed(list(texts))
    return np.stack([np.frombuffer(base64.b64decode(one), "<f4") for one in told.base64])


def open_index(chain: Chain, store: Store, name: str) -> OpenedIndex:
    """The index of this name, as the chain file declares it now. Raises NotFound, Damaged and InvalidInput."""
    artifact = made(chain, store, f"indexes.{name}")
    if artifact.stage != "index_passages":
        raise InvalidInput(
            "This index holds no passages.", got=name, expected="`indexes: {name: {kind: passages, from: …}}`"
        )
    index = SearchIndex.open(artifact.path)
    model = artifact.manifest.inputs.get("embed")
    engine = None
    if model is not None and index.vectors is not None:
        engine = LocalEngine(command_for(store.get(model).path, "embed"), name=f"index/{name}")
    return OpenedIndex(artifact, index, engine)


def open_knowledge(chain: Chain, store: Store, name: str, index: OpenedIndex) -> Artifact:
    """The graph of this name, read from this index. Raises NotFound and InvalidInput."""
    artifact = made(chain, store, f"indexes.{name}")
    if artifact.stage != "knowledge" or artifact.manifest.inputs["from"] != index.artifact.id:
        raise InvalidInput(
            "This is no knowledge of the application's index.",
            got=name,
            expected="`indexes: {name: {kind: knowledge, from: …}}`, from the same index",
        )
    return artifact


def open_histories(chain: Chain, store: Store, name: str) -> Artifact:
    """The dataset of this name. No release signs it, so each of its files is compared with its manifest here.

    Raises NotFound and Damaged.
    """
    artifact = made(chain, store, f"datasets.{name}")
    for path, entry in artifact.manifest.files.items():
        if file_sha256(artifact.path / path) != entry.sha256:
            raise Damaged(
                "A file of the histories is not as it was made, so they are not read.",
                where=str(artifact.path / path),
                next="catenary verify",
            )
    return artifact


def passage_json(index: SearchIndex, passage: str) -> dict[str, Any]:
    """A passage in its document, as JSON values: what is before it, it, and what is behind. Raises NotFound."""
    found = index.by_id(passage)
    text = index.text_of(found.document)
    return {
        "id": found.id,
        "document": found.document,
        "source": found.source,
        "file": found.file,
        "licence": found.licence,
        "headings": list(found.headings),
        "before": text[: found.start],
        "text": found.text,
        "after": text[found.end :],
    }
