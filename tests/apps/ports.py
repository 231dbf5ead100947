"""Fakes that implement the ports of `catenary.apps`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from catenary.apps import App, Conversation, Note


class Scripted:
    """A `ChatModel` that says what it was told to, a few characters at a time, and keeps what it was asked."""

    name = "scripted"
    translates = False

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked: list[list[Mapping[str, Any]]] = []
        self.schemas: list[Mapping[str, Any] | None] = []
        self.most: list[int | None] = []

    async def write(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        max_tokens: int | None = None,
        temperature: float = 0.0,
        schema: Mapping[str, Any] | None = None,
        repeats: bool = False,
    ) -> AsyncIterator[str]:
        self.asked.append(list(messages))
        self.schemas.append(schema)
        self.most.append(max_tokens)
        text = self.answers.pop(0)
        for start in range(0, len(text), 5):
            yield text[start : start + 5]


async def told(app: App, *messages: str) -> tuple[str, dict[str, Any]]:
    """(what an application says, its notes) in a conversation whose turns are the user's and its own in turn."""
    roles = ("user", "assistant")
    turns = [{"role": roles[number % 2], "content": text} for number, text in enumerate(messages)]
    text, notes = "", {}
    async for piece in app(Conversation(turns)):
        if isinstance(piece, Note):
            notes.update(piece.values)
        else:
            text += piece
    return text, notes
