"""The console beside the endpoints, as `catenary serve` has it: asking, streams, keys, restarts, two who look."""

from __future__ import annotations

import csv
import io
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.console.conftest import Violations, running
from tests.console.test_pages import token_of
from tests.notes import COFFEE, QUESTION, TEA
from tests.serve.browser import HAS_BROWSER, Browser, browsers
from tests.serve.chains import Serving, make_key, receipts, serving
from tests.serve.upstream_server import UpstreamServer
from tests.stages.mail import catenary, command, environment
from tests.test_applications import CHAIN

needs_browser = pytest.mark.skipif(not HAS_BROWSER, reason="needs chromium and chromedriver")
AWAY = "How do I repair a bicycle?"


@pytest.fixture(scope="module")
def there() -> Iterator[UpstreamServer]:
    with UpstreamServer() as server:
        yield server


@pytest.fixture(scope="module")
def notes(there: UpstreamServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A chain with applications over documents, and another server's models."""
    folder = tmp_path_factory.mktemp("notes")
    (folder / "notes").mkdir()
    (folder / "notes/tea.md").write_text(TEA, "utf-8")
    (folder / "notes/coffee.md").write_text(COFFEE, "utf-8")
    upstream = f"upstream: {{urls: ['{there.url}'], model: theirs"
    endpoints = f"  endpoints:\n    chat: {{{upstream}}}}}\n    vectors: {{{upstream}, task: embed}}}}\n"
    (folder / "catenary.yaml").write_text(CHAIN.replace("serve:\n", f"serve:\n{endpoints}"), "utf-8")
    catenary(folder, "run").check_returncode()
    return folder


@pytest.fixture(scope="module")
def served(notes: Path) -> Iterator[Serving]:
    with serving(notes) as found:
        yield found


def ask(client: httpx.Client, name: str, text: str, **more: str) -> httpx.Response:
    """The page that a browser without scripts gets to see."""
    page = client.get(f"/console/playground/{name}")
    told = client.post(
        f"/console/playground/{name}", data={"token": token_of(page.text), "text": text, **more}
    )
    return client.get(told.headers["location"]) if told.status_code == 303 else told


def test_an_answer_is_followed_from_the_playground_to_the_passage(served: Serving) -> None:
    with served.http() as client:
        assert client.get("/").headers["location"] == "/console/"
        for name in ("app/notes", "chat", "vectors"):
            assert f'href="/console/playground/{name}"' in client.get("/console/playground").text
        page = ask(client, "app/notes", QUESTION)
        assert "绿茶用八十度的水冲泡，三分钟即可。[1]" in page.text
        assert "cited [1]" in page.text
        assert "sources.notes" in page.text  # drawn to its source
        [passage, *_] = re.findall(r'href="(/console/passages/[^"]+)"', page.text)
        assert '<mark id="passage">绿茶用八十度' in client.get(passage).text
        told = client.get(f"{page.url}&csv=retrieved").content.decode("utf-8-sig")
        [row, *_] = csv.DictReader(io.StringIO(told))
        assert float(row["words (BM25)"]) > 0
        assert row["use"] == "cited [1]"


def test_a_refusal_says_why(served: Serving) -> None:
    with served.http() as client:
        page = ask(client, "app/notes", AWAY)
        assert "This is not in the documents." in page.text
        assert "Nothing was answered:" in page.text
        [receipt] = set(re.findall(r"rcpt_[0-9a-f]{32}", str(page.url)))
        assert "Nothing was answered:" in client.get(f"/console/answers/{receipt}").text


def test_a_conversation_goes_on_and_vectors_are_compared(served: Serving, there: UpstreamServer) -> None:
    with served.http() as client:
        first = ask(client, "chat", "one", max_tokens="2", system="be brief")
        after = str(first.url).rpartition("=")[2]
        ask(client, "chat", "two", max_tokens="2", after=after)
        said = [(one["role"], one["content"].strip()) for one in there.asked[-1]["messages"]]
        assert said == [("system", "be brief"), ("user", "one"), ("assistant", "word word"), ("user", "two")]
        page = ask(client, "vectors", "tea\ncoffee")
        assert 'id="table-nearness"' in page.text
        assert "coffee" in page.text
        assert ask(client, "chat", "").status_code == 400
        assert client.get("/console/playground/none").status_code == 404


def test_an_answer_counts_as_the_keys_of_who_asked(notes: Path, tmp_path: Path) -> None:
    import shutil

    folder = Path(shutil.copytree(notes, tmp_path / "notes"))
    ours, secret = make_key(folder)
    _, other = make_key(folder)
    with serving(folder) as found, found.http() as client, found.http() as stranger:
        assert client.get("/console/playground").headers["location"].startswith("/console/login")
        client.post("/console/login", data={"key": secret})
        stranger.post("/console/login", data={"key": other})
        page = ask(client, "app/notes", QUESTION)
        assert "八十度" in page.text
        receipt = str(page.url).rpartition("=")[2]
        assert [one["key"] for one in receipts(folder) if one["id"] == receipt] == [ours]
        assert stranger.get(f"/console/answers/{receipt}").status_code == 404
        assert stranger.get(f"/console/playground/app/notes?answer={receipt}").status_code == 404
        # Without the form's token nothing is asked in anybody's name.
        assert client.post("/console/playground/app/notes", data={"text": "x"}).status_code == 403


def test_a_console_by_itself_asks_the_service_that_it_is_told_of(served: Serving, notes: Path) -> None:
    with running(notes) as alone, alone.client() as client:
        assert "Nothing is served here" in client.get("/playground").text
        assert client.get("/playground/app/notes").status_code == 404
    with running(notes, "--service", served.url) as beside, beside.client() as client:
        token = token_of(client.get("/playground/app/notes").text)
        told = client.post("/playground/app/notes", data={"token": token, "text": QUESTION})
        assert "八十度" in client.get(told.headers["location"]).text
    with running(notes, "--service", "http://127.0.0.1:9") as nowhere, nowhere.client() as client:
        assert "does not say what it serves" in client.get("/playground").text


@needs_browser
def test_two_look_while_one_asks_and_a_reload_loses_nothing(
    served: Serving, browser: Browser, violations: Violations
) -> None:
    with browsers(1) as [second]:
        second.resize(1280, 900)
        second.open(f"{served.url}/console/answers")
        second.run("window.same = true")
        browser.resize(1280, 900)
        browser.open(f"{served.url}/console/playground/app/notes")
        assert violations(browser) == []
        browser.type("#text", QUESTION)
        browser.click("button.main")
        browser.wait("#answer", "八十度")
        browser.wait("#evidence", "cited [1]")
        assert violations(browser) == []
        address = browser.address()
        receipt = address.rpartition("=")[2]
        second.wait("#table-answers", receipt[:17])
        assert second.run("return window.same")
        browser.open(address)  # a reload
        assert "八十度" in browser.text("#answer")
        browser.type("#text", AWAY)
        browser.click("button.main")
        browser.wait("#answer", "Nothing was answered")
        second.open(f"{served.url}/console/answers/{receipt}")
        assert violations(second) == []
        browser.resize(360, 740)
        browser.open(address)
        assert browser.run("return document.documentElement.scrollWidth <= 360")


@needs_browser
def test_what_goes_wrong_while_a_stream_comes_is_told(
    served: Serving, browser: Browser, there: UpstreamServer
) -> None:
    browser.resize(1280, 900)
    browser.open(f"{served.url}/console/playground/chat")
    there.forget()
    there.next("cut")
    browser.type("#text", "one")
    browser.click("button.main")
    browser.wait("#failed", "")
    for _ in range(600):
        if browser.text("#failed").strip():
            break
        browser.run_async("setTimeout(arguments[0], 100)")
    assert browser.text("#failed").strip()
    browser.click("button.main")  # what was typed is still there
    browser.wait("#answer", "word")


@needs_browser
@pytest.mark.slow
def test_an_answer_outlives_a_restart_of_the_service(notes: Path, browser: Browser) -> None:
    browser.resize(1280, 900)
    with serving(notes) as first:
        browser.open(f"{first.url}/console/playground/app/notes")
        browser.type("#text", QUESTION)
        browser.click("button.main")
        browser.wait("#evidence", "cited [1]")
        first.process.send_signal(signal.SIGTERM)
        assert first.process.wait(60) == 0
        browser.wait("#offline", "may be old")
        port = first.url.rpartition(":")[2]
        with (notes / "log").open("a") as log:
            again = subprocess.Popen(
                command("serve", "--port", port, "--unreleased"),
                cwd=notes,
                env=environment(),
                stdout=log,
                stderr=log,
            )
        try:
            for _ in range(600):
                if not browser.text("#offline").strip():
                    break
                browser.run_async("setTimeout(arguments[0], 100)")
            assert "八十度" in browser.text("#answer")
            browser.open(browser.address())
            assert "八十度" in browser.text("#answer")
            browser.open("about:blank")
        finally:
            again.terminate()
            assert again.wait(60) == 0


@pytest.mark.slow
def test_a_classifier_tells_its_labels(copy: Path) -> None:
    with serving(copy) as found, found.http() as client:
        for _ in range(600):
            if client.get("/ready").status_code == 200:
                break
        page = ask(client, "kind", "Buy golden watches today.")
        assert 'id="table-labels"' in page.text
        assert "offer" in page.text
        assert "datasets.mail" in page.text
