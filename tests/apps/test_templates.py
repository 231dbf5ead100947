from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pytest

from catenary.apps import App
from catenary.apps.assistant import AssistantRules, assistant
from catenary.apps.proofread import changes, proofread
from catenary.apps.risk import in_field
from catenary.apps.structured import classify, extract
from catenary.apps.summarise import key_points, summarise
from catenary.apps.templates import INSTRUCTIONS, prompted
from catenary.apps.translate import translate
from tests.apps.ports import Scripted, told

FAQ = {"怎样退货？": "七天内可以退货。", "What are the delivery times?": "Two to four days."}
MONDAY_NOON, SUNDAY = datetime(2026, 11, 30, 12), datetime(2026, 11, 29, 12)


def said(app: App, *messages: str) -> tuple[str, dict[str, Any]]:
    return asyncio.run(told(app, *messages))


async def mood(texts: Sequence[str]) -> list[Mapping[str, float]]:
    return [{"negative": 0.95, "positive": 0.05} if "差" in text else {"negative": 0.1} for text in texts]


def test_known_questions_come_first_and_a_model_is_not_asked() -> None:
    model = Scripted("It depends.")
    app = assistant(AssistantRules(FAQ), model=model)
    assert said(app, "请问怎么退货")[0] == "七天内可以退货。"
    assert said(app, "what are your delivery times")[1]["faq"] == "What are the delivery times?"
    assert model.asked == []
    text, notes = said(app, "Do you sell bicycles?")
    assert (text, notes["route"]) == ("It depends.", "model")


def test_who_is_upset_is_answered_with_regret() -> None:
    text, notes = said(assistant(AssistantRules(FAQ), label=mood), "质量太差了，怎样退货？")
    assert text.startswith("很抱歉给您带来不便。")
    assert notes["upset"] is True
    assert not said(assistant(AssistantRules(FAQ), label=mood), "怎样退货？")[0].startswith("很抱歉")


@pytest.mark.parametrize(
    "question",
    ["转人工", "人工", "有真人吗？", "帮我接一下客服", "I want to talk to a human", "agent, please"],
)
def test_a_person_takes_over_in_opening_hours(question: str) -> None:
    rules = AssistantRules(FAQ, hours={0: (9, 18)})
    _, notes = said(assistant(rules, now=lambda: MONDAY_NOON), "My parcel 17 is lost.", "Sorry.", question)
    assert notes["route"] == "person"
    assert notes["open"] is True
    assert "My parcel 17 is lost." in notes["handover"]["summary"]
    closed = said(assistant(rules, now=lambda: SUNDAY), question)
    assert closed[1]["open"] is False
    assert "09:00–18:00" in closed[0]


@pytest.mark.parametrize(
    "question", ["How many people fit in?", "有真人尺寸的玩偶吗？", "人工智能音箱有货吗？"]
)
def test_whoever_speaks_of_a_person_is_not_handed_over(question: str) -> None:
    assert said(assistant(AssistantRules(FAQ)), question)[1]["route"] == "none"


def test_one_word_in_common_makes_no_known_question() -> None:
    app = assistant(AssistantRules({"How long does delivery take?": "Three days."}))
    assert said(app, "How long will the delivery take?")[0] == "Three days."
    assert said(app, "How long is the cable?")[1]["route"] == "none"


def test_after_two_answers_that_were_none_a_person_takes_over() -> None:
    app = assistant(AssistantRules())
    none = "I have no answer to this."
    assert said(app, "What?")[0] == none
    assert said(app, "What?", none, "And now?")[1]["route"] == "none"
    assert said(app, "What?", none, "And now?", none, "Hello?")[1]["route"] == "person"


def test_thanks_are_answered_with_a_request_to_rate() -> None:
    assert said(assistant(AssistantRules()), "谢谢！")[1]["route"] == "satisfaction"


def test_long_conversations_are_remembered_by_their_key_points() -> None:
    model = Scripted("Yes.")
    turns = ["My order is number 4711.", "Good.", *["And then?", "Then."] * 4, "Which number was my order?"]
    said(assistant(AssistantRules(), model=model), *turns)
    assert any("4711" in str(one["content"]) for one in model.asked[0])
    assert len(model.asked[0]) < len(turns)


TEXT = (
    "The new bridge over the river was opened on Monday. Thousands walked over the new bridge. It rained a little."
    " The bridge over the river cost nine million. A dog barked."
)


def test_key_points_are_the_texts_own_sentences_in_their_order() -> None:
    points = key_points(TEXT, 2)
    assert len(points) == 2
    assert all("bridge" in one and one in TEXT for one in points)
    assert TEXT.index(points[0]) < TEXT.index(points[1])
    assert said(summarise(points=1), TEXT)[0].startswith("- ")


def test_a_long_text_is_summed_up_in_parts() -> None:
    model = Scripted("First part.", "Second part.", "All of it.")
    long = "\n\n".join(f"Sentence {n} of a long report about bridges and rivers." for n in range(200))
    text, _ = said(summarise(model=model), long)
    assert text == "All of it."
    assert "First part.\nSecond part." in model.asked[-1][-1]["content"]


def test_layout_is_kept_and_terms_are_checked() -> None:
    model = Scripted("软件包", "安装一个包", "列表")
    source = "# Package\n\n- install a package\n\n```\napt install x\n```\n1. list"
    text, notes = said(translate(model, terms={"package": "软件包"}), source)
    assert text == "# 软件包\n\n- 安装一个包\n\n```\napt install x\n```\n1. 列表"
    assert notes["terms_missed"] == [{"line": 3, "term": "package", "expected": "软件包"}]
    assert "package = 软件包" in model.asked[0][0]["content"]


def test_changes_are_told_with_their_places() -> None:
    was, now = "He go to school yesterday.", "He went to school yesterday."
    [one] = changes(was, now) or []
    assert (was[one["start"] : one["end"]], one["now"]) == ("go", "went")
    assert changes("A short text.", "Something else altogether, much longer than that.") is None
    assert "the the" in said(proofread(), "He saw the the cat.")[0]
    assert said(proofread(model=Scripted(now)), was)[1]["changes"][0]["now"] == "went"


def test_fields_that_the_text_does_not_have_are_named() -> None:
    schema = {"type": "object", "properties": {"name": {"type": "string"}, "town": {"type": "string"}}}
    model = Scripted('{"name": "Li Hua", "town": "Paris"}')
    text, notes = said(extract(model, schema), "Li Hua lives in Xi'an.")
    assert json.loads(text)["name"] == "Li Hua"
    assert notes["unsupported"] == ["$.town"]
    assert model.schemas == [schema]
    assert (model.most[0] or 1000) < 256  # a value that has no end stops


def test_lines_are_labelled_and_flagged() -> None:
    text, _ = said(classify(mood, flags=["negative"], above=0.9), "很差\n\n很好")
    first, second = map(json.loads, text.split("\n"))
    assert (first["label"], first["flagged"]) == ("negative", ["negative"])
    assert second["flagged"] == []


@pytest.mark.parametrize("name", INSTRUCTIONS)
def test_every_instruction_is_asked_in_the_users_language(name: str) -> None:
    model = Scripted("…", "…")
    said(prompted(name, model, style="dry", words=50), "bridges")
    said(prompted(name, model), "桥")
    assert INSTRUCTIONS[name]["en"] in model.asked[0][0]["content"]
    assert "Style: dry. About 50 words." in model.asked[0][0]["content"]
    assert model.asked[1][0]["content"] == INSTRUCTIONS[name]["zh"]


def test_answers_in_a_field_that_carries_risk_say_so() -> None:
    text, notes = said(in_field(summarise(points=1), "medicine"), "头痛可能有多种原因，应当休息。")
    assert text.endswith("不构成医疗建议，请咨询医生。")
    assert notes["risk"] == "medicine"
