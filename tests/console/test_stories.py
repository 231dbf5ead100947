"""What people come to the console for, in a real browser from beginning to end."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.console.conftest import end, running, start
from tests.console.test_pages import key
from tests.console.test_signing import sign_in
from tests.serve.browser import HAS_BROWSER, Browser, browsers
from tests.serve.chains import serving
from tests.stages.mail import OFFER

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not HAS_BROWSER, reason="needs chromium and chromedriver")]


def test_a_setting_is_changed_run_through_a_restart_and_compared(copy: Path) -> None:
    first = start(copy)
    try:
        with browsers(2) as [one, two]:
            for window in (one, two):
                window.resize(1280, 900)
            two.open(f"{first.url}/runs?link=models.base")
            two.run("window.same = true")
            one.open(f"{first.url}/links/models.base")
            one.send("a[href^='/start']")
            one.type("#settings", "models.base.epochs=60")
            one.send("main form[method=get] button")
            one.send("main form[method=post] button")
            one.wait("#log", "models.base")
            end(first)
            for window in (one, two):
                window.wait("#offline", "may be old")
            with running(copy, port=int(first.url.rpartition(":")[2])):
                one.wait("#log", "Next:")  # the run went on by itself, and so did the page
                two.wait("#table-runs tbody tr:nth-child(2)", "done")
                two.wait("#table-runs tbody tr:nth-child(1)", "done")
                assert two.run("return window.same")
                shown = one.text("#log")
                one.open(one.address())
                assert one.text("#log") == shown
                two.run("document.querySelectorAll('input[name=run]').forEach(one => one.click())")
                two.send("form[action='/compare'] button.main")
                assert re.search(r"epochs\s+60\s+1\b", two.text("#table-settings"))
                assert two.run("return document.querySelectorAll('#curves polyline').length") >= 2
                for window in (one, two):
                    window.open("about:blank")
    finally:
        first.process.kill()
        first.process.communicate()


def test_an_answer_is_followed_to_a_line_of_a_file_and_stands_on_the_months_bill(
    copy: Path, browser: Browser
) -> None:
    file = copy / "catenary.yaml"
    plans = "serve:\n  plans: {standard: {currency: CNY, per_request: 0.25}}\n"
    file.write_text(file.read_text("utf-8").replace("serve:\n", plans), "utf-8")
    secret = key(copy, "bella", "business")
    with serving(copy) as served:
        sign_in(browser, served.url, "/console/usage", secret)
        browser.wait("#table-endpoints", "kind")
        assert "bella" not in browser.text("#table-bill")
        browser.send("nav a[href$='/playground']")
        browser.send("#table-endpoints tbody a")
        browser.type("#text", OFFER)
        browser.send("button.main")
        browser.wait("#table-labels", "offer")
        browser.send("main a[href*='/trace/rcpt_']")
        browser.send("#table-documents a[href*='/trace/doc:']")
        assert re.search(r"(mail\.csv|\w+/\d+\.txt)\D+\d+", browser.text("main"))
        browser.send("nav a[href$='/usage']")
        browser.wait("#table-bill", "bella")
        assert "0.25" in browser.text("#table-bill")
        assert "CNY" in browser.text("#table-bill")
