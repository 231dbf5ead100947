"""Fields that carry risk: the answer says that it is no advice, and the receipt which field it is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Literal

from catenary.apps.port import App, Conversation, Note, Piece
from catenary.messages import Language, say

Field = Literal["medicine", "law", "finance"]


def notice(field: Field, language: Language) -> str:
    """What stands below each answer in a field."""
    return {
        "medicine": say("This is information, no medical advice: ask a doctor.", lang=language),
        "law": say("This is information, no legal advice: ask a lawyer.", lang=language),
        "finance": say("This is information, no investment advice: ask an adviser.", lang=language),
    }[field]


def in_field(app: App, field: Field) -> App:
    """The same application in a field that carries risk."""

    async def answer(conversation: Conversation) -> AsyncIterator[Piece]:
        yield Note({"risk": field})
        async for piece in app(conversation):
            yield piece
        yield "\n\n" + notice(field, conversation.language)

    return answer
