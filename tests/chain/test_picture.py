"""A lineage's picture: everything is in it, nothing overlaps, arrows point the way things were made."""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree import ElementTree

import pytest

from catenary.chain.picture import FILES_DRAWN, lineage_picture
from catenary.chain.trace import Node
from catenary.messages import set_language

SVG = "{http://www.w3.org/2000/svg}"
FILES = [Node("file", f"docs/{number:03}.txt", "f" * 64, ["licence MIT"]) for number in range(30)]
SOURCE = Node("collection", "sources.mail", "c" * 64, ["documents 30"], FILES)
DATASET = Node("dataset", "datasets.mail", "d" * 64, ["kept 28 of 30"], [SOURCE])
MODEL = Node("model", "models.kind", "a" * 64, [], [DATASET])
AGAIN = Node("dataset", "datasets.mail", "d" * 64, seen=True)
GATES = [
    Node("gate", "passed  <accuracy> & more"),
    Node("sign_off", "signed by 安娜 as compliance", "9" * 12),
]
RELEASE = Node("release", "releases.kind", "e" * 64, ["size 88,911 " * 20], [*GATES, MODEL, AGAIN])
UP = Node("answer", "rcpt_1", "rcpt_1", ["asked at noon"], [RELEASE])


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    set_language("en")
    yield
    set_language("en")


def boxes(svg: str) -> dict[str, tuple[float, float, float, float]]:
    """name (the second line of a box) → x, y, width, height; the first of each name"""
    found: dict[str, tuple[float, float, float, float]] = {}
    for group in ElementTree.fromstring(svg).iter(f"{SVG}g"):
        rect, texts = group.find(f"{SVG}rect"), group.findall(f"{SVG}text")
        assert rect is not None
        name = f"{texts[1].text}{' again' if 'seen' in rect.attrib['class'] else ''}"
        found[name] = tuple(float(rect.attrib[one]) for one in ("x", "y", "width", "height"))  # type: ignore[assignment]
    return found


def test_what_was_made_first_stands_left_whichever_way_was_traced() -> None:
    order = ["sources.mail", "datasets.mail", "models.kind", "releases.kind", "rcpt_1"]
    up = boxes(lineage_picture(UP, down=False))
    assert [name for name, _ in sorted(up.items(), key=lambda item: item[1]) if "again" not in name] == order
    endpoint = Node("endpoint", "mail: kind")
    document = Node(
        "document", "doc:5be1", "5be1", ["mail.csv"], [Node("dataset", "ds", children=[endpoint])]
    )
    for down in (True, False):
        placed = boxes(lineage_picture(document, down=down))
        assert placed["5be1"] < placed["ds"] < placed["mail: kind"]


def test_no_box_covers_another_and_none_leaves_the_page() -> None:
    svg = lineage_picture(UP, down=False)
    page = [float(number) for number in re.findall(r'viewBox="0 0 (\S+) (\S+)"', svg)[0]]
    placed = list(boxes(svg).values())
    for place, (x, y, width, height) in enumerate(placed):
        assert x >= 0
        assert y >= 0
        assert x + width <= page[0]
        assert y + height <= page[1]
        for ox, oy, other_width, other_height in placed[place + 1 :]:
            assert x + width <= ox or ox + other_width <= x or y + height <= oy or oy + other_height <= y, (
                x,
                y,
                ox,
                oy,
            )


def test_gates_sign_offs_and_files_are_lines_of_their_box() -> None:
    svg = lineage_picture(UP, down=False)
    assert len(boxes(svg)) == 6
    root = ElementTree.fromstring(svg)
    lines = [text.text or "" for text in root.iter(f"{SVG}text")]
    assert any("<accuracy> & more" in line for line in lines)
    assert any("安娜" in line for line in lines)
    assert sum("docs/" in line for line in lines) == FILES_DRAWN
    assert any("and 10 more files" in line for line in lines)
    assert any("drawn in full elsewhere" in line for line in lines)


def test_it_is_read_out_in_words() -> None:
    description = ElementTree.fromstring(lineage_picture(UP, down=False)).find(f"{SVG}desc")
    assert description is not None
    assert "model models.kind was made of dataset datasets.mail" in (description.text or "")


def test_equal_trees_give_equal_bytes_and_chinese_is_chinese() -> None:
    assert lineage_picture(UP, down=False) == lineage_picture(UP, down=False)
    set_language("zh")
    chinese = lineage_picture(UP, down=False)
    for word in ("的来龙去脉", "模型", "数据集", "发布"):
        assert word in chinese


def test_a_document_that_is_like_the_question_was_not_what_it_was_made_of() -> None:
    match = Node("match", "most like it", children=[Node("document", "doc:1", "1")])
    svg = lineage_picture(Node("answer", "rcpt_1", "rcpt_1", [], [match]), down=False)
    assert 'class="head"' not in svg
    assert "was made of" not in svg
