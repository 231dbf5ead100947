"""The words that a text is found by.

Chinese is cut by jieba's search mode, which gives a long word and the shorter ones in it. Latin words are lowered and
lose their common endings, so that `backups`, `backed` and `back` differ less than they look; names such as `apt-get` or
`/etc/fstab` are found whole and by their parts.

>>> terms("Backups of /etc/fstab：软件包管理")
['backup', 'of', 'etc', 'fstab', 'etc/fstab', '软件', '软件包', '管理']
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache, lru_cache

from catenary.data.stop_words import ASKED_WITH, LITTLE_SAID

HAN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3\uf900-\ufaff]+")
# Marks, and what is Chinese, Japanese or Korean: without them most texts are ASCII, which is translated far quicker.
NO_LETTERS = re.compile(r"[\u2000-\uffff\xa0«»¿¡·×]+")
JOINTS = "-.+'/:@_"  # may stand in a name
APART = str.maketrans(
    {
        **dict.fromkeys(map(chr, range(0x80)), " "),
        **dict.fromkeys("\xa0«»¿¡·×", " "),
        **{one: one for one in "abcdefghijklmnopqrstuvwxyz0123456789" + JOINTS},
    }
)
ALL_APART = str.maketrans(dict.fromkeys(JOINTS, " "))
VOWEL = re.compile(r"[aeiouy]")


def terms(text: str) -> list[str]:
    """The words of a text, as often as they stand there; what it is found by, in no order to rely on."""
    return [stemmed(word) for word in words(text)]


def words(text: str) -> list[str]:
    """The words of a text as they stand there, Latin ones lowered: `stemmed` makes terms of them."""
    if text.isascii():
        return latin(text)
    return [*latin(NO_LETTERS.sub(" ", text)), *chinese(HAN.findall(text))]


def question_terms(text: str) -> list[str]:
    """The different words of a question that say what it is about; all of them where none does."""
    return subjects(text) or list(dict.fromkeys(terms(text)))


def subjects(text: str) -> list[str]:
    """The different words of a text that say what it is about; none in "Why?"."""
    return [term for term in dict.fromkeys(terms(text)) if term not in _says_little()]


@cache
def _says_little() -> frozenset[str]:
    return frozenset(map(stemmed, LITTLE_SAID | ASKED_WITH))


def latin(text: str) -> list[str]:
    """The words of a text in letters, lowered, and behind them the names that are made of several."""
    apart = text.lower().translate(APART)
    whole = [word for word in apart.split() if not word.isalnum()]
    found = apart.translate(ALL_APART).split()
    return found + [name for word in whole if not (name := word.strip(JOINTS)).isalnum() and name]


def chinese(runs: Sequence[str]) -> list[str]:
    """The words of runs of Chinese characters."""
    if not runs:
        return []
    import rjieba

    return [word for word in rjieba.cut_for_search(" ".join(runs)) if word != " "]


@lru_cache(1 << 16)
def stemmed(word: str) -> str:
    """A Latin word without its common ending; others as they are. Light on purpose: it joins forms, not meanings.

    >>> [stemmed(word) for word in ("packages", "policies", "running", "installed", "class", "uses")]
    ['packag', 'polici', 'run', 'instal', 'class', 'use']
    """
    if len(word) < 4 or not word.isascii() or not word.isalpha():
        return word
    for ending in ("ing", "ed"):
        root = word[: -len(ending)]
        if word.endswith(ending) and len(root) > 2 and VOWEL.search(root):
            word = root
            break
    else:
        if word.endswith("ies"):
            word = word[:-3] + "y"
        elif word.endswith("s") and not word.endswith(("ss", "us", "is")):
            word = word[:-1]
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "aeiouls":
        word = word[:-1]
    if len(word) > 3 and word.endswith("ll"):
        word = word[:-1]
    if len(word) > 3 and word.endswith("e"):
        word = word[:-1]
    return word[:-1] + "i" if len(word) > 3 and word.endswith("y") else word
