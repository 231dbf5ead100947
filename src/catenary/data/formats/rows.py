"""Rows of tables and JSON objects as records: a text with a label, or columns that belong together.

    {"text": …}                                         a plain text
    {"messages": …}, {"tokens": …, "tags": …} …         as docs/data-columns.md names them
    {"conversations": [{"from": "human", "value": …}]}  ShareGPT → messages
    {"instruction": …, "input": …, "output": …}         Alpaca → messages
    {"translation": {"en": …, "zh": …}}                 parallel text of Hugging Face → source, target

Columns of other names are named by the source: `fields: {question: q, context: passage}`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from catenary.data.annotations import annotations_in, text_of
from catenary.data.formats.records import Records
from catenary.errors import InvalidInput

if TYPE_CHECKING:
    from catenary.data.sources import Source

Row = Mapping[str, Any]

ROLES = {
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "bot": "assistant",
    "model": "assistant",
    "chatgpt": "assistant",
    "system": "system",
    "tool": "tool",
    "function": "tool",
    "observation": "tool",
    "function_call": "assistant",
}


def add_row(records: Records, offset: int, row: Row, source: Source, whole: bytes | None = None) -> None:
    """Add one row. `whole` stands for it in the digest where it has no text."""
    row = _renamed(row, source.fields)
    if whole is None:
        whole = repr(row.get(source.text)).encode("utf-8", "surrogatepass")
    text, label = row.get(source.text), row.get(source.label) if source.label else None
    try:
        annotations = _annotations(row, source, label)
    except InvalidInput:
        records.add(offset, whole=whole, why="read:bad_annotations")
        return
    if annotations is not None and text is None:
        text = text_of(json.loads(annotations))
    told = str(label) if isinstance(label, str | int | float) else None
    if not isinstance(text, str):
        records.add(offset, label=told, whole=whole, why="read:no_text")
    elif (
        len(text) > source.max_document_bytes
        or len(text.encode("utf-8", "replace")) > source.max_document_bytes
    ):
        records.add(offset, whole=whole, why="read:too_large")
    elif _is_text((told or "") + (annotations or "") + text):
        records.add(offset, text, told, annotations)
    else:  # bytes that were no text; and JSON can escape half of a surrogate pair
        records.add(offset, whole=whole, why="read:not_text")


def has_documents(names: set[str], source: Source) -> bool:
    """Whether a table with these columns can hold documents at all."""
    from catenary.data.annotations import COLUMNS

    told = {*COLUMNS, *SHAPES, "conversations", "conversation", "translation", *source.fields}
    return source.text in names or bool(told & names) or bool(set(source.fields.values()) & names)


def wanted(names: list[str], source: Source) -> list[str]:
    """The columns of a table that `add_row` looks at; all of them where it has no plain text."""
    from catenary.data.annotations import COLUMNS

    if source.text not in names:
        return names
    told = {source.text, source.label, *COLUMNS, *source.fields.values()}
    return [name for name in names if name in told]


def _annotations(row: Row, source: Source, label: object) -> str | None:
    own = {name: value for name, value in row.items() if name != source.text}
    if source.label and isinstance(label, list):
        own["labels"] = label
    if source.text not in row:
        own.update(_shaped(own))
    for name in ("messages", "prompt", "chosen", "rejected"):
        if isinstance(own.get(name), list | dict):
            own[name] = conversation(own[name])
    return annotations_in(own)


def _renamed(row: Row, fields: Mapping[str, str]) -> Row:
    if not fields:
        return row
    taken = set(fields.values())
    kept = {name: value for name, value in row.items() if name not in taken}
    return kept | {ours: row[theirs] for ours, theirs in fields.items() if theirs in row}


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


# ── instruction sets and chats ──────────────────────────────────────────────────────────────────────────────────


def _shaped(row: Row) -> dict[str, Any]:
    """The columns of our names that a row in another shape stands for."""
    for name in ("conversations", "conversation"):
        if isinstance(row.get(name), list) and "messages" not in row:
            return _share_gpt(row, name)
    translation = row.get("translation")
    if isinstance(translation, dict) and len(translation) == 2:
        first, second = translation.values()
        return {"source": first, "target": second}
    if "messages" not in row and isinstance(row.get("instruction"), str):
        return _alpaca(row)
    return {}


SHAPES = ("instruction",)


def _share_gpt(row: Row, name: str) -> dict[str, Any]:
    messages = conversation(row[name])
    if isinstance(row.get("system"), str) and row["system"].strip():
        messages = [{"role": "system", "content": row["system"]}, *messages]
    if "chosen" in row and "rejected" in row:  # the conversation up to the answers that were compared
        return {"prompt": messages}
    return {"messages": messages}


def _alpaca(row: Row) -> dict[str, Any]:
    given = row.get("input")
    asked = row["instruction"] + (f"\n{given}" if isinstance(given, str) and given.strip() else "")
    messages = []
    if isinstance(row.get("system"), str) and row["system"].strip():
        messages.append({"role": "system", "content": row["system"]})
    for turn in row.get("history") or ():
        if isinstance(turn, list) and len(turn) == 2:
            messages += [
                {"role": role, "content": said}
                for role, said in zip(("user", "assistant"), turn, strict=True)
            ]
    messages.append({"role": "user", "content": asked})
    if "chosen" in row and "rejected" in row:
        return {"prompt": messages}
    answer = row.get("output", row.get("response"))
    if not isinstance(answer, str):
        return {}
    return {"messages": [*messages, {"role": "assistant", "content": answer}]}


def conversation(turns: object) -> list[Any]:
    """Messages as `[{role, content}]`, from those or from ShareGPT's `[{from, value}]`, or from a single one.

    Content in parts (OpenAI's `[{type: text, text: …}]`) becomes their text; a turn of another shape stays as it is,
    and is refused as no message by whoever takes the column.
    """
    return [_message(turn) for turn in (turns if isinstance(turns, list) else [turns])]


def _message(turn: object) -> object:
    if not isinstance(turn, dict):
        return turn
    role = turn.get("role", turn.get("from"))
    content = turn.get("content", turn.get("value"))
    if isinstance(content, list):
        parts = [
            part.get("text") for part in content if isinstance(part, dict) and part.get("type") == "text"
        ]
        content = (
            "\n".join(part for part in parts if isinstance(part, str)) if len(parts) == len(content) else None
        )
    if not isinstance(role, str) or not isinstance(content, str):
        return turn
    return {"role": ROLES.get(role.lower(), role), "content": content}
