"""A chain file's links, and the errors of a wrong one: line, key, nearest name, what was expected."""

from __future__ import annotations

from pathlib import Path

import pytest

from catenary.chain.spec import Chain, load
from catenary.errors import InvalidInput, NotFound
from tests.chain.craft import CHAIN, STAGES, write_chain


def loaded(folder: Path, text: str = CHAIN) -> Chain:
    return load(write_chain(folder, text), STAGES)


def refused(folder: Path, text: str) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        loaded(folder, text)
    return caught.value


def test_links_come_in_the_order_of_the_file_with_what_they_stand_on(tmp_path: Path) -> None:
    chain = loaded(tmp_path)
    assert [link.full_name for link in chain.links] == [
        "sources.text", "datasets.loud", "datasets.louder", "models.count", "models.both",
    ]  # fmt: skip
    assert chain.link("both").inputs == {"from": "datasets.loud", "also.louder": "datasets.louder"}


def test_what_a_link_needs(tmp_path: Path) -> None:
    needed = loaded(tmp_path).needed_for(["count"])
    assert [link.name for link in needed] == ["text", "loud", "count"]


@pytest.mark.parametrize(
    ("wrong", "right", "where", "told"),
    [
        ("tims: 2", "times: 2", "catenary.yaml:8:24", "did you mean `times`?"),
        ("from: tex", "from: text", "catenary.yaml:7:10", "one of: text"),
        ("times: 0", "times: 2", "catenary.yaml:8:24", "greater than or equal to 1"),
        ("times: many", "times: 2", "catenary.yaml:8:24", "valid integer"),
        ("modls:", "models:", "catenary.yaml:9:1", "did you mean `models`?"),
        ("schema: 2", "schema: 1", "catenary.yaml:1:1", "schema: 1"),
        ("languages: [fr]", "languages: [en]", "catenary.yaml:2:", "one of: zh, en"),
        ("path: 3, extra: 1", "path: text.txt", "catenary.yaml:5:", ""),
    ],
)
def test_a_mistake_names_its_place_and_the_way_out(
    tmp_path: Path, wrong: str, right: str, where: str, told: str
) -> None:
    text = CHAIN.replace(right, wrong, 1)
    assert text != CHAIN
    error = refused(tmp_path, text)
    assert (error.where or "").startswith(where)
    assert told in str(error)


def test_a_name_declared_further_down_is_told_as_such(tmp_path: Path) -> None:
    moved = CHAIN.replace("  loud: {from: text}\n", "").replace("louder: {from: text", "loud: {from: texts")
    error = refused(tmp_path, moved.replace("text: {path: text.txt}", "text: {path: text.txt}"))
    assert "no `texts`" in str(error)


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    error = refused(tmp_path, CHAIN.replace("loud: {from: text}", "loud: {}", 1))
    assert "datasets.loud.from" in str(error)


def test_unknown_links_are_told_with_the_nearest(tmp_path: Path) -> None:
    chain = loaded(tmp_path)
    with pytest.raises(NotFound, match=r"models\.count|models\.both"):
        chain.link("models.cont")


def test_links_of_equal_short_name_need_their_section(tmp_path: Path) -> None:
    chain = loaded(tmp_path, CHAIN.replace("  count:", "  loud:"))
    with pytest.raises(NotFound, match="Several"):
        chain.link("loud")
    assert chain.link("models.loud").section == "models"
