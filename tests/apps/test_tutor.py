from __future__ import annotations

import asyncio
import itertools
import random
import unicodedata
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catenary.apps import App
from catenary.apps.folded import folded
from catenary.apps.rubric import Rubric, length, marks, numbers
from catenary.apps.topics import Topics
from catenary.apps.tutor import mark, path
from catenary.chain.spec import read_declared
from catenary.errors import InvalidInput, NotFound
from tests.apps.ports import Scripted, told

ANSWER = "Plants take Light\nand water;  they give off oxygen at about 25.4 °C."


def said(app: App, *messages: str) -> tuple[str, dict[str, Any]]:
    return asyncio.run(told(app, *messages))


def rubric(*criteria: dict[str, Any], **more: Any) -> Rubric:
    return Rubric.model_validate(
        {"criteria": [{"description": f"About {one['id']}", **one} for one in criteria], **more}
    )


def one_mark(text: str, **rules: Any) -> int | None:
    [found] = marks(rubric({"id": "a", "points": 2, **rules}), text)
    return found.got


def test_each_criterion_has_its_points_its_quotes_and_what_is_missing() -> None:
    made = rubric(
        {"id": "oxygen", "points": 2, "any": ["oxygen", "/\\bo2\\b/"]},
        {"id": "parts", "points": 3, "all": ["light and water", "carbon dioxide"]},
        {"id": "warm", "points": 1, "number": {"value": 25, "tolerance": 0.5}},
        {"id": "soil", "points": 1, "never": ["give off"]},
        {"id": "long", "points": 1, "length": {"least": 50}},
    )
    text, notes = said(mark(made), ANSWER)
    assert text.split("\n") == [
        "About oxygen: 2 of 2",
        f"  “oxygen” ({ANSWER.index('oxygen')}–{ANSWER.index('oxygen') + 6})",
        "About parts: 0 of 3",
        "  “Light",
        "and water” (12–27)",
        "  missing: carbon dioxide",
        "About warm: 1 of 1",
        f"  “25.4” ({ANSWER.index('25.4')}–{ANSWER.index('25.4') + 4})",
        "About soil: 0 of 1",
        f"  must not be said: “give off” ({ANSWER.index('give')}–{ANSWER.index('give') + 8})",
        "About long: 0 of 1",
        f"  {length(ANSWER)} words; at least 50 are wanted",
        "Total: 3 of 8",
    ]
    quotes = [quote for one in notes["marks"] for quote in one["evidence"]]
    assert len(quotes) == 4
    assert all(ANSWER[one["start"] : one["end"]] == one["text"] for one in quotes)
    assert (notes["total"]["got"], notes["total"]["of"]) == (3, 8)


def test_a_chinese_answer_is_marked_and_answered_in_chinese() -> None:
    made = rubric(
        {"id": "gas", "points": 2, "description": "说出氧气", "any": ["氧气"]},
        {"id": "symbol", "points": 1, "description": "写出化学式", "all": ["CO2"]},
        {"id": "soil", "points": 1, "description": "不说土壤", "never": ["土壤"]},
        {"id": "least", "points": 1, "description": "十字以上", "length": {"least": 10}},
    )
    answer = "植物吸收ＣＯ２，放出氧气，养分来自土壤。"
    text, _ = said(mark(made), answer)
    assert text.split("\n") == [
        "说出氧气：2/2",
        "  “氧气”（10–12）",
        "写出化学式：1/1",
        "  “ＣＯ２”（4–7）",
        "不说土壤：0/1",
        "  不应出现：“土壤”（17–19）",
        "十字以上：1/1",
        "总分：4/5",
    ]


@pytest.mark.parametrize(
    ("text", "term", "found"),
    [
        ("A concatenated list", "cat", False),
        ("A cat.", "CAT", True),
        ("the ＣＡＴ", "cat", True),
        ("Straße", "STRASSE", True),
        ("cafe\u0301s", "café", False),
        ("a cafe\u0301!", "café", True),
        ("用DNA复制", "dna", True),
        ("光合作用", "合作", True),
        ("two\n  words", "two words", True),
        ("O2 rises", "/o[23]/", True),
        ("wavelengths", "/wavelengths?/", True),
        ("anything", "/x*/", False),
    ],
)
def test_terms_are_compared_folded_and_whole(text: str, term: str, found: bool) -> None:
    assert one_mark(text, any=[term]) == (2 if found else 0)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("300,000 km", ["300000"]),
        ("3×10^8 or 3 x 10⁸ or 3e8", ["3E8"] * 3),
        ("约３０万人，1.5亿元", ["300000", "1.5E8"]),
        ("−4.5 °C, 10-20", ["-4.5", "10", "20"]),
        ("H2O and v1.2.3", []),
        ("is .5 and 10⁸", ["0.5", "10"]),
        ("1, 2 and 3.", ["1", "2", "3"]),
    ],
)
def test_numbers_are_read_as_they_are_written(text: str, values: list[str]) -> None:
    assert [value for _, value in numbers(text)] == [Decimal(one) for one in values]


def test_a_tolerance_is_decimal_and_its_end_is_within() -> None:
    near = {"value": 0.3, "tolerance": 0.1}
    assert [one_mark(text, number=near) for text in ("0.4", "0.2", "0.41", "none")] == [2, 2, 0, 0]


@given(st.text(max_size=60))
@settings(max_examples=200, deadline=None)
def test_folding_is_the_texts_own_and_every_place_leads_back(text: str) -> None:
    def standard(one: str) -> str:
        return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", one).casefold())

    read = folded(text)
    assert len(read.text) == len(read.spans)
    assert all(0 <= start < end <= len(text) for start, end in read.spans)
    assert "".join(read.text.split()) == "".join(standard(text).split())
    for at in range(len(read.text)):
        start, end = read.place(at, at + 1)
        assert read.text[at] in folded(text[start:end]).text


def test_a_models_mark_is_shown_as_its_own_and_in_the_total_only_where_it_counts() -> None:
    made = rubric(
        {"id": "gas", "points": 2, "any": ["oxygen"], "judge": "model"},
        {"id": "clear", "points": 4, "judge": "model", "count": True},
        {"id": "style", "points": 3, "judge": "model"},
        question="What do plants do?",
    )
    model = Scripted('{"points": 1}', '{"points": 3}', '{"points": 2}')
    text, notes = said(mark(made, model=model), ANSWER)
    assert "About gas: 2 of 2" in text
    assert "The model's mark, not counted: 1 of 2" in text
    assert "The model's mark, counted: 3 of 4" in text
    assert "About style: up to 3 points, by a model\n  The model's mark, not counted: 2 of 3" in text
    assert text.endswith("Total: 5 of 6; of these by the model: 3 of 4")
    assert [one.get("model") for one in notes["marks"]][2] == {"got": 2, "counted": False}
    system, learner = model.asked[1]
    assert "About clear" in system["content"]
    assert "What do plants do?" in system["content"]
    assert learner["content"] == ANSWER


@pytest.mark.parametrize(
    "bad", ["Very good!", "4", '{"points": 9}', '{"points": true}', '{"points": "3"}', "{"]
)
def test_a_mark_that_cannot_be_read_is_none(bad: str) -> None:
    made = rubric(
        {"id": "gas", "points": 2, "any": ["oxygen"]},
        {"id": "clear", "points": 4, "judge": "model", "count": True},
    )
    text, notes = said(mark(made, model=Scripted(bad)), ANSWER)
    assert "The model gave no mark that can be read." in text
    assert text.endswith("Total: 2 of 2; without a mark, and in no total: 4 points")
    assert notes["total"]["unmarked"] == 4


TOPICS = """\
topics:
  counting:
  addition: [counting]
  subtraction: [counting]
  multiplication: [addition]
  division: [multiplication, subtraction]
  分数: [division]
  drawing: []
"""


def topics(tmp_path: Path, text: str = TOPICS) -> Topics:
    (tmp_path / "topics.yaml").write_text(text, "utf-8")
    return read_declared(tmp_path / "topics.yaml", Topics)


def test_the_way_to_a_goal_goes_past_what_is_mastered(tmp_path: Path) -> None:
    app = path(topics(tmp_path))
    text, notes = said(app, "mastered: Counting, addition; goal: division.")
    assert text == (
        "Next: subtraction, multiplication\nThe way to division:\n1. subtraction\n2. multiplication\n3. division"
    )
    assert notes["next"] == ["subtraction", "multiplication"]
    assert said(app, "goal: division", text, "已掌握：multiplication、subtraction")[0] == (
        "接下来：division\n到“division”的路径：\n1. division"
    )
    assert said(app, "分数")[1]["path"][0] == "counting"
    assert said(app, "mastered: 分数, drawing")[0] == "这些都已掌握。"


def test_what_is_no_topic_is_told_and_nothing_is_laid_out(tmp_path: Path) -> None:
    app = path(topics(tmp_path))
    text, notes = said(app, "mastered: counting, algebra\ngoal: division")
    assert text.startswith("There is no topic “algebra”.")
    assert "The topics: counting, addition" in text
    assert "path" not in notes
    assert "`mastered: counting`" in said(app, "What should I learn?")[0]


@st.composite
def graphs(draw: st.DrawFn) -> Topics:
    """Topics in any order of the file, each needing some of those before it in another order."""
    size = draw(st.integers(1, 12))
    names = [f"t{number}" for number in range(size)]
    needs = {
        name: draw(st.lists(st.sampled_from(names[:at]), max_size=4)) if at else []
        for at, name in enumerate(names)
    }
    order = draw(st.permutations(names))
    return Topics.model_validate({"topics": {name: needs[name] for name in order}})


@given(graphs(), st.data())
@settings(max_examples=150, deadline=None)
def test_a_path_is_whole_in_order_and_first_in_the_file(made: Topics, data: st.DataObject) -> None:
    names = list(made.topics)
    mastered = data.draw(st.lists(st.sampled_from(names), unique=True))
    goal = data.draw(st.none() | st.sampled_from(names))
    known = made.below(mastered)
    way = made.path(mastered, goal)
    assert len(way) == len(set(way))
    assert set(way) == made.below([goal] if goal else names) - known
    learnt = set(known)
    for name in way:
        free = [one for one in way if one not in learnt and learnt.issuperset(made.topics[one])]
        assert name == min(free, key=names.index)
        learnt.add(name)
    assert made.next(mastered, goal) == [
        one for one in names if one in way and known.issuperset(made.topics[one])
    ]


@given(graphs(), st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_a_cycle_is_refused_and_named(made: Topics, chance: random.Random) -> None:
    """A topic is made to need one that stands on it: the error's cycle is one of the graph's."""
    name = chance.choice(list(made.topics))
    above = [one for one in made.topics if name in made.below([one])]
    needs = {one: list(of) for one, of in made.topics.items()}
    needs[name].append(chance.choice(above))
    with pytest.raises(InvalidInput) as refused:
        Topics.model_validate({"topics": needs})
    cycle = str(refused.value.values["cycle"]).split(" → ")
    assert cycle[0] == cycle[-1]
    assert len(cycle) > 1
    assert all(later in needs[one] for one, later in itertools.pairwise(cycle))


def test_a_long_chain_of_topics_is_walked() -> None:
    size = 3000
    made = Topics.model_validate(
        {"topics": {f"t{n}": [f"t{n + 1}"] if n < size else [] for n in range(size + 1)}}
    )
    assert made.path([], "t0")[:2] == [f"t{size}", f"t{size - 1}"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("criteria: []", "criteria"),
        ("criteria:\n  - {id: a, points: 1, description: A}", r"Nothing decides[\s\S]*rubric.yaml:2"),
        ("criteria:\n  - {id: a, points: 0, description: A, any: [x]}", r"points[\s\S]*rubric.yaml:2"),
        ("criteria:\n  - {id: a, points: 1, description: A, anny: [x]}", r"did you mean `any`"),
        ("criteria:\n  - {id: a, points: 1, description: A, any: ['/(/']}", r"cannot be read[\s\S]*RE2"),
        ("criteria:\n  - {id: a, points: 1, description: A, any: ['/好，坏/']}", r"folded: ，[\s\S]*`,`"),
        ("criteria:\n  - {id: a, points: 1, description: A, any: [' ']}", "says nothing"),
        ("criteria:\n  - {id: a, points: 1, description: A, length: {least: 9, most: 3}}", "bounds nothing"),
        ("criteria:\n  - {id: a, points: 1, description: A, any: [x], judge: model, count: true}", "no rule"),
        (
            "criteria:\n  - {id: a, points: 1, description: A, any: [x]}\n"
            "  - {id: a, points: 1, description: B, any: [y]}",
            "Two criteria",
        ),
        ("criteria: [", "not valid YAML"),
        ("- a", "mapping"),
    ],
)
def test_mistakes_in_a_rubric_are_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "rubric.yaml").write_text(text, "utf-8")
    with pytest.raises(InvalidInput, match=message):
        read_declared(tmp_path / "rubric.yaml", Rubric)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("topics: {}", "topics"),
        (
            "topics:\n  addition: [countin]\n  counting:",
            r"needs `countin`[\s\S]*topics.yaml:2[\s\S]*counting",
        ),
        ("topics:\n  a: [b]\n  b: [c]\n  c: [b]", r"b → c → b[\s\S]*topics.yaml"),
        ("topics:\n  a: [a]", "a → a"),
        ("topics:\n  'a, b':", "name of a topic"),
        ("topics:\n  Tea:\n  ＴＥＡ:", "case and width"),
    ],
)
def test_mistakes_in_topics_are_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        topics(tmp_path, text)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="rubric"):
        read_declared(tmp_path / "rubric.yaml", Rubric)
