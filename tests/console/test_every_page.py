"""Every page in a real browser: for whoever reads by ear, in the dark, on a phone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from catenary.console.pages import PAGES
from tests.console.conftest import Violations
from tests.console.everything import Everything, everything
from tests.serve.browser import HAS_BROWSER, Browser
from tests.stages.mail import copied

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not HAS_BROWSER, reason="needs chromium and chromedriver")]

NO_PAGES = (
    "/artifacts/{id}/files/{path:path}",
    "/data/{name}/review.csv",
    "/releases/{id}/documents/{name}",
)  # files that pages lead to


@pytest.fixture(scope="module")
def all_pages(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Everything]:
    with everything(copied(made, tmp_path_factory.mktemp("everything"))) as found:
        yield found


def test_no_page_is_left_out(all_pages: Everything) -> None:
    addresses = [page.partition("?")[0].removeprefix("/console") for page in all_pages.pages.values()]
    routes = [route for routes in PAGES for route in routes().routes]
    shown = [route for route in routes if "GET" in route.methods and route.path not in NO_PAGES]
    assert len(shown) >= 25
    assert not [one.path for one in shown if not any(one.path_regex.match(page) for page in addresses)]


def test_axe_finds_nothing(all_pages: Everything, browser: Browser, violations: Violations) -> None:
    browser.resize(1280, 900)
    found = {}
    for name, page in all_pages.pages.items():
        for scheme in ("light", "dark"):
            media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
            browser.command("Emulation.setEmulatedMedia", media)
            browser.open(all_pages.served.url + page)
            assert bool(browser.all("#error")) == (name == "none"), page
            if told := violations(browser):
                found[page, scheme] = told
    assert found == {}


def test_on_a_phone_nothing_is_wider_than_the_page(all_pages: Everything, browser: Browser) -> None:
    browser.resize(360, 740)
    wide, small = [], []
    for page in all_pages.pages.values():
        browser.open(all_pages.served.url + page)
        if browser.run("return document.documentElement.scrollWidth > 360"):
            wide.append(page)
        if browser.run(
            "return [...document.querySelectorAll('nav a, button')]"
            ".some(one => one.checkVisibility() && one.offsetHeight < 24)"
        ):
            small.append(page)
    assert (wide, small) == ([], [])
