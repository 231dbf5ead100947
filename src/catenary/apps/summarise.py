"""Summaries: key points in the text's own words, or what a model writes from them.

The key points are the sentences most like the rest of the text (the mean cosine of their words' tf-idf to all others':
degree centrality, Erkan and Radev 2004, LexRank without the walk), somewhat more for the first ones, in the order of
the text. They need no model and are the control of every summary that one writes. A text that is longer than a model
should read is summed up in parts, and the parts' summaries together.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import AsyncIterator

import numpy as np

from catenary.apps.port import App, ChatModel, Conversation, Note, Piece, whole
from catenary.apps.templates import template
from catenary.data.sentences import sentences
from catenary.messages import Language
from catenary.search.chunk import ChunkSettings, chunks, columns
from catenary.search.terms import question_terms

INSTRUCTION: dict[Language, str] = {
    "en": "Sum up the text in a few sentences. Add nothing that it does not say.",
    "zh": "用几句话概括这段文字，不要添加文中没有的内容。",
}
READ_AT_ONCE = 6000  # columns that a model reads
WRITTEN_TOKENS = 256  # of a summary at most
MOST_SENTENCES = 2000  # that are compared
LEAD = 0.25  # more for a text's first sentence, half as much for its second …: chosen in examples/kinds


def key_points(text: str, most: int = 5) -> list[str]:
    """The sentences that say most of a text, in its order; all where there are no more."""
    found = [one for one in sentences(text) if columns(one) >= 10][:MOST_SENTENCES]
    if len(found) <= most:
        return found
    bags = [Counter(question_terms(one)) for one in found]
    have = Counter(term for bag in bags for term in bag)
    number = {term: at for at, term in enumerate(have)}
    vectors = np.zeros((len(found), len(number)), np.float32)
    for row, bag in enumerate(bags):
        for term, count in bag.items():
            vectors[row, number[term]] = count * math.log(1 + len(found) / have[term])
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    likeness = vectors @ vectors.T
    worth = likeness.mean(axis=1) * (1 + LEAD / np.arange(1, len(found) + 1))
    chosen: list[int] = []
    for at in np.argsort(-worth, kind="stable").tolist():
        if all(likeness[at, other] < 0.7 for other in chosen):  # not the same again
            chosen.append(at)
        if len(chosen) == most:
            break
    return [found[at] for at in sorted(chosen)]


def summarise(*, points: int = 5, model: ChatModel | None = None) -> App:
    """The application: `points` sentences of the text, or what `model` makes of it."""

    async def answer(conversation: Conversation) -> AsyncIterator[Piece]:
        text, language = conversation.question, conversation.language
        if model is None:
            yield Note({"template": template("summarise/points", "")})
            yield "\n".join(f"- {one}" for one in key_points(text, points))
            return
        system = INSTRUCTION[language]
        yield Note({"template": template("summarise/write", system), "model": model.name})
        parts = [one.text for one in chunks(text, ChunkSettings(READ_AT_ONCE, 0))]
        while len(parts) > 1:
            told = [
                await whole(model.write(_asked(system, part), max_tokens=WRITTEN_TOKENS)) for part in parts
            ]
            joined = "\n".join(told)
            shorter = [one.text for one in chunks(joined, ChunkSettings(READ_AT_ONCE, 0))]
            parts = shorter if len(shorter) < len(parts) else ["\n".join(key_points(joined, 20))]
        most = min(conversation.max_tokens or WRITTEN_TOKENS, WRITTEN_TOKENS)
        yield Note({"key_points": key_points(text, points)})
        async for piece in model.write(_asked(system, parts[0] if parts else text), max_tokens=most):
            yield piece

    return answer


def _asked(system: str, text: str) -> list[dict[str, str]]:
    return [{"role": "system", "content": system}, {"role": "user", "content": text}]
