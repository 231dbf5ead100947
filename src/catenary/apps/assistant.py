"""Customer service: known answers first, then documents, then a model; a person when that is what is needed.

1. Who asks for a person, is refused an answer for the second time, or (by a classifier of the chain) is upset, is
   handed over: in opening hours to a person, with a summary of the conversation in the receipt; out of them told when.
2. A question that is like one of the `faq` gets its answer, word for word.
3. Else documents are asked, where an index is named; else a model, which gets the last turns and the key points of
   those before; else it is said that there is no answer.
4. To who is upset an answer begins with a word of regret. Thanks are answered with a request to rate the answer.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from catenary.apps.port import App, ChatModel, Classify, Conversation, Note, Piece
from catenary.apps.summarise import key_points
from catenary.apps.templates import template
from catenary.messages import Language, say
from catenary.search.terms import question_terms

PERSON = re.compile(
    r"转人工|人工客服|找人工|(?:有|找|要|跟|和|换)(?:个|位)?真人(?!尺寸|大小|秀|版)|真人客服|接(?:一下)?(?:人工|客服)|"
    r"^\W*(?:人工|真人)(?:服务)?\W*$|"
    r"\b(?:speak|talk|connect me|transfer me)(?: to| with)? (?:a |an |the )?"
    r"(?:human|(?:real )?person|someone|agent|operator)\b|"
    r"^\W*(?:a )?(?:human|agent|operator)(?:,? please)?\W*$",
    re.IGNORECASE,
)
THANKS = re.compile(r"^\W*(?:谢谢|多谢|感谢|thanks|thank you)\W*\w{0,8}\W*$", re.IGNORECASE)
ALIKE = 0.6  # of two questions' words (Dice), that make them one
REMEMBERED = 6  # turns that a model reads whole
WEEKDAYS: dict[Language, str] = {
    "en": "Mon Tue Wed Thu Fri Sat Sun",
    "zh": "周一 周二 周三 周四 周五 周六 周日",
}
INSTRUCTION: dict[Language, str] = {
    "en": "You answer customers, politely and briefly. Say so when you do not know.",
    "zh": "你是客服，礼貌、简短地回答。不知道就直说。",
}


@dataclass(frozen=True, slots=True)
class AssistantRules:
    """`faq`: question → answer. `hours`: weekday (0 Monday) → opening and closing hour. `upset`: labels that say so."""

    faq: Mapping[str, str] = field(default_factory=dict)
    hours: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    upset: Collection[str] = ("negative",)
    above: float = 0.8
    instruction: str | None = None


def assistant(
    rules: AssistantRules,
    *,
    documents: App | None = None,
    model: ChatModel | None = None,
    label: Classify | None = None,
    now: Any = datetime.now,
) -> App:
    """The application. `now` tells the time at the place whose `hours` are kept."""

    async def answer(conversation: Conversation) -> AsyncIterator[Piece]:
        language, question = conversation.language, conversation.question
        upset = False
        if label is not None:
            [scores] = await label([question])
            upset = sum(scores.get(name, 0.0) for name in rules.upset) >= rules.above
            yield Note(
                {"sentiment": {name: round(value, 4) for name, value in scores.items()}, "upset": upset}
            )
        if PERSON.search(question) or _failed_before(conversation, language):
            for piece in _handed_over(conversation, rules, now(), language):
                yield piece
            return
        if THANKS.match(question):
            yield Note({"route": "satisfaction"})
            yield say(
                "You are welcome. How well did this answer you, from 1 to 5? (/v1/feedback)", lang=language
            )
            return
        if upset:
            yield say("I am sorry for the trouble.", lang=language) + ("" if language == "zh" else " ")
        known = nearest(question, rules.faq)
        if known is not None:
            yield Note({"route": "faq", "faq": known})
            yield rules.faq[known]
        elif documents is not None:
            yield Note({"route": "documents"})
            async for piece in documents(conversation):
                yield piece
        elif model is not None:
            system = rules.instruction or INSTRUCTION[language]
            yield Note({"route": "model", "template": template("assistant", system), "model": model.name})
            asked = [{"role": "system", "content": system}, *_remembered(conversation.messages)]
            async for text in model.write(asked, max_tokens=conversation.max_tokens):
                yield text
        else:
            yield Note({"route": "none"})
            yield say("I have no answer to this.", lang=language)

    return answer


def nearest(question: str, faq: Mapping[str, str]) -> str | None:
    """The known question that has most words in common with this one; None where none has enough."""
    asked = set(question_terms(question))
    best, share = None, ALIKE
    for known in faq:
        words = set(question_terms(known))
        alike = 2 * len(asked & words) / max(len(asked) + len(words), 1)
        if alike >= share:
            best, share = known, alike
    return best


def _failed_before(conversation: Conversation, language: Language) -> bool:
    """Whether the last two answers were that there is none."""
    said = [str(one.get("content")) for one in conversation.messages if one.get("role") == "assistant"]
    none = {say("I have no answer to this.", lang=one) for one in ("zh", "en")} | {
        say("This is not in the documents.", lang=one) for one in ("zh", "en")
    }
    return len(said) > 1 and all(any(text in one for text in none) for one in said[-2:])


def _handed_over(
    conversation: Conversation, rules: AssistantRules, now: datetime, language: Language
) -> list[Piece]:
    summary = key_points("\n".join(conversation.asked), 3)
    hours = rules.hours.get(now.weekday())
    opened = not rules.hours or (hours is not None and hours[0] <= now.hour < hours[1])
    note = Note(
        {
            "route": "person",
            "open": opened,
            "handover": {"summary": summary, "turns": len(conversation.messages)},
        }
    )
    if opened:
        return [note, say("A person takes over now and has read what was said so far.", lang=language)]
    return [
        note,
        say("A person will answer when we are open: {hours}.", lang=language, hours=_hours(rules, language)),
    ]


def _hours(rules: AssistantRules, language: Language) -> str:
    days = WEEKDAYS[language].split()
    return ", ".join(f"{days[day]} {a:02d}:00–{b:02d}:00" for day, (a, b) in sorted(rules.hours.items()))


def _remembered(messages: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The last turns whole, and before them the key points of what the user said earlier."""
    late = list(messages[-REMEMBERED:])
    early = [str(one.get("content") or "") for one in messages[:-REMEMBERED] if one.get("role") == "user"]
    points = key_points("\n".join(early), 5)
    return [{"role": "system", "content": "\n".join(points)}, *late] if points else late
