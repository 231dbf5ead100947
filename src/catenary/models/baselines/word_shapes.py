"""What a word that was never seen still shows: the kinds of its characters, and how it ends.

    >>> shape("北京"), shape("１９９８年"), shape("iPhone-15")
    ('汉2', '9汉1', 'aAa-9')
    >>> clues("walking", most=3)
    ['a', 'a|g', 'a|ng', 'a|ing']

Endings carry the class of a word in languages that inflect, and in Chinese too: 市, 县, 省 end places, 者, 家, 员
people, 们 plurals (Brants, "TnT", ANLP 2000, §2.3; Tseng, Jurafsky and Manning, SIGHAN 2005, for Chinese).
"""

from __future__ import annotations

import unicodedata
from itertools import groupby

LONGEST_RUN = 4  # Chinese words of four characters and more are alike: idioms, names from abroad

KIND_OF_CATEGORY = {"Lu": "A", "Lt": "A", "Ll": "a", "Nd": "9", "Nl": "9", "No": "9"}


def shape(word: str) -> str:
    """The kinds of its characters, runs as one; Chinese runs with their length."""
    told = []
    for kind, run in groupby(word, _kind):
        told.append(f"{kind}{min(sum(1 for _ in run), LONGEST_RUN)}" if kind == "汉" else kind)
    return "".join(told)


def clues(word: str, most: int) -> list[str]:
    """What is known of it, from the vaguest to the closest: its shape, then that with 1 … `most` last characters."""
    known = shape(word)
    return [known, *(f"{known}|{word[-length:]}" for length in range(1, min(most, len(word)) + 1))]


def _kind(character: str) -> str:
    category = unicodedata.category(character)
    if category in KIND_OF_CATEGORY:
        return KIND_OF_CATEGORY[category]
    if category == "Lo":
        name = unicodedata.name(character, "")
        return "汉" if name.startswith("CJK") else "か" if name.startswith(("HIRAGANA", "KATAKANA")) else "w"
    return "-" if category[0] in "PS" else " " if category[0] in "ZC" else "w"
