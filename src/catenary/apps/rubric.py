"""A rubric: criteria with points, decided by rules. Code marks; a model's mark is never among these.

    criteria:
      - {id: oxygen, points: 2, description: Names oxygen, any: [oxygen, 氧气, /\\bO2\\b/]}
      - {id: parts, points: 2, description: Names light and water, all: [light, water]}
      - {id: temperature, points: 1, description: Says about 25 degrees, number: {value: 25, tolerance: 2}}
      - {id: length, points: 1, description: 30 to 200 words, length: {least: 30, most: 200}}
      - {id: soil, points: 1, description: Takes no food from the soil, never: [food from the soil]}
      - {id: clear, points: 2, description: Is clear, judge: model}

A criterion has its points where all its rules hold, else none. The rules read words and not their sense: "not oxygen"
mentions oxygen.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from catenary.apps.folded import Folded, fold, fold_character, folded
from catenary.chain.stage import Settings
from catenary.errors import InvalidInput

WORD = re.compile(r"[\u3040-\u9fff]|(?:(?![\u3040-\u9fff])[^\W_])+(?:['’-](?:(?![\u3040-\u9fff])[^\W_])+)*")
# The same length as the text, so places stay; NFKC would make 10⁸ into 108.
DIGITS = str.maketrans("０１２３４５６７８９．，－＋−", "0123456789.,-+-")
RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
NUMBER = re.compile(
    r"(?<![0-9.])(?<![^\W\u3040-\u9fff])(?P<sign>(?<![\w)])[-+])?"
    r"(?P<figure>[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])(?:\.[0-9]+)?|[0-9]+(?:\.[0-9]+)?|\.[0-9]+)"
    r"(?:[eE](?P<e>[-+]?[0-9]{1,3})(?![0-9])"
    r"|\s?[×xX*·]\s?10(?:\^\(?(?P<power>[-+]?[0-9]{1,3})\)?|(?P<raised>[⁻⁺]?[⁰¹²³⁴⁵⁶⁷⁸⁹]{1,3})))?"
    r"(?P<myriad>\s?[万萬亿億])?"
)
MYRIADS = {"万": 4, "萬": 4, "亿": 8, "億": 8}


class NumberRule(Settings):
    """A number that must be said: `value`, give or take `tolerance`."""

    value: float = Field(allow_inf_nan=False)
    tolerance: float = Field(0.0, ge=0, allow_inf_nan=False)

    def holds(self, number: Decimal) -> bool:
        """Whether this one is it. Decimal, as it is written: 0.4 is within 0.1 of 0.3."""
        return abs(number - Decimal(str(self.value))) <= Decimal(str(self.tolerance))


class LengthRule(Settings):
    """Words that an answer must have; a Chinese character is one."""

    least: int = Field(0, ge=0)
    most: int | None = Field(None, ge=1)

    @model_validator(mode="after")
    def _some(self) -> Self:
        if (self.most is None and not self.least) or (self.most is not None and self.most < self.least):
            raise InvalidInput(
                "This length bounds nothing, or leaves nothing.",
                got="length",
                expected="`least`, or `most`, or both with `most` not below `least`",
            )
        return self


class Criterion(Settings):
    """What gives points: terms or /patterns/ of which any, all or none are said, a number, a length, a model's mark."""

    id: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$")
    points: int = Field(ge=1, le=100)
    description: str = Field(min_length=1)
    any_of: list[str] = Field(default=[], alias="any")
    all_of: list[str] = Field(default=[], alias="all")
    never: list[str] = Field(default=[])
    number: NumberRule | None = None
    length: LengthRule | None = None
    judge: Literal["model"] | None = None
    count: bool = False

    @field_validator("any_of", "all_of", "never")
    @classmethod
    def _can_be_found(cls, terms: list[str]) -> list[str]:
        for term in terms:
            _check_term(term)
        return terms

    @property
    def ruled(self) -> bool:
        """Whether rules decide it."""
        return bool(self.any_of or self.all_of or self.never or self.number or self.length)

    @model_validator(mode="after")
    def _decided(self) -> Self:
        if not self.ruled and self.judge is None:
            raise InvalidInput(
                "Nothing decides this criterion.",
                got=self.id,
                expected="one of: {names}",
                names="any, all, never, number, length, judge",
            )
        if self.count and (self.judge is None or self.ruled):
            raise InvalidInput(
                "`count: true` counts a model's mark where no rule gives one.",
                got=self.id,
                expected="`judge: model` and no rule; give what rules decide a criterion of its own",
            )
        return self


class Rubric(Settings):
    """The file. `question` is what was asked: a model that judges reads it."""

    question: str | None = None
    criteria: list[Criterion] = Field(min_length=1, max_length=200)

    @model_validator(mode="after")
    def _named_once(self) -> Self:
        ids = [one.id for one in self.criteria]
        for one in ids:
            if ids.count(one) > 1:
                raise InvalidInput(
                    "Two criteria have one id.", got=one, expected="an `id:` of its own for each criterion"
                )
        return self

    @property
    def judged(self) -> bool:
        """Whether a model is to mark anything."""
        return any(one.judge for one in self.criteria)


@dataclass(frozen=True, slots=True)
class Mark:
    """What the rules say of one criterion. `got` is None where it has none.

    `evidence`: rule, start, end (characters of the text) and the text there. `missing`: rules that did not hold.
    """

    criterion: Criterion
    got: int | None
    evidence: Sequence[dict[str, Any]]
    missing: Sequence[dict[str, Any]]


def marks(rubric: Rubric, text: str) -> list[Mark]:
    """What the rules of each criterion say of a learner's text."""
    read = folded(text)
    return [_mark(one, text, read) for one in rubric.criteria]


def _mark(criterion: Criterion, text: str, read: Folded) -> Mark:
    evidence: list[dict[str, Any]] = []
    missing: list[dict[str, Any]] = []

    def found(rule: str, terms: Sequence[str]) -> list[str]:
        """The terms that are said; each is quoted."""
        said = [(term, place) for term in terms if (place := _place(term, read)) is not None]
        evidence.extend(_quoted(rule, text, place) for _, place in said)
        return [term for term, _ in said]

    if criterion.any_of and not found("any", criterion.any_of):
        missing.append({"rule": "any", "terms": criterion.any_of})
    if criterion.all_of:
        said = found("all", criterion.all_of)
        if lacking := [term for term in criterion.all_of if term not in said]:
            missing.append({"rule": "all", "terms": lacking})
    if criterion.never and (said := found("never", criterion.never)):
        missing.append({"rule": "never", "terms": said})
    if rule := criterion.number:
        right = next((place for place, value in numbers(text) if rule.holds(value)), None)
        if right is None:
            missing.append({"rule": "number", **rule.model_dump()})
        else:
            evidence.append(_quoted("number", text, right))
    if bounds := criterion.length:
        words = length(text)
        if words < bounds.least or (bounds.most is not None and words > bounds.most):
            missing.append({"rule": "length", **bounds.model_dump(), "words": words})
    got = None if not criterion.ruled else 0 if missing else criterion.points
    return Mark(criterion, got, evidence, missing)


def numbers(text: str) -> list[tuple[tuple[int, int], Decimal]]:
    """The numbers in figures, with their places: 300,000, 3e5, 3×10⁵, 30万. Those in words are not read."""
    found = []
    for one in NUMBER.finditer(text.translate(DIGITS)):
        power = int(one["e"] or one["power"] or (one["raised"] or "0").translate(RAISED))
        power += MYRIADS[one["myriad"].strip()] if one["myriad"] else 0
        figure = (one["sign"] or "") + one["figure"].replace(",", "")
        found.append((one.span(), Decimal(figure).scaleb(power)))
    return found


def length(text: str) -> int:
    """Words; a Chinese character is one."""
    return sum(1 for _ in WORD.finditer(text))


def _quoted(rule: str, text: str, place: tuple[int, int]) -> dict[str, Any]:
    start, end = place
    return {"rule": rule, "start": start, "end": end, "text": text[start:end]}


def _place(term: str, read: Folded) -> tuple[int, int] | None:
    pattern = _pattern(term)
    if pattern is None:
        return read.find(fold(term))
    for one in pattern.finditer(read.text):
        if one.end() > one.start():
            return read.place(one.start(), one.end())
    return None


def _is_pattern(term: str) -> bool:
    return len(term) > 2 and term[0] == term[-1] == "/"


@cache
def _pattern(term: str) -> Any:
    """A compiled /pattern/; None for a literal. RE2 takes a time in proportion to the text, whatever the pattern."""
    if not _is_pattern(term):
        return None
    import re2

    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    return re2.compile(term[1:-1], options)


def _check_term(term: str) -> None:
    """Refuses what can be found in no text."""
    import re2

    if not fold(term):
        raise InvalidInput("A term says nothing.", got=term, expected="a word, or a /pattern/")
    try:
        _pattern(term)
    except re2.error as error:
        told = error.args[0]
        raise InvalidInput(
            "This pattern cannot be read: {why}.",
            got=term,
            why=told.decode() if isinstance(told, bytes) else told,
            expected="a regular expression as RE2 reads them: no look-around, no back-references",
        ) from None
    lost = [one for one in term if fold_character(one) != one.lower()] if _is_pattern(term) else []
    if lost:
        raise InvalidInput(
            "This pattern holds characters that are in no text once it is folded: {lost}.",
            got=term,
            lost=" ".join(lost),
            expected="`{now}` in their place: texts are compared in NFKC, with half-width marks",
            now=" ".join(fold_character(one) for one in lost),
        )
