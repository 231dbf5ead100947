"""The control of every reader: the part of the passage that is most like the question, and what stands next to it.

The sentence that shares the largest share of the question's character pairs is chosen (the sliding window of
Richardson et al. 2013, which SQuAD, Rajpurkar et al. 2016, §5, measures readers against); the answer is the word behind
the longest stretch that both have in common, or before it where the sentence ends there. Nothing is learnt.

    >>> answer("谁是局长？", "今天下雨。气象局长 王某 讲话。")
    '王某'
"""

from __future__ import annotations

import re
from difflib import SequenceMatcher

from catenary.data.sentences import sentences

LEAST_SHARE = 0.3  # of the question's pairs; a passage that has less holds no answer
WORD = re.compile(r"\w+")


def answer(question: str, context: str) -> str | None:
    """The answer, None where the passage has too little of the question."""
    wanted = _pairs(question)
    best = max(sentences(context), key=lambda sentence: len(wanted & _pairs(sentence)), default="")
    if not wanted or len(wanted & _pairs(best)) / len(wanted) < LEAST_SHARE:
        return None
    shared = SequenceMatcher(None, question, best, autojunk=False).find_longest_match()
    after, before = best[shared.b + shared.size :], best[: shared.b]
    return _first_word(after) or _last_word(before)


def _pairs(text: str) -> set[str]:
    return {text[place : place + 2] for place in range(len(text) - 1)}


def _first_word(text: str) -> str | None:
    found = WORD.search(text)
    return None if found is None else _words(found.group())[0]


def _last_word(text: str) -> str | None:
    found = WORD.findall(text)
    return _words(found[-1])[-1] if found else None


def _words(run: str) -> list[str]:
    """A run of letters as words: jieba's where it is Chinese, itself otherwise."""
    import pyarrow as pa

    from catenary.data.words import words

    return words(pa.array([run], pa.large_string())).listed(pa.array([run], pa.large_string()))[0] or [run]
