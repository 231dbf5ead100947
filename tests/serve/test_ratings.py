"""Raters give points blind, each by a link of their own, several at once; models are compared by them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from catenary.errors import Damaged, InvalidInput
from catenary.evaluate.ballots import answers_of
from catenary.evaluate.ratings import Rating, Sheets, agreement, interval_alpha, ratings_report
from tests.serve.browser import HAS_BROWSER, Browser, browsers
from tests.serve.judging import judging
from tests.stages.mail import catenary

QUESTIONS = 4
CRITERIA = ("fluent", "真实")


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    rows = [
        {"item": n, "asked": f"Question {n} <b>?", "said": {"best": f"good answer {n}", "other": f"bad {n}"}}
        for n in range(1, QUESTIONS + 1)
    ]
    path = tmp_path / "answers.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    return path


@contextmanager
def rating(answers: Path) -> Iterator[dict[str, str]]:
    """rater → link, while the page is served in a process of its own."""
    how = [part for name in CRITERIA for part in ("--criterion", name)]
    with judging(answers.parent, "rate", "answers.jsonl", *how) as links:
        yield links


def rate(browser: Browser, link: str) -> int:
    """Rate all that is shown, as someone who likes good answers; how many there were."""
    seen = 0
    browser.open(link)
    while browser.all("button"):
        seen += 1
        assert "best" not in browser.text("main")
        points = 5 if "good" in browser.text("section p") else 2
        for at in range(len(CRITERIA)):
            browser.click(f"input[name=c{at}][value='{points - at}']")
        browser.send("button")
    assert "All answers are rated" in browser.text("main")
    return seen


@pytest.mark.skipif(not HAS_BROWSER, reason="needs chromium and chromedriver")
def test_two_raters_at_once_in_a_real_browser(answers: Path) -> None:
    with rating(answers) as links, browsers(2) as windows, ThreadPoolExecutor(2) as pool:
        seen = list(pool.map(rate, windows, [links["ann"], links["ben"]]))
    assert seen == [2 * QUESTIONS] * 2
    said = catenary(answers.parent, "rate", "answers.jsonl", "--out", "rated", "--control", "other")
    assert said.returncode == 0, said.stderr
    assert "alpha 1.000" in said.stdout
    report = json.loads((answers.parent / "rated" / "en" / "report.json").read_text("utf-8"))["scores"]
    means = {
        one["name"]: {name: figure["value"] for name, figure in one["metrics"].items()}
        for one in report["models"]
    }
    assert means == {"best": {"fluent": 5.0, "真实": 4.0}, "other": {"fluent": 2.0, "真实": 1.0}}
    assert report["control"] == "other"
    assert "<svg" in (answers.parent / "rated" / "zh" / "report.html").read_text("utf-8")


def test_a_rating_counts_once_whole_and_only_by_a_link(answers: Path) -> None:
    with rating(answers) as links, httpx.Client(follow_redirects=True, timeout=60) as client:
        page = client.get(links["ann"]).text
        assert "script" not in page
        assert "<b>" not in page
        number = page.partition('name="answer" value="')[2].partition('"')[0]
        told = {"answer": number, "c0": "3", "c1": "4"}
        assert "ann · 1 / 8" in client.post(links["ann"], data=told).text
        assert "ann · 1 / 8" in client.post(links["ann"], data=told).text
        for wrong in ({"c0": "9"}, {"c0": "x"}, {"answer": "77"}, {"answer": number, "c0": "3"}):
            assert (
                client.post(links["ann"], data={**told, **wrong} if len(wrong) == 1 else wrong).status_code
                == 400
            )
        assert client.post(links["ann"].rpartition("/")[0] + "/guess", data=told).status_code == 404
    file = answers.parent / "ratings.jsonl"
    assert len(file.read_text("utf-8").splitlines()) == 1
    with file.open("a", encoding="utf-8") as torn:
        torn.write('{"question": "2", "mo')
    again = Sheets(answers_of(answers), file, CRITERIA)  # it goes on where it stopped
    assert (again.done("ann"), again.done("ben")) == (1, 0)
    file.write_text("{}\n")
    with pytest.raises(Damaged, match=r"ratings\.jsonl:1"):
        Sheets(answers_of(answers), file, CRITERIA)


def test_what_cannot_be_rated_is_refused(answers: Path, tmp_path: Path) -> None:
    asked = answers_of(answers)
    for criteria, scale in (([], 5), (["a", "a"], 5), (["../a"], 5), (["a"], 1)):
        with pytest.raises(InvalidInput, match="to rate"):
            Sheets(asked, tmp_path / "r", criteria, scale=scale)
    with pytest.raises(InvalidInput):
        ratings_report([])


def test_several_raters_of_an_answer_count_as_their_mean_and_gaps_are_left_out() -> None:
    given = [
        Rating("q", "a", "ann", {"good": 5}),
        Rating("q", "a", "ben", {"good": 2}),
        Rating("q", "b", "ann", {"good": 1}),
        Rating("r", "a", "ann", {"good": 1}),  # nobody rated b's
    ]
    report = ratings_report(given, control="b")
    assert report.n == 1
    assert report.figures()["a.good"].value == 3.5
    assert report.comparison("a", "b", "good").difference.value == 2.5  # type: ignore[union-attr]
    assert agreement(given, "good") < 1
    assert math.isnan(agreement(given[2:], "good"))


def test_alpha_is_the_published_one() -> None:
    """Krippendorff 2011, the example of four observers: interval alpha 0.849."""
    rows = [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
        [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
    ]
    units = [[float(one) for one in column if one is not None] for column in zip(*rows, strict=True)]
    assert interval_alpha([unit for unit in units if len(unit) > 1]) == pytest.approx(0.849, abs=5e-4)
