"""Translations line by line: what is layout stays (indents, list marks, headings, empty lines, program text), and each
line is told when it is done. Terms of a list that stand in a line must stand in its translation as the list has them;
where they do not, the receipt says so.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping

from catenary.apps.port import App, ChatModel, Conversation, Note, Piece, whole
from catenary.apps.templates import template
from catenary.messages import language_of
from catenary.search.chunk import FENCES

MARKS = re.compile(r"\s*(?:#{1,6}\s+|[-*+]\s+|\d+[.)、]\s*|>\s*)?")
INSTRUCTION = "Translate the user's text into {language}. Give the translation alone."
NAMES = {"zh": "Chinese", "en": "English"}


def translate(model: ChatModel, *, to: str | None = None, terms: Mapping[str, str] | None = None) -> App:
    """The application. `to`: zh or en; left out, the other one. `terms`: source → target, as they must be."""
    listed = dict(terms or {})

    async def answer(conversation: Conversation) -> AsyncIterator[Piece]:
        text = conversation.question
        target = to or ("en" if language_of(text) == "zh" else "zh")
        system = INSTRUCTION.format(language=NAMES[target])
        yield Note({"template": template("translate", system), "model": model.name})
        missed: list[dict[str, str | int]] = []
        fenced = False
        for number, line in enumerate(text.split("\n"), 1):
            if number > 1:
                yield "\n"
            if line.strip()[:3] in FENCES:
                fenced = not fenced
                yield line
                continue
            mark = MARKS.match(line)
            start = mark.end() if mark else 0
            body = line[start:].strip()
            if fenced or not any(map(str.isalnum, body)):
                yield line
                continue
            wanted = {one: other for one, other in listed.items() if one.lower() in body.lower()}
            told = " ".join((await whole(model.write(_asked(model, system, body, wanted)))).split())
            missed += [
                {"line": number, "term": one, "expected": other}
                for one, other in wanted.items()
                if other.lower() not in told.lower()
            ]
            yield line[:start] + told
        yield Note({"terms_missed": missed})

    return answer


def _asked(model: ChatModel, system: str, text: str, wanted: Mapping[str, str]) -> list[dict[str, str]]:
    if model.translates:
        return [{"role": "user", "content": text}]
    glossary = "; ".join(f"{one} = {other}" for one, other in wanted.items())
    told = f"{system} Use these terms: {glossary}." if wanted else system
    return [{"role": "system", "content": told}, {"role": "user", "content": text}]
