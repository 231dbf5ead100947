"""Proofreading: slips of form found by rules, and what a model would write instead, change by change."""

from __future__ import annotations

from collections.abc import AsyncIterator
from difflib import SequenceMatcher
from itertools import accumulate, pairwise
from typing import Any

from catenary.apps.port import App, ChatModel, Conversation, Note, Piece, whole
from catenary.apps.templates import template
from catenary.evaluate.slips import slips
from catenary.messages import Language, say

INSTRUCTION: dict[Language, str] = {
    "en": "Correct the spelling and grammar of the text. Change nothing else. Give the corrected text alone.",
    "zh": "改正文中的错别字和语病，其余不改，只给出改正后的文字。",
}
MOST_CHANGED = 0.5  # of the words: a text that is changed more was written anew, not corrected


def proofread(*, model: ChatModel | None = None) -> App:
    """The application: a list of what to change; the receipt has it with its places."""

    async def answer(conversation: Conversation) -> AsyncIterator[Piece]:
        text, language = conversation.question, conversation.language
        found: list[dict[str, Any]] = [
            {"start": one.start, "end": one.start + len(one.text), "was": one.text, "kind": one.kind}
            for one in slips(text)
        ]
        if model is None:
            yield Note({"template": template("proofread/rules", "")})
        else:
            system = INSTRUCTION[language]
            yield Note({"template": template("proofread/write", system), "model": model.name})
            messages = [{"role": "system", "content": system}, {"role": "user", "content": text}]
            told = changes(text, (await whole(model.write(messages))).strip())
            yield Note({"rewritten": told is None})
            found += told or []
        yield Note({"changes": found})
        if not found:
            yield say("Nothing to change was found.", lang=language)
        for number, one in enumerate(sorted(found, key=lambda one: one["start"])):
            line = f"{one['was']} → {one['now']}" if "now" in one else f"{one['was']} ({one['kind']})"
            yield ("\n" if number else "") + f"- {one['start']}: {line}"

    return answer


def changes(text: str, corrected: str) -> list[dict[str, Any]] | None:
    """What was changed, in words with their places; None where it was rather written anew."""
    places = [_places(one) for one in (text, corrected)]
    was, now = ([one[a:b] for a, b in spans] for one, spans in zip((text, corrected), places, strict=True))
    matcher = SequenceMatcher(None, was, now, autojunk=False)
    if matcher.ratio() < 1 - MOST_CHANGED:
        return None
    found = []
    for kind, i, j, k, m in matcher.get_opcodes():
        if kind == "equal":
            continue
        start = places[0][i][0] if i < len(was) else len(text)
        end = places[0][j - 1][1] if j > i else start
        new = corrected[places[1][k][0] : places[1][m - 1][1]] if m > k else ""
        found.append({"start": start, "end": end, "was": text[start:end], "now": new, "kind": "model"})
    return found


def _places(text: str) -> list[tuple[int, int]]:
    """Where the words and marks of a text stand; jieba cuts at white space too."""
    import rjieba  # reads its dictionary, which takes a fifth of a second

    ends = accumulate(map(len, rjieba.cut(text)), initial=0)
    return [(start, end) for start, end in pairwise(ends) if not text[start:end].isspace()]
