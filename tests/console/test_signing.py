"""A release is signed and moved on the console of `catenary serve`, by several people at once, each in a role."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.console.test_pages import key
from tests.serve.browser import HAS_BROWSER, Browser, browsers
from tests.serve.chains import serving
from tests.stages.mail import catenary

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not HAS_BROWSER, reason="needs chromium and chromedriver")]

POST = (
    "const [address, fields, done] = arguments; const body = new URLSearchParams(fields);"
    "body.set('token', document.querySelector('input[name=token]').value);"
    "fetch(address, {method: 'POST', body, redirect: 'manual'}).then(told => done(told.status))"
)
"""What a page of ours may send, whether it shows a button for it or not."""


def planned(folder: Path) -> str:
    """The id of the release as the chain file stands."""
    links = json.loads(catenary(folder, "plan", "--json").stdout)["links"]
    return next(str(one["id"]) for one in links if one["link"] == "releases.kind")


def person(folder: Path, name: str, role: str) -> str:
    """Somebody who holds a role, and the secret of his key."""
    granted = catenary(folder, "roles", "--grant", name, role)
    assert granted.returncode == 0, granted.stderr
    return key(folder, name, role)


def sign_in(browser: Browser, url: str, page: str, secret: str) -> None:
    browser.resize(1280, 900)
    browser.open(f"{url}{page}")
    browser.type("#key", secret)
    browser.send("button.main")


def test_two_sign_in_their_roles_and_a_third_may_not(copy: Path) -> None:
    grace, dan = person(copy, "grace", "compliance"), person(copy, "dan", "data_engineer")
    eve = person(copy, "eve", "training_engineer")
    release = planned(copy)
    page = f"/console/releases/{release}"
    with serving(copy) as served, browsers(3) as [first, second, third]:
        for window, secret in ((first, grace), (second, dan), (third, eve)):
            sign_in(window, served.url, page, secret)
            assert "waits for compliance, data_engineer" in window.text("#standing")
            window.run("window.same = true")
        assert third.text("#signing button") == ""
        assert third.text("#signing").count("Waits for somebody who holds this role.") == 2
        for role in ("compliance", "training_engineer"):  # not hers, and not asked for
            assert third.run_async(POST, f"{page}/sign", {"role": role}) in (400, 403)
        assert third.run_async(POST, f"{page}/sign", {"role": "compliance"}) == 403
        assert second.run_async(POST, f"{page}/move", {"to": "production"}) == 403  # unsigned as yet

        assert first.text("#signing button") == "Sign as compliance"
        first.send("#signing button")
        for window in (second, third):  # they are told, and loaded nothing anew
            window.wait("#table-sign-offs", "grace")
            window.wait("#standing", "waits for data_engineer")
        second.send("form:has(input[value=data_engineer]) button")
        assert "released" in second.text("#standing")
        first.wait("#standing", "released")
        third.wait("#standing", "released")

        for state in ("staging", "production"):
            first.run(f"document.querySelector('select[name=to]').value = '{state}'")
            first.send("form[action$=move] button")
            second.wait("#table-moves", state)
        third.wait("#table-moves", "grace")
        assert third.run("return window.same")
        second.type("form[action$=unsign] input[name=why]", "wrong licence")
        second.send("form[action$=unsign] button")
        third.wait("#standing", "waits for data_engineer")
        first.open(f"{served.url}/console/audit?verify=1")
        assert "every one is what was written" in first.text("main")
        assert first.text("table").count("release.move") == 2
        third.open(f"{served.url}/console/audit")
        assert "audit" in third.text("#error")


def test_compliance_finds_why_a_release_is_blocked(copy: Path, browser: Browser) -> None:
    secret = person(copy, "grace", "compliance")
    good = planned(copy)
    file = copy / "catenary.yaml"
    chain = file.read_text("utf-8")
    file.write_text(chain.replace("licences: [MIT, CC0-1.0]", "licences: [MIT]"), "utf-8")
    assert "gates failed" in catenary(copy, "run").stdout
    bad = planned(copy)
    file.write_text(chain, "utf-8")
    assert bad != good
    with serving(copy) as served:
        sign_in(browser, served.url, "/console/", secret)
        browser.send("nav a[href$='/releases']")
        assert browser.text("#table-releases").count("refused") >= 1
        browser.send(f"#table-releases a[href$='{bad}']")
        assert "A gate refused this release, so it cannot be signed." in browser.text("#signing")
        assert browser.text("#signing button") == ""
        blocked = browser.run(
            "return [...document.querySelectorAll('#gates li:has(.state.bad)')].map(one => one.innerText).join()"
        )
        assert "CC0-1.0" in blocked
        assert browser.run_async(POST, f"/console/releases/{bad}/sign", {"role": "compliance"}) == 403
        browser.send("nav a[href$='/releases']")
        browser.send(f"#table-releases a[href$='{good}']")
        browser.click("#evidence-1 summary")
        assert "kind" in browser.text("#gates")
        browser.send("form:has(input[value=compliance]) button")
        browser.wait("#standing", "waits for data_engineer")
        assert "grace" in browser.text("#table-sign-offs")
