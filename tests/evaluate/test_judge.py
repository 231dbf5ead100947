"""A model as judge is asked in both orders, and stands beside people with its agreement to them."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

import pytest

from catenary.cli import main
from catenary.evaluate.arena import Vote
from catenary.evaluate.ballots import Pair
from catenary.evaluate.judge import agreement_with_people, judge
from catenary.evaluate.likelihood import Likely
from tests.inference.writers import write_writer

PAIRS = [Pair(str(n), f"question {n}", "a", "b", ("long and good", "short")) for n in range(4)]


def likes(word: str) -> object:
    """The real port: the letter before the answer that has `word` is the likelier one."""

    def score(asked: Sequence[tuple[str, str]]) -> list[Likely]:
        told = []
        for context, letter in asked:
            answer = context.split(f"Answer{letter}: ")[1].split("\n\n")[0]
            told.append(Likely(-1.0 if word in answer else -2.0, True, 1))
        return told

    return score


def first_place(asked: Sequence[tuple[str, str]]) -> list[Likely]:
    return [Likely(-1.0 if letter == " A" else -2.0, True, 1) for _, letter in asked]


def test_the_better_answer_wins_in_either_place_and_a_liking_for_places_is_a_tie() -> None:
    assert {vote.winner for vote in judge(PAIRS, likes("good"), "judge:x")} == {"a"}  # type: ignore[arg-type]
    assert {vote.winner for vote in judge(PAIRS, likes("short"), "judge:x")} == {"b"}  # type: ignore[arg-type]
    assert {vote.winner for vote in judge(PAIRS, first_place, "judge:x")} == {"tie"}


def test_agreement_is_with_the_majority_of_people() -> None:
    people = [Vote(str(n), "a", "b", "a", rater) for n in range(10) for rater in ("ann", "ben", "cy")]
    people[0] = Vote("0", "a", "b", "b", "ann")  # two of three still say a
    judged = [Vote(str(n), "b", "a", "a" if n < 8 else "b", "judge:x") for n in range(12)]
    told = agreement_with_people([*people, *judged])["judge:x"]
    assert (told.share.value, told.share.n) == (0.8, 10)
    assert told.share.low < 0.8 < told.share.high
    alone = agreement_with_people(judged)["judge:x"]
    assert alone.share.n == 0
    assert math.isnan(alone.alpha)


def test_a_real_model_judges_from_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CATENARY_CACHE", str(tmp_path / "cache"))
    writer = write_writer(tmp_path / "writer")
    rows = [{"item": n, "asked": "问", "said": {"a": f"好 {n}", "b": f"不 {n}"}} for n in range(5)]
    (tmp_path / "answers.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    votes = [Vote(str(n), "a", "b", "a", "ann") for n in range(5)]
    lines = [
        json.dumps({"question": v.question, "first": "a", "second": "b", "winner": "a", "rater": "ann"})
        for v in votes
    ]
    (tmp_path / "votes.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    asked = [
        "arena",
        str(tmp_path / "answers.jsonl"),
        "--judge",
        str(writer),
        "--out",
        str(tmp_path / "ranks"),
    ]
    for _ in range(2):  # a judge votes once
        with pytest.raises(SystemExit) as ended:
            main(asked)
        assert ended.value.code == 0, capsys.readouterr().err
    report = json.loads((tmp_path / "ranks" / "en" / "report.json").read_text("utf-8"))["arena"]
    assert report["raters"] == {"ann": 5, "judge:writer": 5}
    assert report["judges"]["judge:writer"]["share"]["n"] == 5
    assert [rank["votes"] for rank in report["ranks"]] == [5, 5]  # people's votes alone
    assert "judge:writer" in (tmp_path / "ranks" / "zh" / "report.html").read_text("utf-8")
