"""A medical record's sections by their headings, coded in LOINC (the codes of HL7's C-CDA document sections).

A heading is a line's beginning with a colon behind it, or a line by itself. What stands under an unknown heading, or
before the first one, is kept without a code, so that nothing is lost.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """A section of records. `whole`: none of it may be left out of a summary; `wanted`: its lack is told."""

    code: str
    en: str
    zh: str
    names: str
    whole: bool = False
    wanted: bool = False


BOTH = Kind(
    "51847-2",
    "Assessment and plan",
    "评估与计划",
    r"assessment (?:and|&|/) plan|A&P|A/P|评估(?:与|和|及)计划",
    True,
)
KINDS: tuple[Kind, ...] = (
    Kind("10154-3", "Chief complaint", "主诉", r"chief complaint|presenting complaint|CC|主诉", True, True),
    Kind("10164-2", "History of present illness", "现病史", r"history of present(?:ing)? illness|HPI|现病史"),
    Kind("11348-0", "Past medical history", "既往史", r"past medical history|PMH|past history|既往史|过去史"),
    Kind(
        "48765-2",
        "Allergies",
        "过敏史",
        r"allerg(?:y|ies)(?: and intolerances)?|药物过敏史?|过敏史",
        True,
        True,
    ),
    Kind(
        "10160-0",
        "Medications",
        "用药",
        r"(?:current |home )?medications?|用药(?:史|情况)?|目前用药",
        True,
        True,
    ),
    Kind("29762-2", "Social history", "个人史", r"social history|个人史"),
    Kind("10157-6", "Family history", "家族史", r"family history|家族史"),
    Kind("29545-1", "Physical findings", "体格检查", r"physical exam(?:ination)?|examination|体格检查|查体"),
    Kind(
        "30954-2",
        "Results",
        "辅助检查",
        r"(?:lab(?:oratory)? )?results|labs|investigations|辅助检查|检查结果|化验",
    ),
    Kind(
        "29308-4",
        "Diagnosis",
        "诊断",
        r"diagnos[ie]s|impression|assessment|(?:初步|入院|出院|临床)?诊断",
        True,
        True,
    ),
    Kind(
        "18776-5",
        "Plan of treatment",
        "诊疗计划",
        r"(?:treatment )?plan|诊疗计划|治疗计划|处理(?:意见)?|医嘱|出院医嘱",
        True,
        True,
    ),
    BOTH,
)
HEADING = re.compile(
    r"^[ \t#*【\[]*(?:"
    + "|".join(f"(?P<k{at}>{kind.names})" for at, kind in enumerate(KINDS))
    + r")[】\]* \t]*"
    r"(?:[:：][ \t*]*|$)",
    re.IGNORECASE | re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Section:
    """A section's text: characters `start` to `end` of the record. `kind` is None for what has no heading."""

    kind: Kind | None
    start: int
    end: int


def sections(text: str) -> list[Section]:
    """The sections that say something, in the record's order."""
    heads = list(HEADING.finditer(text))
    ends = [one.start() for one in heads[1:]] + [len(text)]
    found = [Section(None, 0, heads[0].start() if heads else len(text))]
    found += [Section(_kind(one), one.end(), end) for one, end in zip(heads, ends, strict=True)]
    return [_trimmed(one, text) for one in found if text[one.start : one.end].strip()]


def missing(found: Sequence[Section]) -> list[Kind]:
    """What every record should say, and this one has no section of."""
    there = {one.kind.en for one in found if one.kind is not None}
    if BOTH.en in there:
        there |= {"Diagnosis", "Plan of treatment"}
    return [kind for kind in KINDS if kind.wanted and kind.en not in there]


def _kind(head: re.Match[str]) -> Kind:
    return next(kind for at, kind in enumerate(KINDS) if head[f"k{at}"] is not None)


def _trimmed(one: Section, text: str) -> Section:
    part = text[one.start : one.end]
    start = one.start + len(part) - len(part.lstrip())
    return Section(one.kind, start, start + len(part.strip()))
