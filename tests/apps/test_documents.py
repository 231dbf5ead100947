from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pytest

from catenary.apps import App, documents
from catenary.apps.documents import DocumentRules
from catenary.apps.port import Screened
from catenary.search import SearchIndex, build_search
from tests.apps.ports import Scripted, told

DOCUMENTS = {
    "tea.md": "# 茶\n\n绿茶用八十度的水冲泡，三分钟即可。红茶用沸水。\n\n## 保存\n\n茶叶要密封，放在阴凉处保存。\n",
    "coffee.md": "# Coffee\n\nGrind the beans just before brewing. The water should have 93 degrees. Rinse the filter"
    " first.\n\n## Storing beans\n\nStore beans in a dark tin. Never freeze them.\n",
}


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> SearchIndex:
    folder = tmp_path_factory.mktemp("index")
    rows = [
        {"id": name, "source": "notes", "file": name, "offset": 1, "licence": "CC0-1.0", "text": text}
        for name, text in DOCUMENTS.items()
    ]
    build_search([pa.RecordBatch.from_pylist(rows)], folder)
    return SearchIndex.open(folder)


def said(app: App, *messages: str) -> tuple[str, dict[str, Any]]:
    return asyncio.run(told(app, *messages))


def test_a_question_is_answered_with_the_words_of_its_source(index: SearchIndex) -> None:
    text, notes = said(documents(index), "绿茶要用多少度的水？")
    assert text.startswith("绿茶用八十度的水冲泡，三分钟即可。红茶用沸水。[1]")
    assert text.endswith("[1] 茶 › tea.md")
    [cited] = notes["citations"]
    start, end = cited["quote"]
    assert DOCUMENTS[cited["file"]][start:end] == "绿茶用八十度的水冲泡，三分钟即可。红茶用沸水。"
    assert text[cited["start_index"] : cited["end_index"]] == "[1]"
    assert cited["passage"] in {one["passage"] for one in notes["retrieved"]}
    assert notes["template"]["name"] == "documents/quote"


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("How do I repair a bicycle?", "This is not in the documents."),
        ("红烧肉怎么做？", "文档中没有相关内容。"),
    ],
)
def test_what_is_not_in_the_documents_is_not_answered(index: SearchIndex, question: str, answer: str) -> None:
    text, notes = said(documents(index), question)
    assert text == answer
    assert notes["answered"] is False
    assert "citations" not in notes
    other = said(documents(index, rules=DocumentRules(not_found="请致电客服。")), question)
    assert other[0] == "请致电客服。"


def test_a_question_that_goes_on_is_looked_up_with_the_one_before(index: SearchIndex) -> None:
    app = documents(index)
    assert said(app, "茶叶怎么保存？", "密封。", "为什么？")[1]["answered"]
    # … and what it asks of itself must be known: the earlier question does not answer it
    assert not said(app, "茶叶怎么保存？", "密封。", "红烧肉怎么做？")[1]["answered"]


def test_a_model_writes_and_only_what_the_passages_support_is_told(index: SearchIndex) -> None:
    model = Scripted("The water should have 93 degrees [1]. Coffee was discovered in Ethiopia by goats [2].")
    text, notes = said(documents(index, model=model), "How hot should the water for coffee be?")
    assert text.startswith("The water should have 93 degrees. [1]")
    assert "Ethiopia" not in text
    assert (notes["sentences_kept"], notes["sentences_dropped"]) == (1, 1)
    assert notes["template"]["name"] == "documents/write"
    assert notes["citations"][0]["file"] == "coffee.md"
    assert "93 degrees" in model.asked[0][-1]["content"]


def test_where_a_model_makes_everything_up_the_documents_are_quoted(index: SearchIndex) -> None:
    model = Scripted("Ask your grandmother about Ethiopian goats.")
    text, notes = said(documents(index, model=model), "How hot should the water for coffee be?")
    assert "The water should have 93 degrees." in text
    assert notes["template"]["name"] == "documents/quote"


def test_what_the_guard_blocks_is_neither_read_nor_quoted(index: SearchIndex) -> None:
    async def screen(texts: Sequence[str]) -> Screened:
        blocked = [row for row, text in enumerate(texts) if "Grind" in text]
        return Screened(
            [None if row in blocked else text.replace("dark tin", "[TIN]") for row, text in enumerate(texts)],
            [(row, {"rule": "injection", "action": "block"}) for row in blocked],
        )

    model = Scripted("The water should have 93 degrees.", "Store beans in a dark tin.")
    text, notes = said(
        documents(index, model=model, screen=screen), "How hot should the water for coffee be?"
    )
    assert "93" not in text
    assert "93 degrees" not in str(model.asked)
    assert notes["guard"][0]["rule"] == "injection"
    assert notes["guard"][0]["passage"].startswith("coffee.md:")

    said(documents(index, model=model, screen=screen), "Where should I store coffee beans?")
    assert "[TIN]" in model.asked[-1][-1]["content"]
    assert "dark tin" not in model.asked[-1][-1]["content"]


def test_a_model_that_repeats_itself_is_stopped(index: SearchIndex) -> None:
    model = Scripted("The water should have 93 degrees. " * 40)
    text, notes = said(documents(index, model=model), "How hot should the water for coffee be?")
    assert text.count("93 degrees") == 1
    assert notes["sentences_kept"] == 1


def test_passages_that_a_model_finds_relevant_come_first(index: SearchIndex) -> None:
    read: list[str] = []

    async def relevance(question: str, passages: Sequence[str]) -> list[float]:
        read.extend(passages)
        return [float("freeze" in one) for one in passages]

    question = "What about beans before brewing?"
    _, plain = said(documents(index), question)
    rules = DocumentRules(rerank_best=2)
    _, told = said(documents(index, rules=rules, rerank=relevance), question)
    assert len(read) == 2
    assert {one["passage"] for one in told["retrieved"]} == {one["passage"] for one in plain["retrieved"]}
    assert [one["relevance"] for one in told["retrieved"][:2]] in ([0.0, 1.0], [1.0, 0.0])
    assert "relevance" not in plain["retrieved"][0]


def test_questions_in_another_language_are_not_read_again(index: SearchIndex) -> None:
    async def relevance(question: str, passages: Sequence[str]) -> list[float]:
        raise AssertionError(question)

    app = documents(index, rules=DocumentRules(rerank_languages=("en",)), rerank=relevance)
    text, _ = said(app, "绿茶要用多少度的水？")
    assert "八十度" in text
    text, _ = said(app, "How do I repair a bicycle?")  # nor is one that nothing answers
    assert text == "This is not in the documents."
