from __future__ import annotations

import pytest

from catenary.search.facts import Named, bare_heading, facts


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("A firewall is a piece of equipment.", ("firewall", "a piece of equipment")),
        ("Secure Boot is a technology; it runs signed code.", ("Secure Boot", "a technology")),
        ("RAID (redundant disks) is a way to keep data.", ("RAID", "a way to keep data")),
        ("防火墙是一种过滤网关。", ("防火墙", "一种过滤网关")),
        ("LVM 是一个逻辑卷管理器，很灵活。", ("LVM", "一个逻辑卷管理器")),
    ],
)
def test_a_definition_is_read(text: str, told: tuple[str, str]) -> None:
    assert [(one.subject, one.object) for one in facts(text) if one.relation == "is"] == [told]


@pytest.mark.parametrize(
    "text",
    [
        "This is a tool.",
        "It is the best.",
        "Since LXC is a kind of chroot, beware.",
        "Below is an example.",
        "这是一个工具。",
        "他的茶是一种绿茶。",
        "",
    ],
)
def test_what_names_nothing_defines_nothing(text: str) -> None:
    assert [one for one in facts(text) if one.relation == "is"] == []


def test_names_of_one_sentence_stand_together_and_say_where() -> None:
    text = "Nothing here. We put LVM over RAID. Then Xen came."
    [fact] = [one for one in facts(text) if one.relation == "with"]
    assert (fact.subject, fact.object) == ("LVM", "RAID")
    assert text[fact.start : fact.end] == "We put LVM over RAID."


def test_a_list_of_names_joins_no_two_of_them() -> None:
    assert facts("See " + ", ".join(f"Tool{number}" for number in range(20)) + ".") == []


def test_a_section_stands_under_the_one_around_it() -> None:
    [fact] = facts("nothing", ("12. Disks", "12.1. RAID"))
    assert (fact.subject, fact.relation, fact.object) == ("RAID", "under", "Disks")
    assert [bare_heading(one) for one in ("第 12 章 高级管理", "12.1. RAID", "Tea")] == [
        "高级管理",
        "RAID",
        "Tea",
    ]


def test_what_a_tagger_names_is_a_name_of_its_kind_and_stands_beside_others() -> None:
    text = "王小明昨天到了北京大学。Then he met Ann Lee in Oslo."
    named = [
        Named("person", 0, 3),
        Named("organisation", 7, 11),
        Named("person", text.index("Ann"), text.index(" in")),
    ]
    found = facts(text, named=named)
    assert [(one.subject, one.object) for one in found if one.relation == "kind"] == [
        ("王小明", "person"),
        ("北京大学", "organisation"),
        ("Ann Lee", "person"),
    ]
    beside = [(one.subject, one.object) for one in found if one.relation == "with"]
    assert beside == [("北京大学", "王小明"), ("Ann Lee", "Oslo")]
    assert text[found[0].start : found[0].end] == "王小明昨天到了北京大学。"


@pytest.mark.parametrize(("start", "end"), [(0, 2), (3, 6), (0, 60), (1, 2)])
def test_a_part_of_a_word_or_more_than_a_name_is_none(start: int, end: int) -> None:
    assert facts("Norwegian " * 12, named=[Named("place", start, end)]) == []
