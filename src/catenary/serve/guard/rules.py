"""The guard's rules. Each judges one text and says what to do about it, with no word of the text itself."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from catenary.data.personal_data import find
from catenary.data.redact import redacted

Action = Literal["block", "flag", "redact"]
Side = Literal["input", "passages", "output"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a rule said, as the receipt keeps it."""

    side: Side
    rule: str
    action: Action
    detail: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {"side": self.side, "rule": self.rule, "action": self.action, "detail": dict(self.detail)}


@dataclass(frozen=True, slots=True)
class Found:
    """What a rule found: what to do, the text as it may go on, and what the receipt may know of it."""

    action: Action
    text: str
    detail: Mapping[str, Any]


class Rule(Protocol):
    """A rule over one text."""

    @property
    def name(self) -> str: ...

    @property
    def redacts(self) -> bool:
        """Whether it changes the text."""

    @property
    def users_only(self) -> bool:
        """Whether it leaves the operator's own instructions alone."""

    async def judge(self, text: str) -> Found | None:
        """None where there is nothing to say."""

    def safe_cut(self, text: str, cut: int) -> int:
        """The last place up to `cut` where the text may be parted without hiding something from the rule."""


class _Whole:
    """What rules share that change nothing."""

    redacts = False
    users_only = False

    def safe_cut(self, text: str, cut: int) -> int:
        return cut


@dataclass(frozen=True)
class Keywords(_Whole):
    """Words of lists (those of `catenary.data.keyword_lists`, or one's own), at least so many."""

    words: Mapping[str, Sequence[str]]
    action: Action = "block"
    at_least: int = 1
    name: str = "keywords"

    def __post_init__(self) -> None:
        from catenary.data.keywords import automaton

        object.__setattr__(self, "_automaton", automaton(self.words))

    async def judge(self, text: str) -> Found | None:
        from catenary.data.keywords import hits

        found = Counter(name for name, _, _ in hits(text, self._automaton))  # type: ignore[attr-defined]
        if sum(found.values()) < self.at_least:
            return None
        return Found(self.action, text, {"lists": dict(sorted(found.items()))})


@dataclass(frozen=True)
class PersonalData:
    """Personal data of these kinds (see `catenary.data.personal_data`), redacted to a placeholder, or blocked."""

    kinds: Collection[str] | None = None
    action: Action = "redact"
    name: str = "personal_data"
    users_only: bool = False

    @property
    def redacts(self) -> bool:
        return self.action == "redact"

    async def judge(self, text: str) -> Found | None:
        spans = find(text, self.kinds)
        if not spans:
            return None
        passed = redacted(text, spans) if self.redacts else text
        return Found(self.action, passed, {"kinds": dict(sorted(Counter(one.kind for one in spans).items()))})

    def safe_cut(self, text: str, cut: int) -> int:
        # A placeholder is whole already; digits and addresses at the end may still grow.
        while 0 < cut < len(text) and (text[cut - 1].isdigit() or text[cut - 1] in "@.+-_()[]"):
            cut -= 1
        return cut


# What a prompt says that wants to be obeyed in place of its operator. Weights add up; 1 is enough.
INJECTIONS: tuple[tuple[str, float, str], ...] = (
    (
        "override",
        1.0,
        r"\b(ignore|disregard|forget|override)\b.{0,40}\b(previous|prior|above|earlier|all|your)\b.{0,30}"
        r"\b(instruction|prompt|rule|direction|guideline|message)s?\b",
    ),
    (
        "override",
        1.0,
        r"(忽略|无视|忘记|忘掉|不要遵守|不要理会).{0,12}(之前|以前|前面|上面|以上|先前|所有|系统|你的).{0,12}"
        r"(指令|指示|提示|规则|要求|设定|限制|对话)",
    ),
    (
        "reveal",
        1.0,
        r"\b(reveal|print|show|repeat|output|tell me)\b.{0,40}\b(system|initial|hidden|original)\b.{0,10}"
        r"\b(prompt|instruction|message)s?\b",
    ),
    (
        "reveal",
        1.0,
        r"(输出|显示|告诉我|泄露|复述|重复|打印).{0,12}(系统|初始|隐藏|原始).{0,6}(提示词?|指令|设定)",
    ),
    (
        "persona",
        1.0,
        r"\b(you are|act as|pretend (to be|you are))\b.{0,30}"
        r"\b(DAN|jailbroken|unrestricted|unfiltered|developer mode)\b",
    ),
    ("persona", 1.0, r"(你现在是|扮演|进入).{0,12}(DAN|越狱|无限制|没有限制|不受限制|开发者模式)"),
    (
        "markers",
        1.0,
        r"<\|(im_start|im_end|system|user|assistant|endoftext|eot_id|start_header_id)\|>|\[/?INST\]|<<SYS>>|"
        r"<(start|end)_of_turn>",
    ),
    ("markers", 0.5, r"(?m)^\s*#{0,3}\s*(system|assistant)\s*[:：]"),
    ("hidden", 1.0, "[\U000e0000-\U000e007f]{4,}"),
    ("hidden", 0.5, "[\u202a-\u202e\u2066-\u2069]|[\u200b\u200c\u2060]{4,}"),
    ("evasion", 0.5, r"\b(without|no) (any )?(restriction|filter|censorship|limitation|moral)s?\b"),
    ("evasion", 0.5, r"(没有|不受)任何(限制|约束|审查)"),
)
_INJECTIONS = tuple((kind, weight, re.compile(text, re.IGNORECASE)) for kind, weight, text in INJECTIONS)
LOOKED_AT = 50_000  # characters: the patterns are bounded, the text is not


@dataclass(frozen=True)
class Injection(_Whole):
    """Signs of a prompt that speaks against its operator: heuristics, which find the usual and miss the artful."""

    users_only = True
    action: Action = "block"
    threshold: float = 1.0
    name: str = "injection"

    async def judge(self, text: str) -> Found | None:
        looked = text[:LOOKED_AT]
        found = {kind: weight for kind, weight, pattern in _INJECTIONS if pattern.search(looked)}
        if sum(found.values()) < self.threshold:
            return None
        return Found(self.action, text, {"signs": sorted(found)})


@dataclass(frozen=True)
class Length(_Whole):
    """Texts of more than so many characters."""

    most: int
    action: Action = "block"
    name: str = "length"

    async def judge(self, text: str) -> Found | None:
        if len(text) <= self.most:
            return None
        return Found(self.action, text, {"characters": len(text), "most": self.most})


@dataclass(frozen=True)
class Topics(_Whole):
    """Subjects by their words. `only`: a text must touch one of them; otherwise it must touch none, twice at least."""

    topics: Mapping[str, Sequence[str]]
    only: bool = False
    at_least: int = 2
    action: Action = "block"
    name: str = "topics"

    def __post_init__(self) -> None:
        from catenary.data.keywords import automaton

        object.__setattr__(self, "_automaton", automaton(self.topics))

    async def judge(self, text: str) -> Found | None:
        from catenary.data.keywords import hits

        found = Counter(name for name, _, _ in hits(text, self._automaton))  # type: ignore[attr-defined]
        if self.only:
            return None if found else Found(self.action, text, {"topics": {}, "only": sorted(self.topics)})
        touched = {name: count for name, count in sorted(found.items()) if count >= self.at_least}
        return Found(self.action, text, {"topics": touched}) if touched else None


@dataclass(frozen=True)
class Classifier(_Whole):
    """A classifier of one's own: blocks where it gives one of `labels` at least `above`.

    `classify` asks its engine: label → probability of a text. Where that cannot answer, the request fails: what could
    not be judged is not let through.
    """

    model: str
    labels: frozenset[str]
    above: float
    classify: Callable[[str], Awaitable[Mapping[str, float]]]
    action: Action = "block"
    name: str = "classifier"

    async def judge(self, text: str) -> Found | None:
        if not text.strip():
            return None
        scores = await self.classify(text)
        label, score = max(((label, scores.get(label, 0.0)) for label in self.labels), key=lambda one: one[1])
        if score < self.above:
            return None
        return Found(self.action, text, {"model": self.model, "label": label, "score": round(score, 4)})
