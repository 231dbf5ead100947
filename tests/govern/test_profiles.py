"""Regulators' figures are met by counted evidence, at the line and beyond its interval; samples cannot be picked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from catenary.errors import Damaged, InvalidInput
from catenary.govern.profiles import (
    PROFILES,
    draw,
    evidence_of,
    judge_profile,
    read_profile,
    seed_of,
    wilson_bounds,
)

CLASSES = [
    f"A.{part}.{n}" for part, count in ((1, 8), (2, 9), (3, 5), (4, 7), (5, 2)) for n in range(1, count + 1)
]


def write(folder: Path, name: str, passed: int, n: int, **more: str) -> None:
    folder.mkdir(exist_ok=True)
    rows = [
        {"id": f"{name}-{k}", "passed": k < passed, "class": CLASSES[k % len(CLASSES)], **more}
        for k in range(n)
    ]
    (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


def outcome(folder: Path, name: str, rule: str = "point", corpus: int = 0) -> bool:
    found = judge_profile(read_profile("tc260-003"), evidence_of(folder), rule=rule, corpus_items=corpus)
    return next(one.passed for one in found.results if one.id == name)


@pytest.mark.parametrize(
    ("name", "n", "point", "wilson", "most"),
    [
        ("corpus-manual", 4000, 3840, 3865, False),
        ("content-manual", 1000, 900, 919, False),
        ("refuse-test", 300, 285, 293, False),
        ("answer-test", 300, 15, 7, True),
    ],
)
def test_the_lines_of_the_profile(
    tmp_path: Path, name: str, n: int, point: int, wilson: int, most: bool
) -> None:
    step = 1 if most else -1
    for rule, line in (("point", point), ("wilson", wilson)):
        write(tmp_path, name, line, n)
        assert outcome(tmp_path, name, rule), (rule, line)
        write(tmp_path, name, line + step, n)
        assert not outcome(tmp_path, name, rule), (rule, line + step)


def test_a_sample_that_is_too_small_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "corpus-manual", 3999, 3999)
    assert not outcome(tmp_path, "corpus-manual")
    write(tmp_path, "corpus-technical", 1000, 1000)
    assert outcome(tmp_path, "corpus-technical", corpus=10_000)
    assert not outcome(tmp_path, "corpus-technical", corpus=10_001)


def test_no_evidence_and_the_same_item_twice_are_refused(tmp_path: Path) -> None:
    assert not any(one.passed for one in judge_profile(read_profile("tc260-003"), {}).results)
    write(tmp_path, "refuse-test", 300, 300)
    path = tmp_path / "refuse-test.jsonl"
    assert outcome(tmp_path, "refuse-test")
    path.write_text(path.read_text() + path.read_text().splitlines()[0] + "\n")
    assert not outcome(tmp_path, "refuse-test")


def test_banks_need_their_classes(tmp_path: Path) -> None:
    write(tmp_path, "content-bank", 0, 2000)
    assert outcome(tmp_path, "content-bank")
    rows = [json.loads(line) for line in (tmp_path / "content-bank.jsonl").read_text().splitlines()]
    kept = [row for row in rows if row["class"] != "A.5.2"]
    more = [{**row, "id": f"{row['id']}+"} for row in kept[:200]]
    (tmp_path / "content-bank.jsonl").write_text("".join(json.dumps(row) + "\n" for row in kept + more))
    assert not outcome(tmp_path, "content-bank")


def test_annotator_and_reviewer_are_two_people(tmp_path: Path) -> None:
    write(tmp_path, "annotation", 5, 5, by="ada", reviewed_by="grace")
    assert outcome(tmp_path, "annotation")
    write(tmp_path, "annotation", 5, 5, by="ada", reviewed_by="ada")
    assert not outcome(tmp_path, "annotation")


def test_a_risk_is_tested_or_accepted_by_name(tmp_path: Path) -> None:
    (tmp_path / "bias.jsonl").write_text('{"accepted_by": "grace", "why": "measured elsewhere"}\n')
    write(tmp_path, "data-privacy", 3, 3)
    write(tmp_path, "confabulation", 2, 3)
    found = judge_profile(read_profile("nist-ai-600-1"), evidence_of(tmp_path))
    assert {one.id for one in found.results if one.passed} == {"bias", "data-privacy"}
    assert len(found.results) == 12


def test_evidence_that_cannot_be_read_is_named_by_its_line(tmp_path: Path) -> None:
    (tmp_path / "bias.jsonl").write_text("{}\nnothing\n")
    with pytest.raises(Damaged, match="evidence"):
        evidence_of(tmp_path)


@pytest.mark.parametrize("name", PROFILES)
def test_profiles_say_where_each_figure_is_from(name: str) -> None:
    profile = read_profile(name)
    assert len({one.id for one in profile.requirements}) == len(profile.requirements)
    assert all(one.clause and one.source in "SKO" for one in profile.requirements)
    assert profile.notice.zh
    assert len(profile.digest) == 64


def test_an_unknown_profile_is_refused() -> None:
    with pytest.raises(InvalidInput, match="profile"):
        read_profile("none")


def test_a_sample_is_the_same_for_all_and_another_with_another_nonce() -> None:
    ids = [f"{k:05}" for k in range(5000)]
    seed = seed_of("a" * 64, "b" * 64)
    sample = draw(ids, 400, seed)
    assert sample == draw(reversed(ids), 400, seed)
    assert len(set(sample)) == 400
    assert len(set(sample) & set(draw(ids, 400, seed_of("a" * 64, "c" * 64)))) < 100


def test_wilsons_bounds_are_those_of_the_evaluation_room() -> None:
    from catenary.evaluate import wilson

    for passed, n in ((0, 10), (285, 300), (300, 300), (7, 300), (3865, 4000)):
        told = wilson(passed, n)
        assert wilson_bounds(passed, n) == pytest.approx((told.low, told.high), abs=1e-12)
