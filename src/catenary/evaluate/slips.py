"""Slips of form, found without dictionary or parser, in English and Chinese: a floor of the grammar errors.

repeated     the same word twice: "the the", 的的
article      "a apple", "an book"
capital      a sentence that begins in lower case
spacing      white space before a comma or full stop
brackets     one that is not closed, or closed by another
half_width   , ; ? ! between Chinese characters
doubled      two full stops or commas, ，， 。。 (three dots are an ellipsis)

>>> [slip.kind for slip in slips("He saw the the apple ,and a apple.")]
['repeated', 'spacing', 'article']
"""

from __future__ import annotations

import re
from dataclasses import dataclass

HAN = "\u3400-\u4dbf\u4e00-\u9fff"
# "had had" and "that that" are English; 爸爸, 看看 are Chinese, but a particle is not said twice.
PATTERNS = {
    "repeated": re.compile(
        r"\b(?!(?:had|that|very|so|no|ha|bye)\b)([a-z]+) \1\b|([的了着得地吗呢])\2", re.IGNORECASE
    ),
    # Sounds are not letters: an hour, a user, a one-off.
    "article": re.compile(
        r"\b[Aa] (?=[aeiou])(?!(?:uni|use|usu|eu|one|once|ub|ur[aei])\w*)[a-z]+|"
        r"\b[Aa]n (?=[bcdfgjklmnpqrstvwxyz])[a-z]{3,}",
    ),
    "capital": re.compile(r"[a-z]{3,}[.?!] [a-z]{2,} [a-z]+"),
    "spacing": re.compile(r"(?<=\w) +[,.;!?](?![.\d])"),
    "half_width": re.compile(rf"(?<=[{HAN}])[,;?!](?=[{HAN}]|$)"),
    "doubled": re.compile(r"(?<!\.)\.\.(?!\.)|,,|，，|。。(?!。)|、、"),
}
BRACKETS = {
    ")": "(",
    "]": "[",
    "}": "{",
    "）": "（",
    "】": "【",
    "》": "《",
    "」": "「",
    "』": "『",
    "”": "“",
}


@dataclass(frozen=True, slots=True)
class Slip:
    """What kind, where in the text it begins, and its words."""

    kind: str
    start: int
    text: str


def slips(text: str) -> list[Slip]:
    """All slips of a text, in order."""
    found = [
        Slip(kind, match.start(), match.group())
        for kind, pattern in PATTERNS.items()
        for match in pattern.finditer(text)
    ]
    return sorted([*found, *_brackets(text)], key=lambda slip: slip.start)


def _brackets(text: str) -> list[Slip]:
    opened: list[tuple[str, int]] = []
    found = []
    for at, character in enumerate(text):
        if character in BRACKETS.values():
            opened.append((character, at))
        elif character in BRACKETS:
            if opened and opened[-1][0] == BRACKETS[character]:
                opened.pop()
            elif character not in ")”" or not re.search(
                r"(?:^|\W)\w{1,2}$|[:;]-?$", text[:at]
            ):  # 1) and :) are none
                found.append(Slip("brackets", at, character))
    return found + [Slip("brackets", at, character) for character, at in opened]
