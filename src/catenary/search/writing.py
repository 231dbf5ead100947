"""What a model is asked to write from passages, and which of its sentences they support.

A sentence is supported by a passage that has enough of its words, each weighed by how rare it is. That keeps inventions
in other words out; a wrong sentence in a passage's own words passes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from catenary.messages import Language, say
from catenary.search.index import Passage
from catenary.search.terms import question_terms, terms

PROMPT: dict[Language, str] = {
    "en": (
        "Answer the question from the numbered passages alone, in one to three sentences. Put the number of the"
        " passage, like [1], behind each sentence. If they do not answer it, say: not in the documents."
    ),
    "zh": (
        "只根据下面编号的段落回答问题，用一到三句话。每句话后面写上段落的编号，如 [1]。"
        "如果段落没有答案，就说：文档中没有。"
    ),
}
TOKENS, SENTENCES = 256, 5  # of an answer at most
SUPPORTED = 0.6  # of a sentence's words, by how rare they are, that a passage must have


def prompt(question: str, texts: Sequence[str], language: Language) -> list[dict[str, str]]:
    """The messages that ask for an answer from the passages' texts."""
    passages = "\n\n".join(f"[{number}] {text}" for number, text in enumerate(texts, 1))
    ask = f"{passages}\n\n{say('Question', lang=language)}: {question}"
    return [{"role": "system", "content": PROMPT[language]}, {"role": "user", "content": ask}]


def told_once(sentences: Iterable[str]) -> Iterator[str]:
    """The sentences up to the first that was said before: a small model says the same again and again."""
    said: set[str] = set()
    for sentence in map(bare, sentences):
        if sentence in said:
            return
        said.add(sentence)
        yield sentence


def bare(sentence: str) -> str:
    """Without the numbers that the model put there: ours are those of what supports it."""
    return re.sub(r"\s*\[\d+\]", "", sentence).strip()


def supporting(sentence: str, passages: Sequence[Passage], rarity: Callable[[str], float]) -> Passage | None:
    """The passage that has most of the sentence's words; None where none has enough of them."""
    weight = {term: rarity(term) for term in question_terms(sentence)}
    total = sum(weight.values())
    if not total:
        return None
    shares = [
        (sum(weight[term] for term in set(weight).intersection(terms(one.text))) / total, -number, one)
        for number, one in enumerate(passages)
    ]
    share, _, best = max(shares, key=lambda one: one[:2])
    return best if share >= SUPPORTED else None
