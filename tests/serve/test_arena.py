"""Raters judge blind, each by a link of their own, several at once; the votes are ranked."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from catenary.errors import Damaged, InvalidInput
from catenary.evaluate.ballots import Ballots, pairs_of
from tests.serve.browser import HAS_BROWSER, Browser, browsers
from tests.serve.judging import judging
from tests.stages.mail import catenary

QUESTIONS = 6


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    """Two models; what `best` says is told by its text alone. On one question they say the same."""
    rows = [
        {"item": n, "asked": f"Question {n} <b>?", "said": {"best": f"good answer {n}", "other": f"bad {n}"}}
        for n in range(1, QUESTIONS + 1)
    ]
    rows.append({"item": 99, "asked": "Same?", "said": {"best": "same", "other": "same"}})
    path = tmp_path / "answers.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    return path


@contextmanager
def arena(answers: Path) -> Iterator[dict[str, str]]:
    """rater → link, while the arena is served in a process of its own."""
    (answers.parent / "how.txt").write_text("Prefer what is true.", "utf-8")
    with judging(answers.parent, "arena", "answers.jsonl", "--guidelines", "how.txt") as links:
        yield links


def judge(browser: Browser, link: str) -> list[str]:
    """Judge all that is shown, as someone who likes good answers; the questions in their order."""
    seen = []
    browser.open(link)
    while browser.all("button"):
        assert "Prefer what is true." in browser.text("main")
        assert "best" not in browser.text("main")
        seen.append(browser.text("main > h2 + p.text"))
        left = browser.text("section:first-child p")
        browser.send(f"button[value={'left' if 'good' in left else 'right'}]")
    assert "All pairs are judged" in browser.text("main")
    return seen


@pytest.mark.skipif(not HAS_BROWSER, reason="needs chromium and chromedriver")
def test_two_raters_at_once_in_a_real_browser(answers: Path) -> None:
    with arena(answers) as links, browsers(2) as windows, ThreadPoolExecutor(2) as pool:
        told = list(pool.map(judge, windows, [links["ann"], links["ben"]]))
    assert all(sorted(seen) == [f"Question {n} <b>?" for n in range(1, QUESTIONS + 1)] for seen in told)
    votes = [json.loads(line) for line in (answers.parent / "votes.jsonl").read_text("utf-8").splitlines()]
    assert len(votes) == 2 * QUESTIONS
    assert {vote["winner"] for vote in votes} == {"best"}

    said = catenary(answers.parent, "arena", "answers.jsonl", "--out", "ranks")
    assert said.returncode == 0, said.stderr
    assert "alpha 1.000" in said.stdout
    report = json.loads((answers.parent / "ranks" / "en" / "report.json").read_text("utf-8"))["arena"]
    assert [rank["model"] for rank in report["ranks"]] == ["best", "other"]
    assert report["raters"] == {"ann": QUESTIONS, "ben": QUESTIONS}
    assert "<svg" in (answers.parent / "ranks" / "zh" / "report.html").read_text("utf-8")


def test_a_vote_counts_once_and_only_by_a_link(answers: Path) -> None:
    with arena(answers) as links, httpx.Client(follow_redirects=True, timeout=60) as client:
        page = client.get(links["ann"])
        assert "script" not in page.text
        assert "Question" in page.text
        assert "<b>" not in page.text  # answers are text, whatever they hold
        found = re.search(r'name="pair" value="(\d+)"', page.text)
        assert found is not None
        vote = {"pair": found[1], "choice": "tie"}
        assert "ann · 1 / 6" in client.post(links["ann"], data=vote).text
        assert "ann · 1 / 6" in client.post(links["ann"], data=vote).text
        assert client.post(links["ann"], data={"pair": "77", "choice": "tie"}).status_code == 400
        assert client.post(links["ann"], data={"pair": "1", "choice": "x" * 2000}).status_code == 413
        assert client.post(links["ann"].rpartition("/")[0] + "/guess", data=vote).status_code == 404
    assert len((answers.parent / "votes.jsonl").read_text("utf-8").splitlines()) == 1
    again = Ballots(pairs_of(answers), answers.parent / "votes.jsonl")  # it goes on where it stopped
    assert (again.done("ann"), again.done("ben")) == (1, 0)


def test_a_vote_that_a_crash_cut_short_was_never_given(answers: Path) -> None:
    file = answers.parent / "votes.jsonl"
    ballots = Ballots(pairs_of(answers), file)
    assert ballots.vote("ann", 0, "left")
    with file.open("a", encoding="utf-8") as torn:
        torn.write('{"question": "2", "fi')
    again = Ballots(pairs_of(answers), file)
    assert again.vote("ann", 1, "tie")
    assert [vote.winner for vote in Ballots(pairs_of(answers), file).votes][1:] == ["tie"]


def test_the_sides_say_nothing_of_the_models(answers: Path) -> None:
    ballots = Ballots(pairs_of(answers), answers.parent / "none.jsonl")
    shown = [ballots.ballot(f"rater {n}", number).left for n in range(50) for number in range(QUESTIONS)]
    assert 100 < sum("good" in one for one in shown) < 200


def test_what_holds_no_answers_or_votes_is_refused_by_name(tmp_path: Path, answers: Path) -> None:
    (tmp_path / "else.jsonl").write_text('{"text": "x"}\n', "utf-8")
    with pytest.raises(InvalidInput, match="no file of answers"):
        pairs_of(tmp_path / "else.jsonl")
    (tmp_path / "votes.jsonl").write_text('{"question": "1", "fir\n', "utf-8")
    with pytest.raises(Damaged, match=r"votes\.jsonl:1"):
        Ballots(pairs_of(answers), tmp_path / "votes.jsonl")
    said = catenary(tmp_path, "arena", "answers.jsonl")
    assert said.returncode != 0
    assert "--rater NAME" in said.stderr
