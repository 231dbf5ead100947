"""Pages in a real browser: live, by keyboard, still while they come up, through restarts."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from catenary.store.runs import living
from tests.console.conftest import Console, end, running, start
from tests.serve.browser import HAS_BROWSER, Browser
from tests.serve.chains import store_of
from tests.stages.mail import catenary, command, environment

pytestmark = pytest.mark.skipif(not HAS_BROWSER, reason="needs chromium and chromedriver")

TAB, ENTER = "\ue004", "\ue007"


def address(console: Console, page: str) -> str:
    release = next((console.folder / ".catenary" / "objects" / "release").iterdir()).name
    return console.url + page.replace("RELEASE", release)


def test_nothing_moves_while_the_page_comes_up(console: Console, browser: Browser) -> None:
    browser.resize(1280, 900)
    browser.open(console.url + "/links/models.kind")
    shift = browser.run_async(
        "const done = arguments[0]; let sum = 0;"
        "new PerformanceObserver(list => list.getEntries().forEach(one => sum += one.value))"
        ".observe({type: 'layout-shift', buffered: true}); setTimeout(() => done(sum), 500)"
    )
    assert shift == 0
    elsewhere = browser.run(
        "return performance.getEntriesByType('resource').filter(one => !one.name.startsWith(location.origin)).length"
    )
    assert elsewhere == 0


def test_the_keyboard_reaches_the_chain(console: Console, browser: Browser) -> None:
    browser.resize(1280, 900)
    browser.open(console.url + "/")
    browser.press(TAB)
    assert browser.run("return document.activeElement.className") == "skip"
    for _ in range(40):
        browser.press(TAB)
        if browser.run("return document.activeElement.getAttribute('aria-label') || ''").startswith(
            "models.base"
        ):
            break
    browser.press(ENTER)
    browser.wait("h1", "models.base")


@pytest.mark.slow
def test_an_open_page_follows_what_happens_elsewhere(copy: Path, browser: Browser) -> None:
    browser.resize(1280, 900)
    with running(copy) as console:
        browser.open(console.url + "/")
        assert "10 done" in browser.text("#counts")
        browser.run("window.same = true")
        file = copy / "catenary.yaml"
        file.write_text(file.read_text("utf-8").replace("epochs: 3", "epochs: 2"), "utf-8")
        browser.wait("#counts", "3 stale")
        assert catenary(copy, "run").returncode == 0
        browser.wait("#counts", "10 done")
        assert browser.run("return window.same")  # the page was never loaded anew


@pytest.mark.slow
def test_a_running_link_shows_how_far_it_is(copy: Path, browser: Browser) -> None:
    file = copy / "catenary.yaml"
    long = file.read_text("utf-8").replace("epochs: 1\n", "epochs: 100000\n")
    file.write_text(long, "utf-8")
    with running(copy) as console:
        browser.open(console.url + "/links/models.base")
        process = subprocess.Popen(command("run", "models.base"), cwd=copy, env=environment())
        try:
            browser.wait("#progress", "steps")
            assert "running" in browser.text("#standing")
            browser.open(console.url + "/")
            browser.wait("#running", "models.base")
        finally:
            process.kill()
            process.wait()
        browser.wait("#counts", "failed")  # a process that was killed says nothing by itself
        assert browser.text("#running").strip() == ""


@pytest.mark.slow
def test_a_page_outlives_a_restart_of_the_server(copy: Path, browser: Browser) -> None:
    first = start(copy)
    try:
        browser.open(first.url + "/")
        assert browser.text("#offline").strip() == ""
        end(first)
        browser.wait("#offline", "may be old")
        file = copy / "catenary.yaml"
        file.write_text(file.read_text("utf-8").replace("epochs: 3", "epochs: 2"), "utf-8")
        with running(copy, port=int(first.url.rpartition(":")[2])):
            browser.wait("#counts", "3 stale")
            assert browser.text("#offline").strip() == ""
            browser.open("about:blank")
    finally:
        first.process.kill()
        first.process.communicate()


@pytest.mark.slow
def test_a_release_is_signed_from_its_page(copy: Path, browser: Browser) -> None:
    browser.resize(1280, 900)
    with running(copy) as console:
        browser.open(address(console, "/releases/RELEASE"))
        assert "waits for compliance, data_engineer" in browser.text("#standing")
        for role in ("compliance", "data_engineer"):
            browser.send(f"form:has(input[value={role}]) button")
        assert "released" in browser.text("#standing")
        assert catenary(copy, "ask", "kind", "Buy golden watches today.").returncode == 0
        browser.type("form[action$=unsign] input[name=why]", "wrong licence")
        browser.send("form[action$=unsign] button")
        browser.wait("#standing", "unsigned")
        assert "wrong licence" in browser.text("#table-sign-offs")


@pytest.mark.slow
def test_a_run_is_planned_started_watched_and_stopped(copy: Path, browser: Browser) -> None:
    browser.resize(1280, 900)
    with running(copy) as console:
        browser.open(console.url + "/links/models.base")
        browser.send("a[href^='/start']")
        browser.type("#settings", "models.base.epochz=9")
        browser.send("main form[method=get] button")
        assert "epochs" in browser.text("#error")  # told with the nearest name
        browser.open(console.url + "/start?link=models.base&settings=models.base.epochs%3D100000")
        assert "Run 1 links" in browser.text("main form[method=post] button")
        try:
            browser.send("main form[method=post] button")
            browser.wait("#log", "models.base")
            browser.open(console.url + "/links/models.base")
            browser.wait("#progress", "steps")
            browser.send("#progress form button")
            browser.wait("#standing", "interrupted")
        finally:
            with store_of(copy) as store, store.reading() as connection:
                for run in living(connection):  # it would outlive the test
                    os.kill(run.pid, signal.SIGKILL)
    with running(copy) as console, console.client() as client:
        assert "run.stop" in client.get("/audit").text
