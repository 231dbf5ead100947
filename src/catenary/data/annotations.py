"""What a document carries besides text and label: tokens and their tags, a question and its answers, a dialogue.

    >>> told = annotations_in({"tokens": ["我", "在", "北京"], "tags": ["O", "O", "B-ns"], "day": 3})
    >>> told
    '{"tags":["O","O","B-ns"],"tokens":["我","在","北京"]}'
    >>> text_of(json.loads(told))
    '我在北京'

They travel as one JSON object in the column `annotations`, untouched: steps judge the `text`, and objectives learn
from the annotations. `docs/data-columns.md` lists the columns.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any
from unicodedata import east_asian_width

from catenary.errors import InvalidInput, NotFound

# Column → the types of which a value is meant as an annotation: `"tokens": 512` is somebody's count.
COLUMNS: Mapping[str, tuple[type, ...]] = {
    "labels": (list,),  # of a text that may have several
    "text_pair": (str,),  # the second text of a pair
    "tokens": (list,),
    "tags": (list,),  # one a token
    "question": (str,),
    "context": (str,),
    "answers": (dict,),  # characters of the context; empty lists: it holds no answer
    "messages": (list,),
    "source": (str,),
    "target": (str,),
    "prompt": (str, list),
    "chosen": (str, list),
    "rejected": (str, list),
}
# Columns that mean something only beside others: a `source` alone says where a text comes from.
TOGETHER = {
    "tags": ("tokens",),
    "question": ("context",),
    "context": ("question",),
    "answers": ("question", "context"),
    "source": ("target",),
    "target": ("source",),
    "prompt": ("chosen", "rejected"),
    "chosen": ("rejected",),
    "rejected": ("chosen",),
}


@dataclass(frozen=True, slots=True)
class Annotated:
    """A document with its annotations."""

    id: str
    text: str
    label: str | None
    columns: Mapping[str, Any]


def annotations_in(record: Mapping[str, object]) -> str | None:
    """The annotations in a record as canonical JSON, None where it has none.

    Raises InvalidInput for a column that has not its shape, and for columns that do not agree.
    """
    present = {name for name, types in COLUMNS.items() if isinstance(record.get(name), types)}
    found = {
        name: record[name]
        for name in COLUMNS
        if name in present and present.issuperset(TOGETHER.get(name, ()))
    }
    for name, value in found.items():
        if not _has_shape(name, value):
            raise InvalidInput("The column {column} has another shape.", column=name, got=repr(value)[:200])
    if "tags" in found and len(_list(found["tags"])) != len(_list(found["tokens"])):
        raise InvalidInput("Each token needs one tag.", got=repr(found["tokens"])[:200])
    if "answers" in found and not _stand_there(found["answers"], found["context"]):
        raise InvalidInput(
            "An answer does not stand where answer_start says.", got=repr(found["answers"])[:200]
        )
    return json.dumps(found, ensure_ascii=False, sort_keys=True, separators=(",", ":")) if found else None


def _has_shape(name: str, value: object) -> bool:
    if isinstance(value, str):
        return True
    if name == "answers":
        return isinstance(value, dict) and _are_answers(value.get("text"), value.get("answer_start"))
    if name in ("messages", "prompt", "chosen", "rejected"):
        return all(
            isinstance(one, dict) and isinstance(one.get("role"), str) and isinstance(one.get("content"), str)
            for one in _list(value)
        )
    return all(isinstance(one, str) for one in _list(value))


def _are_answers(texts: object, starts: object) -> bool:
    return (
        isinstance(texts, list)
        and isinstance(starts, list)
        and len(texts) == len(starts)
        and all(isinstance(text, str) for text in texts)
        and all(isinstance(start, int) and start >= 0 for start in starts)
    )


def _stand_there(answers: Any, context: Any) -> bool:
    pairs = zip(answers["text"], answers["answer_start"], strict=True)
    return all(context.startswith(text, start) for text, start in pairs)


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def text_of(columns: Mapping[str, Any]) -> str | None:
    """The text that annotations stand for where the record has none of its own: what the steps judge."""
    if "tokens" in columns:
        return joined(columns["tokens"])
    if "context" in columns:
        return "\n".join(part for part in (columns.get("question"), columns["context"]) if part)
    parts = [
        columns[name]
        for name in ("messages", "source", "target", "prompt", "chosen", "rejected")
        if name in columns
    ]
    told = [
        part if isinstance(part, str) else "\n".join(message["content"] for message in part) for part in parts
    ]
    return "\n".join(told) or None


def joined(tokens: Sequence[str]) -> str:
    """Tokens as running text: a space between two of them unless one side is Chinese, Japanese or Korean.

    >>> joined(["我", "用", "Python", "3", "写"])
    '我用Python 3写'
    """
    pieces = list(tokens[:1])
    for before, after in pairwise(tokens):
        spaced = before and after and not _is_wide(before[-1]) and not _is_wide(after[0])
        pieces += [" ", after] if spaced else [after]
    return "".join(pieces)


def _is_wide(character: str) -> bool:
    return east_asian_width(character) in "WF"


def annotated_documents_of(folder: Path, split: str, needed: Sequence[str] = ()) -> list[Annotated]:
    """The documents of a split with their annotations; empty where the dataset has no such split.

    Raises InvalidInput where a document lacks a column that is `needed`.
    """
    documents = list(_documents(folder, split))
    for name in needed:
        without = [document for document in documents if name not in document.columns]
        if without:
            raise InvalidInput(
                "Every document needs the column {column}; {missing} of {n} in the split `{split}` have none.",
                column=name,
                missing=len(without),
                n=len(documents),
                split=split,
                got=f"doc:{without[0].id}",
                expected="a source whose records have it: see docs/data-columns.md",
            )
    return documents


def _documents(folder: Path, split: str) -> Iterator[Annotated]:
    from catenary.data.repeats import iter_read

    try:
        for batch in iter_read(folder, split, ["id", "text", "label", "annotations"]):
            for row in batch.to_pylist():
                columns = json.loads(row["annotations"]) if row["annotations"] else {}
                yield Annotated(row["id"], row["text"], row["label"], columns)
    except NotFound:
        return
