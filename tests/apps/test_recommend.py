from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from catenary.apps.recommend import Recommender, RecommendRules, recommend
from catenary.search import SearchIndex
from tests.apps.ports import told
from tests.search.test_index import built

ITEMS = [
    "# Green tea\nLeaves from Zhejiang, steamed, grassy and light.",
    "# Jasmine tea\nLeaves scented with jasmine flowers, grassy and sweet.",
    "# Tea pot\nA pot of brown clay from Yixing.",
    "# Espresso machine\nNine bars of pressure, for ground coffee.",
    "# Coffee grinder\nGrinds beans for coffee with steel burrs.",
    "# 紫砂壶\n宜兴紫砂泥制成的茶壶，适合乌龙茶。",
    "# 乌龙茶\n福建半发酵茶，香气浓郁。",
]
HISTORIES = [
    ["Green tea", "Tea pot"],
    ["Green tea", "Tea pot", "Jasmine tea"],
    ["Espresso machine", "Coffee grinder"],
    ["Green tea", "Coffee grinder"],
    ["Green tea"],
]


def make_index(folder: Path, items: list[str]) -> SearchIndex:
    built(folder / "index", {f"{number}.md": text for number, text in enumerate(items)})
    return SearchIndex.open(folder / "index")


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Recommender:
    return Recommender(make_index(tmp_path_factory.mktemp("items"), ITEMS), HISTORIES)


def names(known: Recommender, history: list[str], wish: str = "", **rules: object) -> list[str]:
    return [one.name for one in known.best(history, wish, RecommendRules(**rules))]  # type: ignore[arg-type]


def test_what_stands_beside_the_history_comes_first_and_the_history_itself_never(known: Recommender) -> None:
    best = names(known, ["Green tea"])
    assert best[0] in ("Tea pot", "Jasmine tea")
    assert "Green tea" not in best
    assert "Tea pot" not in names(known, ["Green tea"], exclude=["Tea pot"])


def test_the_reason_names_what_it_goes_with(known: Recommender) -> None:
    text, notes = asyncio.run(told(recommend(known, RecommendRules(items=2)), "- Green tea"))
    assert "2 histories have it beside Green tea" in text
    assert notes["history"] == ["Green tea"]
    assert {one["item"] for one in notes["recommended"]} == {"Tea pot", "Jasmine tea"}


def test_a_wish_finds_by_words_in_both_languages(known: Recommender) -> None:
    assert names(known, [], "something for coffee beans")[0] == "Coffee grinder"
    text, _ = asyncio.run(told(recommend(known, RecommendRules(items=1)), "想要宜兴的茶壶"))
    assert text.startswith("1. 紫砂壶 – 提到")


def test_what_nobody_ever_had_is_found_by_its_text(known: Recommender) -> None:
    assert "乌龙茶" in names(known, ["紫砂壶"])


def test_who_says_nothing_gets_what_most_have_and_is_told_so(known: Recommender) -> None:
    best = known.best([], "", RecommendRules(items=1))
    assert (best[0].name, best[0].popular) == ("Green tea", 4)


def test_a_wish_for_what_is_not_there_is_not_answered_with_something_else(known: Recommender) -> None:
    text, notes = asyncio.run(told(recommend(known, RecommendRules()), "zeppelin"))
    assert text == "Nothing here goes with that."
    assert notes["recommended"] == []


def test_diversity_puts_off_what_says_the_same(tmp_path: Path) -> None:
    items = ["A\nred wool scarf", "B\nred wool scarf soft", "C\nred leather gloves"]
    index = make_index(tmp_path, items)
    best = names(Recommender(index), [], "red wool scarf", items=2)
    mixed = names(Recommender(index), [], "red wool scarf", items=2, diversity=0.9)
    assert sorted(best) == ["A", "B"]
    assert mixed == [best[0], "C"]
