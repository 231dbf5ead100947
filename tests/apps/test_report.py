"""Reports: what they compute is right, what they quote stands where they say, and what nothing bears out is told."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from catenary.apps import App
from catenary.apps.clauses import clauses, risks
from catenary.apps.figures import changes, prose, tables, unsupported
from catenary.apps.report import report
from catenary.apps.sections import missing, sections
from tests.apps.ports import Scripted, told

TABLE = """\
| 项目 | 2024年 | 2025年 |
|---|---:|---:|
| 营业收入 | 1,200 | 1,500 |
| 净利润 | 80 | (20) |
| 毛利率 | 30% | 32.5% |
| 备注 | 无 | 无 |
"""
NEWS = "公司于三月在苏州开设了新的工厂，雇用400名工人。管理层预计明年的订单将继续增加。"
CONTRACT = """\
软件服务合同

第一条 服务
乙方向甲方提供软件维护服务。
第二条 期限
合同期限一年，期满自动续约。
第三条 责任
甲方逾期付款的，按日支付违约金。乙方对任何间接损失不承担任何责任。
"""
RECORD = """\
主诉：反复咳嗽两周。
现病史：两周前受凉后出现咳嗽，夜间加重。无发热。咳少量白痰。自服止咳药无效。
过敏史：青霉素过敏。
初步诊断：急性支气管炎。
"""


def said(app: App, text: str) -> tuple[str, dict[str, Any]]:
    return asyncio.run(told(app, text))


def test_figures_are_read_with_their_places_and_compared_by_period() -> None:
    text = f"{NEWS}\n\n{TABLE}\n完。"
    [table] = tables(text)
    found = {one.name: one for one in changes(table)}
    assert set(found) == {"营业收入", "净利润", "毛利率"}
    revenue = found["营业收入"]
    assert (revenue.difference, revenue.percent) == (Decimal(300), Decimal("25.0"))
    assert text[revenue.after.start : revenue.after.end] == "1,500"
    assert found["净利润"].difference == Decimal(-100)  # (20) is a loss
    assert (found["毛利率"].difference, found["毛利率"].percent) == (Decimal("2.5"), None)
    assert prose(text).split() == [*NEWS.split(), "完。"]


@pytest.mark.parametrize(
    ("table", "before", "after"),
    [
        ("|  | 2025 | 2024 |\n|---|---|---|\n| Sales | 9 | 6 |", "6", "9"),  # the newest first
        ("Year\tSales\n2024\t6\n2025\t9", "6", "9"),  # periods down the side, cells by tabs
        ("|  | Q1 | Q2 | Q3 |\n|---|---|---|---|\n| Sales | 1 | 6 | 9 |", "6", "9"),  # the newest two
    ],
)
def test_the_newest_period_is_found(table: str, before: str, after: str) -> None:
    [one] = changes(tables(table)[0])
    assert (one.name, one.before.text, one.after.text, one.percent) == (
        "Sales",
        before,
        after,
        Decimal("50.0"),
    )


@pytest.mark.parametrize(
    "table",
    [
        "| City | Sales | Staff |\n|---|---|---|\n| Rome | 9 | 6 |",  # nothing to compare
        "|  | 2024 | 2025 |\n|---|---|---|\n| Sales | 9 |",  # rows of other lengths
        "Either | or | nothing",
    ],
)
def test_what_is_no_table_by_periods_is_not_compared(table: str) -> None:
    assert [one for found in tables(table) for one in changes(found)] == []


@pytest.mark.parametrize(
    ("note", "wrong"),
    [
        ("营业收入由1,200增至1500，增长25%。", []),
        ("净利润下降100，亏损20。", []),
        ("1. 新工厂雇用400人。\n2. 毛利率32.5%。", []),
        ("营业收入增长26%，明年可达1,800。", ["26", "1,800"]),
        ("毛利率约33%。", ["33"]),
    ],
)
def test_a_figure_that_stands_in_no_input_is_found(note: str, wrong: list[str]) -> None:
    text = TABLE + NEWS
    known = [one for table in tables(text) for one in changes(table)]
    assert [note[a:b].rstrip("%") for a, b in unsupported(note, text, known)] == wrong


def test_figures_beyond_all_sense_have_no_share() -> None:
    [one] = changes(tables("|  | 2024 | 2025 |\n|---|---|---|\n| Sales | 1 | 3e99 |")[0])
    assert one.percent is None
    assert "3e99" in said(report("note"), "|  | 2024 | 2025 |\n|---|---|---|\n| Sales | 1 | 3e99 |")[0]


def test_a_note_without_a_model_computes_and_quotes() -> None:
    text, notes = said(report("note"), TABLE + "\n" + NEWS)
    assert "营业收入: 1,200 (2024年) → 1,500 (2025年): +300, +25.0 %" in text
    assert "+2.5" in text
    assert "- 公司于三月在苏州开设了新的工厂，雇用400名工人。" in text
    assert notes["figures"][0]["percent"] == "25.0"
    assert said(report("note"), "?")[0]


def test_a_model_s_note_is_held_against_the_figures() -> None:
    model = Scripted("营业收入增长25%，明年将达1,800。")
    text, notes = said(report("note", model=model), TABLE + "\n" + NEWS)
    [wrong] = notes["unsupported"]
    assert text[wrong["start"] : wrong["end"]] == wrong["text"] == "1,800"
    assert "1,800" in text.split("\n\n")[1]
    assert "+25.0 %" in text  # what was computed stands below
    assert "+300" in model.asked[0][1]["content"]


def test_clauses_are_cut_at_their_numbers_and_risks_quote_their_sentence() -> None:
    assert [CONTRACT[a:b].split()[0] for a, b in clauses(CONTRACT)] == [
        "软件服务合同",
        "第一条",
        "第二条",
        "第三条",
    ]
    assert "".join(CONTRACT[a:b] for a, b in clauses(CONTRACT)) == CONTRACT
    found = [(one.rule.en, one.clause, CONTRACT[one.start : one.end]) for one in risks(CONTRACT)]
    assert found == [
        ("liability excluded", "第三条 责任", "乙方对任何间接损失不承担任何责任。"),
        ("automatic renewal", "第二条 期限", "合同期限一年，期满自动续约。"),
        ("penalty", "第三条 责任", "甲方逾期付款的，按日支付违约金。"),
    ]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (
            "1. Term\nThis agreement renews automatically.\n2. Fees\nFees are due in\n30 days.",
            ["automatic renewal"],
        ),
        ("The supplier may terminate this agreement at any time.", ["one-sided termination"]),
        ("The courts of Paris have exclusive jurisdiction.", ["forum fixed"]),
        ("The customer shall pay within 30 days.", []),
        ("", []),
    ],
)
def test_english_contracts_too(text: str, names: list[str]) -> None:
    assert [one.rule.en for one in risks(text)] == names


def test_numbers_within_a_clause_do_not_begin_one() -> None:
    text = "1. Fees\nFees are due in\n30 days.\n2.1 Late fees\nOne per cent."
    assert [text[a:b].split("\n")[0] for a, b in clauses(text)] == ["1. Fees", "2.1 Late fees"]


def test_a_review_says_what_it_cannot_find() -> None:
    text, notes = said(report("contract"), CONTRACT)
    assert text.index("高风险") < text.index("中风险")
    assert "规则" in text.split("\n")[-1]
    for one in notes["risks"]:
        assert CONTRACT[one["start"] : one["end"]] in text
    assert notes["risks"][0]["risk"] == "liability excluded"
    assert "Rules find wordings" in said(report("contract"), "Nothing here.")[0]


def test_sections_are_coded_and_nothing_is_lost() -> None:
    found = sections("门诊号 12\n" + RECORD)
    assert [one.kind and one.kind.code for one in found] == [None, "10154-3", "10164-2", "48765-2", "29308-4"]
    text = "Chief Complaint:\nCough.\n\n**Allergies**: none known\nAssessment: the plan: rest\nPlan\nRest."
    found = sections(text)
    assert [(one.kind and one.kind.en, text[one.start : one.end]) for one in found] == [
        ("Chief complaint", "Cough."),
        ("Allergies", "none known"),
        ("Diagnosis", "the plan: rest"),
        ("Plan of treatment", "Rest."),
    ]
    assert [one.en for one in missing(found)] == ["Medications"]


def test_assessment_and_plan_may_be_one_section() -> None:
    found = sections(
        "Chief complaint: cough\nAllergies: none\nMedications: none\nAssessment and Plan:\nRest."
    )
    assert found[-1].kind is not None
    assert found[-1].kind.code == "51847-2"
    assert missing(found) == []


def test_a_record_s_summary_keeps_what_must_not_be_left_out() -> None:
    text, notes = said(report("record", points=1), RECORD)
    for part in ("反复咳嗽两周。", "青霉素过敏。", "急性支气管炎。", "LOINC 48765-2"):
        assert part in text
    assert "用药" in text.split("\n")[-1]
    assert notes["missing"] == ["10160-0", "18776-5"]
    history = next(one for one in notes["sections"] if one["code"] == "10164-2")
    quoted = text.split("10164-2")[1].split("\n")[1].removeprefix("- ")
    assert quoted in RECORD[history["start"] : history["end"]]
    assert "没有" in text.split("\n")[-1]
