"""Texts as people and attackers write them: the same meaning, another form. What a model loses by it is its robustness.

    typos        letters swapped, dropped, doubled or hit beside (QWERTY)
    homophones   a Chinese character for another of the same sound; an English word for one that sounds alike
    lookalikes   letters and characters that look alike (а for a, 己 for 已)
    case         upper, lower and title case
    width        full-width letters and digits for half-width, and back
    spacing      white space between Chinese characters, or doubled

    >>> disturb("He paid 20 yuan.", "width", seed=1)
    'Ｈｅ ｐａｉｄ ２０ ｙｕａｎ．'

Each is seeded, changes about `share` of what it can change, and leaves texts alone that it cannot change.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from catenary.errors import InvalidInput

SHARE = 0.1
KEYS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
# Common characters by sound (Xinhua dictionary), three or more of each, so that one stands for another.
HOMOPHONES = """
的得地 他她它 在再 做作坐座 以已意易 是事世市 有又右由 到道 和河合何 为位未 会惠汇
时十石实 中种重 上尚 国果过 年念 生声升 成城程 工公功 好号 小晓 大达 天田 心新欣
人仁任 书舒输 房防 店电点 服福 务物误 价架假 格隔 买卖 便变遍 宜疑 非飞菲 常长场
快块 慢曼 差查茶 干甘 净静境 早找 饭犯 房访 间件见 住主注 网往忘 喜西希 欢换
很恨 真针 满瞒 推退 荐见
"""
SOUNDS = tuple(HOMOPHONES.split())
ENGLISH_SOUNDS = {
    "their": "there", "there": "their", "your": "you're", "you're": "your", "its": "it's", "it's": "its",
    "to": "too", "too": "to", "than": "then", "then": "than", "here": "hear", "hear": "here", "know": "no",
    "right": "write", "write": "right", "by": "buy", "buy": "by", "for": "four", "four": "for", "one": "won",
    "see": "sea", "wait": "weight", "break": "brake", "piece": "peace", "week": "weak", "would": "wood",
}  # fmt: skip
# Unicode's confusables (UTS #39), the commonest, and Chinese characters that differ by a stroke.
LOOKALIKES = {
    **dict(zip("aceopxyiABCEHKMOPTX", "асеорхуіАВСЕНКМОРТХ", strict=True)),
    **dict(zip("已未土日人大干太王千", "己末士曰入犬于犬玉干", strict=True)),
    "0": "O", "1": "l",
}  # fmt: skip
WIDE = {chr(code): chr(code + 0xFEE0) for code in range(0x21, 0x7F)}
NARROW = {wide: narrow for narrow, wide in WIDE.items()}


def disturb(text: str, kind: str, *, seed: int = 0, share: float = SHARE) -> str:
    """`text` disturbed in one of KINDS. Raises InvalidInput for another kind."""
    if kind not in KINDS:
        raise InvalidInput(
            "There is no disturbance of this name.",
            got=kind,
            expected="one of {names}",
            names=", ".join(KINDS),
        )
    return KINDS[kind](text, random.Random(f"{seed}:{kind}:{text}"), share)


def typos(text: str, draw: random.Random, share: float) -> str:
    letters = list(text)
    places = [at for at, one in enumerate(letters) if one.isascii() and one.isalpha()]
    for at in sorted(_some(places, draw, share), reverse=True):
        one = letters[at]
        match draw.randrange(4):
            case 0 if at + 1 < len(letters):
                letters[at : at + 2] = reversed(letters[at : at + 2])
            case 1:
                letters[at] = ""
            case 2:
                letters[at] = one + one
            case _:
                letters[at] = _beside(one, draw)
    return "".join(letters)


def homophones(text: str, draw: random.Random, share: float) -> str:
    same = {one: group.replace(one, "") for group in SOUNDS for one in group}
    letters = list(text)
    for at in _some([at for at, one in enumerate(letters) if one in same], draw, share):
        letters[at] = draw.choice(same[letters[at]])
    words = "".join(letters).split(" ")
    for at in _some([at for at, one in enumerate(words) if one.lower() in ENGLISH_SOUNDS], draw, share):
        words[at] = ENGLISH_SOUNDS[words[at].lower()]
    return " ".join(words)


def lookalikes(text: str, draw: random.Random, share: float) -> str:
    letters = list(text)
    for at in _some([at for at, one in enumerate(letters) if one in LOOKALIKES], draw, share):
        letters[at] = LOOKALIKES[letters[at]]
    return "".join(letters)


def case(text: str, draw: random.Random, share: float) -> str:
    return draw.choice((str.upper, str.lower, str.title))(text)


def width(text: str, draw: random.Random, share: float) -> str:
    if any(one in NARROW for one in text):
        return "".join(NARROW.get(one, one) for one in text)
    return "".join(WIDE.get(one, one) for one in text)


def spacing(text: str, draw: random.Random, share: float) -> str:
    letters = list(text)
    for at in _some(list(range(len(letters))), draw, share):
        letters[at] += " "
    return "".join(letters)


KINDS: dict[str, Callable[[str, random.Random, float], str]] = {
    "typos": typos,
    "homophones": homophones,
    "lookalikes": lookalikes,
    "case": case,
    "width": width,
    "spacing": spacing,
}


def _some(places: list[int], draw: random.Random, share: float) -> list[int]:
    """About `share` of the places, at least one where there is one."""
    return draw.sample(places, max(1, round(share * len(places)))) if places else []


def _beside(letter: str, draw: random.Random) -> str:
    for row in KEYS:
        at = row.find(letter.lower())
        if at >= 0:
            near = row[max(0, at - 1) : at] + row[at + 1 : at + 2]
            return draw.choice(near)
    return letter
