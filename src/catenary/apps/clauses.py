"""A contract's clauses and the risks in their wording, by rules.

A clause begins with its number (`第三条`, `三、`, `3.`, `3.2`, `Article 3`), else with a paragraph. A rule is a
pattern of wording: what is worded otherwise it does not find. No model is asked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from catenary.data.sentences import sentence_spans

Level = Literal["high", "medium"]
NUMBERED = re.compile(
    r"^[ \t#*]*(?:第[一二三四五六七八九十百零\d]+条|[一二三四五六七八九十]+、|(?:Article|Section|Clause)\s+\d+"
    r"|\d+(?:\.\d+)+[.、)）]?\s|\d+[.、)）](?!\d))",
    re.MULTILINE | re.IGNORECASE,
)
PARAGRAPH = re.compile(r"(?:\A|\n[ \t]*\n)(?=\s*\S)")
HEADING_LETTERS = 40


@dataclass(frozen=True, slots=True)
class Rule:
    """A wording that carries risk: its name in both languages, how much, and the pattern."""

    en: str
    zh: str
    level: Level
    pattern: re.Pattern[str]


def _rule(en: str, zh: str, level: Level, pattern: str) -> Rule:
    return Rule(en, zh, level, re.compile(pattern, re.IGNORECASE))


RULES: tuple[Rule, ...] = (
    _rule(
        "unlimited liability",
        "责任无上限",
        "high",
        r"unlimited liabilit|liab\w+[^.]{0,40}(?:without limit|unlimited)|无限(?:连带)?责任|不设上限",
    ),
    _rule(
        "one-sided termination",
        "单方解除",
        "high",
        r"(?:terminate|end|close)[^.]{0,60}"
        r"(?:at any time|without (?:notice|cause|reason)|(?:its|sole) discretion|sees fit)"
        r"|(?:有权|可以?)(?:随时|单方(?:面)?)[^。]{0,10}(?:解除|终止)|无需(?:提前)?通知[^。]{0,12}(?:解除|终止)"
        r"|认为必要时[^。]{0,12}(?:解除|终止)",
    ),
    _rule(
        "liability excluded",
        "免除责任",
        "high",
        r"(?:shall|will) not be (?:liable|responsible)|no liability|disclaims? (?:all|any)"
        r"|不承担(?:任何|一切)?[^。]{0,6}责任|概不负责|(?:风险|后果|损失)[^。]{0,6}自行承担",
    ),
    _rule(
        "indemnity",
        "赔偿一切损失",
        "high",
        r"indemnif|hold harmless|(?:make good|reimburse)[^.]{0,30}(?:every|all|any) (?:loss|damage)"
        r"|赔偿[^。]{0,12}(?:一切|全部|所有)[^。]{0,4}损失|承担[^。]{0,8}(?:全部|一切|所有)(?:支出|费用|损失)",
    ),
    _rule(
        "automatic renewal",
        "自动续约",
        "medium",
        r"renews? automatically|automatic(?:ally)? (?:be )?renew|unless cancelled[^.]{0,50}(?:extended|renew)"
        r"|自动(?:续期|续约|续签|延长|顺延)|视为[^。]{0,4}同意[^。]{0,4}(?:续|继续)",
    ),
    _rule(
        "penalty",
        "违约金",
        "medium",
        r"liquidated damages|penalt(?:y|ies)|违约金|滞纳金|罚(?:金|款)|扣除[^。]{0,10}(?:价款|货款)",
    ),
    _rule(
        "exclusivity",
        "独家或竞业限制",
        "medium",
        r"\bexclusive(?:ly)?\b(?! jurisdiction)|\bexclusivity\b|non-compet"
        r"|not (?:to )?(?:compete|work for a competitor)"
        r"|独家|排他|竞业(?:限制|禁止)|不得与[^。]{0,8}竞争对手",
    ),
    _rule(
        "change without consent",
        "单方变更",
        "medium",
        r"(?:amend|modify|change)[^.]{0,40}without[^.]{0,40}consent"
        r"|(?:may|right to) (?:amend|modify|change|update)[^.]{0,40}(?:time to time|at any time)"
        r"|单方(?:面)?(?:变更|修改|调整)|有权(?:随时)?(?:变更|修改|调整)",
    ),
    _rule(
        "forum fixed",
        "争议管辖",
        "medium",
        r"exclusive jurisdiction|arbitrat(?:ion|or)|仲裁委员会|专属管辖|所在地(?:有管辖权的)?人民法院",
    ),
)
LEVELS: Mapping[Level, int] = {"high": 0, "medium": 1}


@dataclass(frozen=True, slots=True)
class Risk:
    """A sentence that a rule met. Characters `start` to `end` of the contract are it; `clause` begins its clause."""

    rule: Rule
    clause: str
    start: int
    end: int


def risks(text: str) -> list[Risk]:
    """The risks of a contract, the high ones first, else in its order."""
    found = []
    for start, end in clauses(text):
        clause = text[start:end]
        heading = next((line.strip() for line in clause.split("\n") if line.strip()), "")[:HEADING_LETTERS]
        for a, b in sentence_spans(clause):
            sentence = clause[a:b]
            found += [
                Risk(rule, heading, start + a, start + b) for rule in RULES if rule.pattern.search(sentence)
            ]
    return sorted(found, key=lambda one: (LEVELS[one.rule.level], one.start))


def clauses(text: str) -> list[tuple[int, int]]:
    """Where the clauses stand: from number to number, or paragraphs where nothing is numbered."""
    starts = [one.start() for one in NUMBERED.finditer(text)]
    starts = starts or [one.end() for one in PARAGRAPH.finditer(text)]
    if not starts:
        return []
    if text[: starts[0]].strip():
        starts.insert(0, 0)
    return list(zip(starts, [*starts[1:], len(text)], strict=True))
