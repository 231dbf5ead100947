"""Answers from documents: what they say, where they say it, or that they do not.

1. The passages that speak of the question are looked up; a question that says little by itself is looked up together
   with the one before it.
2. Where no passage speaks of enough of it, that is the answer: it is not in the documents.
3. Without a model the best sentences are quoted. With one, it writes from the passages; each of its sentences is kept
   only where a passage supports it, and where none is, sentences are quoted after all. Before a model reads,
   the guard does: what it blocks is neither read nor quoted.
4. Every sentence bears the number of its source; the sources stand below, and in the notes with their places.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from catenary.apps.port import (
    App,
    ChatModel,
    Conversation,
    Embed,
    Note,
    Piece,
    Rerank,
    Screen,
    Screened,
    unscreened,
)
from catenary.apps.templates import template
from catenary.data.sentences import sentence_spans
from catenary.messages import Language, language_of, say
from catenary.search import Found, Passage, SearchIndex, writing
from catenary.search.bars import Bars
from catenary.search.knowledge import Knowledge, with_facts
from catenary.search.quotes import Quote, quotes, sentences_of
from catenary.search.rerank import BEST, passage_text, reranked
from catenary.search.terms import subjects


@dataclass(frozen=True, slots=True)
class DocumentRules:
    """`passages`: how many a model reads. `quotes`: how many at most. `bars`: what a question is answered by.

    `rerank_best`: how many passages are read again, of questions in `rerank_languages` (all where none is named).
    """

    passages: int = 4
    quotes: int = 3
    bars: Bars = field(default_factory=Bars)
    not_found: str | None = None
    rerank_best: int = BEST
    rerank_languages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Retrieved:
    """What was found for `question`, as it was looked up."""

    question: str
    found: Sequence[Found]
    answerable: bool


def documents(
    index: SearchIndex,
    *,
    rules: DocumentRules | None = None,
    model: ChatModel | None = None,
    embed: Embed | None = None,
    screen: Screen = unscreened,
    knowledge: Knowledge | None = None,
    rerank: Rerank | None = None,
) -> App:
    """The application. `embed` is the model that made the index's vectors; `screen` reads before `model` does.

    `knowledge` holds facts of the same index: passages that define what a question names are found too. `rerank`
    reads the question with each of the best passages.
    """
    return _Documents(index, rules or DocumentRules(), model, embed, screen, knowledge, rerank)


@dataclass(slots=True)
class _Answer:
    """An answer in the making: its sources by number, and where in it they are cited."""

    sources: list[Passage] = field(default_factory=list)
    citations: list[dict[str, Any]] = field(default_factory=list)
    length: int = 0

    def cite(self, text: str, passage: Passage, start: int, end: int) -> str:
        """`text` with its number behind it; characters `start` to `end` of the document support it."""
        if passage not in self.sources:
            self.sources.append(passage)
        number = self.sources.index(passage) + 1
        space = "" if language_of(text) == "zh" else " "
        told = f"{text}{space}[{number}]"
        self.citations.append(
            {
                "number": number,
                "passage": passage.id,
                "document": passage.document,
                "source": passage.source,
                "file": passage.file,
                "licence": passage.licence,
                "headings": list(passage.headings),
                "quote": [start, end],
                "start_index": self.length + len(text) + len(space),
                "end_index": self.length + len(told),
            }
        )
        return self.add(told)

    def add(self, text: str) -> str:
        self.length += len(text)
        return text

    def listed(self) -> str:
        """The sources, a line each."""
        lines = [
            f"[{number}] {' › '.join(' '.join(one.split()) for one in (*passage.headings, passage.file))}"
            for number, passage in enumerate(self.sources, 1)
        ]
        return "\n\n" + "\n".join(lines)


class _Documents:
    def __init__(
        self,
        index: SearchIndex,
        rules: DocumentRules,
        model: ChatModel | None,
        embed: Embed | None,
        screen: Screen,
        knowledge: Knowledge | None,
        rerank: Rerank | None,
    ) -> None:
        self.index, self.rules, self.model, self.embed, self.screen = index, rules, model, embed, screen
        self.knowledge, self.rerank = knowledge, rerank

    async def __call__(self, conversation: Conversation) -> AsyncIterator[Piece]:
        language = conversation.language
        got = await self.retrieve(conversation)
        bars = {"least": self.rules.bars.least, "least_cosine": self.rules.bars.least_cosine}
        yield Note({"retrieved": [_told(one) for one in got.found], "answered": got.answerable, "bars": bars})
        if self.knowledge is not None and got.answerable:
            yield Note({"facts_about": self.knowledge.named_in(got.question)})
        texts = [one.passage.text for one in got.found]
        if self.model is not None and got.answerable:
            screened = await self.screen(texts)
            if screened.verdicts:
                ids = [one.passage.id for one in got.found]
                yield Note({"guard": [{"passage": ids[row], **told} for row, told in screened.verdicts]})
            got, texts = _without_blocked(got, screened)
        if not got.answerable:
            yield self.rules.not_found or say("This is not in the documents.", lang=language)
            return
        answer = _Answer()
        written = 0
        if self.model is not None:
            async for piece in self._written(got, texts, answer, conversation, language):
                written += isinstance(piece, str)
                yield piece
        if not written:
            async for piece in self._quoted(got, answer):
                yield piece
        if answer.sources:
            yield answer.add(answer.listed())
        yield Note({"citations": answer.citations})

    async def retrieve(self, conversation: Conversation) -> Retrieved:
        """What is found for the question, or for it and the one before it."""
        got = await self._look_up(conversation.question)
        asked = conversation.asked
        if not got.answerable and len(asked) > 1:
            again = await self._look_up(f"{asked[-2]} {asked[-1]}")
            # The earlier question alone must not make this one answerable.
            if again.answerable and all(map(self.index.has, subjects(asked[-1]))):
                return again
        return got

    async def _look_up(self, question: str) -> Retrieved:
        embed = self._embed_for(question)
        vector = None if embed is None else (await embed([question]))[0]
        most = max(self.rules.passages, 8)
        rerank = self._rerank_for(question)
        best = most if rerank is None else max(most, self.rules.rerank_best)
        found = await asyncio.to_thread(self.index.search, question, best, vector=vector)
        answerable = self.rules.bars.cleared(found)
        if rerank is not None and answerable:
            read = [passage_text(one) for one in found[: self.rules.rerank_best]]
            found = reranked(found, await rerank(question, read))
        found = found[:most]
        if self.knowledge is not None and answerable:
            found = await asyncio.to_thread(
                with_facts, self.index, self.knowledge, question, found, vector=vector
            )
        return Retrieved(question, found, answerable)

    def _rerank_for(self, question: str) -> Rerank | None:
        languages = self.rules.rerank_languages
        return self.rerank if not languages or language_of(question) in languages else None

    def _embed_for(self, question: str) -> Embed | None:
        return self.embed if self.index.embeds(question) else None

    async def _quoted(self, got: Retrieved, answer: _Answer) -> AsyncIterator[Piece]:
        nearness = None
        embed = self._embed_for(got.question)
        if embed is not None and (sentences := sentences_of(got.found)):
            vectors = await embed([got.question, *(text for _, _, text in sentences)])
            nearness = np.asarray(vectors[1:] @ vectors[0])
        found = quotes(got.question, got.found, self.index.rarity, most=self.rules.quotes, nearness=nearness)
        found = found or [_beginning(got.found[0].passage)]
        yield Note({"template": template("documents/quote", "")})
        for number, quote in enumerate(found):
            before = answer.add("\n\n") if number else ""
            yield before + answer.cite(" ".join(quote.text.split()), quote.passage, quote.start, quote.end)

    async def _written(
        self,
        got: Retrieved,
        texts: Sequence[str],
        answer: _Answer,
        conversation: Conversation,
        language: Language,
    ) -> AsyncIterator[Piece]:
        """What the model writes from `texts`, as far as the passages support it, sentence by sentence."""
        assert self.model is not None
        read = [one.passage for one in got.found[: self.rules.passages]]
        messages = writing.prompt(got.question, texts[: len(read)], language)
        asked = template("documents/write", writing.PROMPT[language])
        yield Note({"template": asked, "model": self.model.name})
        dropped = kept = 0
        said: set[str] = set()
        most = min(conversation.max_tokens or writing.TOKENS, writing.TOKENS)
        async with aclosing(_sentences(self.model.write(messages, max_tokens=most))) as sentences:  # type: ignore[type-var]
            async for sentence in sentences:
                bare = writing.bare(sentence)
                if bare in said or kept == writing.SENTENCES:  # a small model says the same again and again
                    break
                said.add(bare)
                passage = writing.supporting(bare, read, self.index.rarity)
                if passage is None:
                    dropped += 1
                    continue
                before = answer.add(" ") if kept and language == "en" else ""
                kept += 1
                yield before + answer.cite(bare, passage, passage.start, passage.end)
        yield Note({"sentences_kept": kept, "sentences_dropped": dropped})


async def _sentences(pieces: AsyncIterator[str]) -> AsyncIterator[str]:
    """Whole sentences of a text that comes in pieces."""
    held = ""
    async with aclosing(pieces):  # type: ignore[type-var]
        async for piece in pieces:
            held += piece
            spans = sentence_spans(held)
            for start, end in spans[:-1]:
                yield held[start:end]
            if len(spans) > 1:
                held = held[spans[-1][0] :]
    for start, end in sentence_spans(held):
        yield held[start:end]


def _without_blocked(got: Retrieved, screened: Screened) -> tuple[Retrieved, list[str]]:
    """What may be read, and its texts as they may be; a blocked passage is not quoted either."""
    allowed = [(one, text) for one, text in zip(got.found, screened.texts, strict=True) if text is not None]
    found = [one for one, _ in allowed]
    return Retrieved(got.question, found, bool(found)), [text for _, text in allowed]


def _beginning(passage: Passage) -> Quote:
    spans = sentence_spans(passage.text) or [(0, len(passage.text))]
    return Quote(passage, passage.start + spans[0][0], passage.start + spans[0][1], 0.0)


def _told(found: Found) -> dict[str, Any]:
    """A passage as a receipt holds it: its id leads to its text as long as its document may be kept."""
    passage = found.passage
    return {
        "passage": passage.id,
        "document": passage.document,
        "source": passage.source,
        "file": passage.file,
        "licence": passage.licence,
        "headings": list(passage.headings),
        "score": round(found.score, 4),
        "words": round(found.words, 4),
        "coverage": round(found.coverage, 4),
        "cosine": None if found.cosine is None else round(found.cosine, 4),
        **({} if found.relevance is None else {"relevance": round(found.relevance, 4)}),
    }
