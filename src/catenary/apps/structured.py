"""Answers for programs: fields taken from a text by a JSON schema, and labels by a classifier."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Collection, Mapping
from typing import Any

from catenary.apps.port import App, ChatModel, Classify, Conversation, Note, Piece
from catenary.apps.templates import template
from catenary.messages import Language

INSTRUCTION: dict[Language, str] = {
    "en": "Take the fields of the schema from the text, in its own words. Leave empty what it does not say.",
    "zh": "从文中取出各字段的值，用原文的词；文中没有的留空。",
}

BESIDE_TOKENS = 64


def extract(model: ChatModel, schema: Mapping[str, Any]) -> App:
    """JSON of `schema`, which the engine holds the model to; `unsupported` notes the values that the text has not."""

    async def answer(conversation: Conversation) -> AsyncIterator[Piece]:
        text, language = conversation.question, conversation.language
        system = INSTRUCTION[language]
        yield Note(
            {
                "template": template("extract", system + json.dumps(schema, sort_keys=True)),
                "model": model.name,
            }
        )
        messages = [{"role": "system", "content": system}, {"role": "user", "content": text}]
        told = ""
        # Values stand in the text. A small model that is held to JSON may write one for ever.
        most = len(text) + len(json.dumps(schema)) + BESIDE_TOKENS
        most = min(conversation.max_tokens or most, most)
        async for piece in model.write(messages, max_tokens=most, schema=schema):
            told += piece
            yield piece
        try:
            values = json.loads(told)
        except ValueError:  # cut off at max_tokens
            yield Note({"unsupported": ["$"]})
            return
        yield Note({"unsupported": sorted(path for path, value in _leaves(values) if value not in text)})

    return answer


def _leaves(value: Any, path: str = "$") -> list[tuple[str, str]]:
    """(path, text) of every string in a JSON value."""
    if isinstance(value, Mapping):
        return [leaf for name, one in value.items() for leaf in _leaves(one, f"{path}.{name}")]
    if isinstance(value, list):
        return [leaf for at, one in enumerate(value) for leaf in _leaves(one, f"{path}[{at}]")]
    return [(path, value)] if isinstance(value, str) else []


def classify(label: Classify, *, flags: Collection[str] = (), above: float = 0.5) -> App:
    """A line of JSON for each line of a text: its label, and which of `flags` are at least as probable as `above`."""

    async def answer(conversation: Conversation) -> AsyncIterator[Piece]:
        lines = [line for line in conversation.question.split("\n") if line.strip()]
        yield Note({"template": template("classify", "")})
        for number, (line, scores) in enumerate(zip(lines, await label(lines), strict=True)):
            best = max(scores, key=scores.__getitem__)
            flagged = [name for name in flags if scores.get(name, 0.0) >= above]
            told = {"text": line, "label": best, "probability": round(scores[best], 4), "flagged": flagged}
            yield ("\n" if number else "") + json.dumps(told, ensure_ascii=False)

    return answer
