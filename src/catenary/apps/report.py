"""Reports from what is given, each a template: a note on tables and news, a contract's review, a record's summary.

All that a template says by itself is quoted or computed, with its place. A model may write the note; then each figure
in it that neither stands in the tables and news nor follows from the tables is told below.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, Literal

from catenary.apps.clauses import Risk, clauses, risks
from catenary.apps.figures import Change, changes, prose, tables, unsupported
from catenary.apps.port import App, ChatModel, Conversation, Note, Piece, whole
from catenary.apps.risk import Field
from catenary.apps.sections import KINDS, Section, missing, sections
from catenary.apps.summarise import key_points
from catenary.apps.templates import template
from catenary.messages import Language, say

Template = Literal["note", "contract", "record"]
FIELDS: Mapping[Template, Field] = {"note": "finance", "contract": "law", "record": "medicine"}
INSTRUCTION: Mapping[Language, str] = {
    "en": "Write a short financial note from the figures and the news. Use no figure that they do not give.",
    "zh": "根据给出的数据和新闻写一则简短的财务简报，不得使用其中没有的数字。",
}


def report(name: Template, *, points: int = 3, model: ChatModel | None = None) -> App:
    """The application of this template. `points`: key points of the news, or of a long section; `model` for notes."""
    match name:
        case "note":
            return _note(points, model)
        case "contract":
            return _contract()
        case "record":
            return _record(points)


def _note(points: int, model: ChatModel | None) -> App:
    async def answer(conversation: Conversation) -> AsyncIterator[Piece]:
        text, language = conversation.question, conversation.language
        known = [one for table in tables(text) for one in changes(table)]
        news = key_points(prose(text), points)
        yield Note({"figures": [_change_json(one) for one in known]})
        told = [_change_line(one, language) for one in known] + [f"- {one}" for one in news]
        if not told:
            yield say("Neither a table by periods nor a sentence was given.", lang=language)
        if model is None or not told:
            yield Note({"template": template("report/note", "")})
            yield "\n".join(told)
            return
        system = INSTRUCTION[language]
        yield Note({"template": template("report/note", system), "model": model.name})
        messages = [{"role": "system", "content": system}, {"role": "user", "content": "\n".join(told)}]
        said = (await whole(model.write(messages, max_tokens=conversation.max_tokens))).strip()
        wrong = unsupported(said, text, known)
        yield Note({"unsupported": [{"start": a, "end": b, "text": said[a:b]} for a, b in wrong]})
        yield said
        if wrong:
            shown = ", ".join(dict.fromkeys(said[a:b] for a, b in wrong))
            yield "\n\n" + say("Figures that stand in no input: {figures}", lang=language, figures=shown)
        yield "\n\n" + "\n".join(told)

    return answer


def _contract() -> App:
    async def answer(conversation: Conversation) -> AsyncIterator[Piece]:
        text, language = conversation.question, conversation.language
        found = risks(text)
        yield Note(
            {
                "template": template("report/contract", ""),
                "clauses": [{"start": start, "end": end} for start, end in clauses(text)],
                "risks": [_risk_json(one) for one in found],
            }
        )
        for one in found:
            level = say("high risk" if one.rule.level == "high" else "medium risk", lang=language)
            name = one.rule.zh if language == "zh" else one.rule.en
            yield f"- {level} · {name} · {one.clause} ({one.start}–{one.end})\n  “{text[one.start : one.end]}”\n"
        if not found:
            yield say("No clause is worded as the rules know risks.", lang=language) + "\n"
        yield say("Rules find wordings, not meanings: what is worded otherwise is not found.", lang=language)

    return answer


def _record(points: int) -> App:
    async def answer(conversation: Conversation) -> AsyncIterator[Piece]:
        text, language = conversation.question, conversation.language
        found, lacks = sections(text), missing(sections(text))
        yield Note(
            {
                "template": template("report/record", ""),
                "sections": [
                    {"code": one.kind and one.kind.code, "start": one.start, "end": one.end} for one in found
                ],
                "missing": [kind.code for kind in lacks],
            }
        )
        order = {kind: at for at, kind in enumerate(KINDS)}
        for one in sorted(found, key=lambda one: order.get(one.kind, len(order)) if one.kind else len(order)):
            yield _section_lines(one, text, points, language)
        if lacks:
            names = ", ".join(kind.zh if language == "zh" else kind.en for kind in lacks)
            yield say("The record has no section on: {names}", lang=language, names=names)

    return answer


def _section_lines(one: Section, text: str, points: int, language: Language) -> str:
    part = text[one.start : one.end]
    name = say("Without a heading", lang=language)
    if one.kind is not None:
        name = f"{one.kind.zh if language == 'zh' else one.kind.en} (LOINC {one.kind.code})"
    kept = [part] if one.kind is not None and one.kind.whole else key_points(part, points) or [part]
    return f"{name} [{one.start}–{one.end}]\n" + "\n".join(f"- {line}" for line in kept) + "\n"


def _change_line(one: Change, language: Language) -> str:
    sign = f"{one.difference:+,f}"
    if one.after.percent:
        sign = say("{n} percentage points", lang=language, n=sign)
    elif one.percent is not None:
        sign += f", {one.percent:+} %"
    was, now = one.periods
    return f"- {one.name}: {one.before.text} ({was}) → {one.after.text} ({now}): {sign}"


def _change_json(one: Change) -> dict[str, Any]:
    return {
        "name": one.name,
        "periods": list(one.periods),
        "before": {"text": one.before.text, "start": one.before.start, "end": one.before.end},
        "after": {"text": one.after.text, "start": one.after.start, "end": one.after.end},
        "difference": f"{one.difference:f}",
        "percent": None if one.percent is None else str(one.percent),
    }


def _risk_json(one: Risk) -> dict[str, Any]:
    return {
        "risk": one.rule.en,
        "level": one.rule.level,
        "clause": one.clause,
        "start": one.start,
        "end": one.end,
    }
