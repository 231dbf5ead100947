"""What a dataset holds for those who write: conversations, pairs of texts, preferences (docs/data-columns.md)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from catenary.data.annotations import annotated_documents_of
from catenary.errors import InvalidInput
from catenary.store import Artifact

Talk = list[dict[str, Any]]


def talks_of(folder: Path, split: str) -> list[Talk]:
    """The conversations of a split: `messages`, or `source` as the user's question and `target` as the reply."""
    return [_talk(document.columns, document.id) for document in annotated_documents_of(folder, split)]


def questions_of(folder: Path, split: str) -> tuple[list[str], list[Talk], list[str]]:
    """(ids, what comes before the last reply, that reply) of each conversation that ends with one."""
    ids, prompts, replies = [], [], []
    for document in annotated_documents_of(folder, split):
        talk = _talk(document.columns, document.id)
        while talk and talk[-1]["role"] != "assistant":
            talk = talk[:-1]
        if len(talk) > 1:
            ids.append(document.id)
            prompts.append(talk[:-1])
            replies.append(talk[-1]["content"])
    return ids, prompts, replies


def pairs_of(folder: Path, split: str) -> tuple[list[str], list[str], list[str]]:
    """(ids, sources, targets) of a split. Raises InvalidInput where a document has none."""
    documents = annotated_documents_of(folder, split, ["source", "target"])
    return (
        [one.id for one in documents],
        [one.columns["source"] for one in documents],
        [one.columns["target"] for one in documents],
    )


def groups_of(dataset: Artifact, split: str) -> list[str]:
    """For each document of a split, what those in its group have in common: the document itself where the dataset is
    not split by groups; its file where by something that the dataset no longer tells."""
    from catenary.data.repeats import iter_read

    group = dataset.manifest.settings["split"].get("group")
    column = {None: "id", "source": "source"}.get(group, "file")
    return [
        value for batch in iter_read(dataset.path, split, [column]) for value in batch[column].to_pylist()
    ]


def preferences_of(folder: Path, split: str) -> list[tuple[Talk, str, str]]:
    """(prompt, the better reply, the worse) of a split."""
    documents = annotated_documents_of(folder, split, ["prompt", "chosen", "rejected"])
    return [
        (
            _prompt(one.columns["prompt"]),
            _reply(one.columns["chosen"], one.id),
            _reply(one.columns["rejected"], one.id),
        )
        for one in documents
    ]


def _talk(columns: Any, name: str) -> Talk:
    if "messages" in columns:
        return list(columns["messages"])
    if "source" in columns:
        return [*_prompt(columns["source"]), {"role": "assistant", "content": columns["target"]}]
    raise InvalidInput(
        "Chat needs conversations.",
        got=f"doc:{name}",
        expected="the column messages, or source and target: see docs/data-columns.md",
    )


def _prompt(value: str | Sequence[dict[str, Any]]) -> Talk:
    return [{"role": "user", "content": value}] if isinstance(value, str) else list(value)


def _reply(value: str | Sequence[dict[str, Any]], name: str) -> str:
    if isinstance(value, str):
        return value
    if not value or value[-1]["role"] != "assistant":
        raise InvalidInput("A preference is between replies of the assistant.", got=f"doc:{name}")
    return str(value[-1]["content"])
