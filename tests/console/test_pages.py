"""Pages as they come over HTTP: words, tables as CSV, policies, sessions."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from catenary.access import api_key_rows
from catenary.config import Home
from catenary.console.table import Cell, Column, table
from catenary.data.review import read_labels
from catenary.store import Store, Usage
from tests.console.conftest import Console, running
from tests.stages.mail import catenary


def table_of(client: httpx.Client, address: str, name: str) -> list[dict[str, str]]:
    """A table of a page, as its CSV file has it."""
    answer = client.get(address, params={**httpx.URL(address).params, "csv": name})
    assert answer.headers["content-type"].startswith("text/csv"), answer.text
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))


def addresses(page: str) -> set[str]:
    """Every address of ours that a page leads to."""
    return {one for one in re.findall(r'(?:href|src)="([^"]+)"', page) if not one.startswith("#")}


def test_every_page_leads_only_to_pages_that_are_there(console: Console) -> None:
    seen: set[str] = set()
    waiting = deque(["/"])
    with console.client() as client:
        while waiting and len(seen) < 200:
            address = waiting.popleft()
            seen.add(address)
            answer = client.get(address)
            assert answer.status_code in (200, 303), (address, answer.text)
            if answer.headers.get("content-type", "").startswith("text/html") and "/files/" not in address:
                found = addresses(answer.text.replace("&amp;", "&"))
                assert not [one for one in found if "//" in one]  # nothing from elsewhere
                waiting += sorted({one for one in found if one.startswith("/")} - seen - set(waiting))
    assert {"/runs", "/links/models.kind", "/links/releases.kind"} <= seen


def test_pages_load_nothing_and_run_nothing_from_elsewhere(console: Console) -> None:
    with console.client() as client:
        told = client.get("/")
        policy = told.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert told.headers["cache-control"] == "no-store"
        assert "style=" not in told.text
        assert (
            "immutable"
            in client.get(next(one for one in addresses(told.text) if "css" in one)).headers["cache-control"]
        )


def test_the_page_speaks_the_readers_language_and_keeps_the_chosen_one(console: Console) -> None:
    with console.client(**{"Accept-Language": "fr, zh-CN;q=0.8, en;q=0.5"}) as client:
        assert 'lang="zh-CN"' in client.get("/").text
        assert "总览" in client.get("/").text
        answer = client.get("/language/en", params={"back": "/runs?link=models.kind"})
        assert answer.headers["location"] == "/runs?link=models.kind"
        assert 'lang="en"' in client.get("/").text
        assert client.get("/language/en", params={"back": "//elsewhere.example"}).headers["location"] == (
            "/elsewhere.example"
        )


def test_a_table_is_a_csv_file_at_the_same_address(console: Console) -> None:
    with console.client() as client:
        answer = client.get("/", params={"csv": "links"})
        assert answer.headers["content-type"].startswith("text/csv")
        rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
        assert [row["link"] for row in rows][:3] == ["sources.folders", "sources.table", "datasets.mail"]
        runs = list(csv.reader(io.StringIO(client.get("/runs?csv=runs").content.decode("utf-8-sig"))))
        assert len(runs) == 11
        assert len(runs[1][-1]) == 64  # whole ids


def test_csv_hands_no_formula_to_a_spreadsheet() -> None:
    made = table(
        "t", "t", [Column("a"), Column("b", number=True)], [["=cmd()", Cell("-1", value=-1, number=True)]]
    )
    assert b"".join(made.csv()).decode("utf-8-sig").splitlines()[1] == "'=cmd(),-1"


def test_a_link_shows_what_its_artifact_holds(console: Console) -> None:
    with console.client() as client:
        data = client.get("/links/datasets.mail").text
        assert "dedup:near" in data
        assert "酒店很好" in data
        quality = client.get("/links/evaluations.quality").text
        assert (
            quality.count('class="cat"') == 4
        )  # the intervals of two metrics, a confusion matrix for each model
        model = client.get("/links/models.kind").text
        assert "learning_rate" in model
        for trained in ("kind", "base", "linear", "bigram"):
            assert table_of(client, f"/links/models.{trained}", "worst"), trained
            assert table_of(client, f"/links/models.{trained}", "best"), trained
        report = next(one for one in addresses(quality) if one.endswith("en/report.html"))
        answer = client.get(report)
        assert answer.status_code == 200
        assert "sandbox" in answer.headers["content-security-policy"]
        outside = client.get(report.replace("en/report.html", "..%2f..%2f..%2fcatalog.db"))
        assert outside.status_code == 404


def test_a_dataset_shows_what_was_dropped_why_and_where_it_came_from(console: Console) -> None:
    with console.client() as client:
        at = "/links/datasets.mail"
        why = {row["why"]: row["documents"] for row in table_of(client, at, "reasons")}
        assert (why["dedup:exact"], why["language:zh"], why["read:empty"]) == ("2", "1", "1")
        [chinese] = [row for row in table_of(client, at, "dropped") if row["why"] == "language:zh"]
        assert (chinese["text"], chinese["licence"]) == ("酒店很好，房间干净，下次还来住。", "CC0-1.0")
        assert chinese["origin"].startswith("table: mail.csv, record ")
        assert client.get(f"/trace/doc:{chinese['document']}").status_code == 200
        kept = table_of(client, at, "kept")
        assert {row["split"] for row in kept} == {"train", "valid", "test"}
        assert all(row["text"] and row["origin"] for row in kept)


def test_language_models_are_shown_with_the_texts_that_each_finds_hardest_and_easiest(copy: Path) -> None:
    file = copy / "catenary.yaml"
    prose = "evaluations:\n  prose: {of: [bigram], on: mail.test, metrics: [bits_per_byte]}\n"
    file.write_text(file.read_text("utf-8").replace("evaluations:\n", prose), "utf-8")
    catenary(copy, "run", "evaluations.prose").check_returncode()
    with running(copy) as console, console.client() as client:
        hard, easy = (table_of(client, "/links/evaluations.prose", name) for name in ("worst", "best"))
    assert {row["model"] for row in (*hard, *easy)} == {"bigram"}
    assert len(hard) == len(easy) == 5
    assert min(float(row["loss"]) for row in hard) > max(float(row["loss"]) for row in easy)


def test_samples_of_a_dataset_tell_no_personal_data(copy: Path) -> None:
    for file in (copy / "mail").rglob("*.txt"):
        file.write_bytes(b"Call 13912345678. " + file.read_bytes())
    (copy / "mail/docs/copy.txt").write_bytes((copy / "mail/docs/000.txt").read_bytes())
    file = copy / "catenary.yaml"
    chain = (
        file.read_text("utf-8")
        .replace("{redact: [phone, email]}, ", "")
        .replace("[folders, table]", "[folders]")
    )
    file.write_text(chain, "utf-8")
    catenary(copy, "run", "datasets.mail").check_returncode()
    with running(copy) as console, console.client() as client:
        page = client.get("/links/datasets.mail").text
        assert "13912345678" not in page
        for name in ("kept", "dropped"):
            told = [row["text"] for row in table_of(client, "/links/datasets.mail", name)]
            assert any(text.startswith("Call [") for text in told), told


def test_a_run_of_the_terminal_shows_its_log(copy: Path) -> None:
    with running(copy) as console, console.client() as client:
        rows = csv.DictReader(
            io.StringIO(client.get("/runs?csv=runs&link=models.base").content.decode("utf-8-sig"))
        )
        [number] = [row["run"] for row in rows]
        for page in ("/links/models.base", f"/runs/{number}"):
            text = client.get(page).text
            assert f"run {number} of models.base, pretrain" in text
            assert "  done, " in text


def test_runs_are_compared_by_what_was_set_and_what_came_of_it(copy: Path) -> None:
    assert catenary(copy, "run", "models.base", "--set", "models.base.learning_rate=0.05").returncode == 0
    with running(copy) as console, console.client() as client:
        rows = list(
            csv.DictReader(io.StringIO(client.get("/runs?csv=runs&link=models.base").text.lstrip("\ufeff")))
        )
        one, other = (row["run"] for row in rows)
        address = f"/compare?run={one}&run={other}"
        page = client.get(address).text
        assert "learning_rate" in page
        assert page.count("<polyline") >= 2
        settings = client.get(address + "&csv=settings").text.lstrip("\ufeff").splitlines()
        assert settings[1:] == ["learning_rate,0.05,0.005"]
        assert client.get(f"/compare?run={one}").status_code == 400
        assert client.get(f"/compare?run={one}&run=99999").status_code == 404


def test_a_chain_file_that_cannot_be_read_is_told_and_mended_without_a_restart(copy: Path) -> None:
    file = copy / "catenary.yaml"
    good = file.read_text("utf-8")
    with running(copy) as console, console.client() as client:
        file.write_text(good.replace("epochs: 3", "epochz: 3"), "utf-8")
        answer = client.get("/")
        assert answer.status_code == 400
        assert "did you mean `epochs`" in answer.text.replace("&#39;", "'")
        file.write_text(good.replace("epochs: 3", "epochs: 4"), "utf-8")
        page = client.get("/links/models.kind")
        assert page.status_code == 200
        assert "epochs 3 → 4" in page.text
        assert "stale" in page.text


def test_pages_say_what_documents_say_and_never_run_it(copy: Path) -> None:
    evil = (
        "Dear customer, <script>alert(1)</script> buy <img src=x onerror=alert(2)> today, 3 golden watches."
    )
    (copy / "mail" / "offer" / "000.txt").write_text(evil, "utf-8")
    file = copy / "catenary.yaml"
    file.write_text(
        file.read_text("utf-8").replace("{dedup: {near: 0.8}}", "{length: {max_chars: 90}}"), "utf-8"
    )
    assert catenary(copy, "run", "datasets.mail").returncode == 0
    with running(copy) as console, console.client() as client:
        page = client.get("/links/datasets.mail").text
    assert "<script>alert" not in page
    assert "<img src=x" not in page


@pytest.mark.parametrize("host", ["evil.example", "10.0.0.1:8000"])
def test_without_keys_no_other_name_reaches_it(console: Console, host: str) -> None:
    with console.client(Host=host) as client:
        assert client.get("/").status_code == 403


def test_with_keys_a_session_is_asked_for_and_ends_with_its_key(copy: Path) -> None:
    made = catenary(copy, "keys", "--make", "ann", "--role", "compliance", "--json")
    assert made.returncode == 0, made.stderr
    secret = re.search(r'"secret": "([^"]+)"', made.stdout)
    number = re.search(r'"made": "([^"]+)"', made.stdout)
    assert secret is not None
    assert number is not None
    with running(copy) as console, console.client() as client:
        asked = client.get("/runs?outcome=done")
        assert asked.status_code == 303
        assert asked.headers["location"] == "/login?back=%2Fruns%3Foutcome%3Ddone"
        assert client.get("/live").status_code == 401
        assert client.post("/login", data={"key": "ck-no"}).status_code == 403
        answer = client.post("/login", data={"key": secret[1], "back": "/runs"})
        assert answer.headers["location"] == "/runs"
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert "ann · compliance" in client.get("/runs").text
        session = dict(client.cookies)
    with running(copy) as console, console.client() as client:  # a restart ends no session
        client.cookies.update(session)
        assert client.get("/runs").status_code == 200
        assert client.post("/logout").status_code == 403  # not from one of our pages
        whole = session["catenary_session"]
        client.cookies.set("catenary_session", whole[:-1] + ("4" if whole.endswith("0") else "0"))
        assert client.get("/runs").status_code == 303
        client.cookies.clear()
        client.cookies.update(session)
        assert catenary(copy, "keys", "--revoke", number[1]).returncode == 0
        assert client.get("/runs").status_code == 303


def test_a_callers_key_sees_no_data(copy: Path) -> None:
    made = catenary(copy, "keys", "--make", "shop", "--json")
    secret = re.search(r'"secret": "([^"]+)"', made.stdout)
    assert secret is not None
    with running(copy) as console, console.client() as client:
        client.post("/login", data={"key": secret[1]})
        for address in ("/", "/runs", "/links/datasets.mail"):
            assert client.get(address).status_code == 403


def token_of(page: str) -> str:
    found = re.search(r'name="token" value="([^"]+)"', page)
    assert found is not None
    return found[1]


@contextmanager
def session(console: Console, secret: str) -> Iterator[httpx.Client]:
    """Signed in with a key."""
    with console.client() as client:
        assert client.post("/login", data={"key": secret}).status_code == 303
        yield client


def key(folder: Path, name: str, role: str) -> str:
    made = catenary(folder, "keys", "--make", name, "--role", role, "--json")
    assert made.returncode == 0, made.stderr
    return str(json.loads(made.stdout)["secret"])


def test_people_sign_by_their_keys_each_in_their_role_alone(copy: Path) -> None:
    me = catenary(copy, "roles", "--grant", "grace", "compliance")
    assert me.returncode == 0, me.stderr
    grace, mallory = key(copy, "grace", "compliance"), key(copy, "mallory", "data_engineer")
    release = next((copy / ".catenary" / "objects" / "release").iterdir()).name
    at = f"/releases/{release}"
    with running(copy) as console:
        with session(console, mallory) as client:
            page = client.get(at).text
            assert "does not speak for a person" in page
            token = token_of(page)
            said = client.post(f"{at}/sign", data={"token": token, "role": "data_engineer"})
            assert said.status_code == 403  # nobody named mallory holds the role
        with session(console, grace) as client:
            token = token_of(client.get(at).text)
            assert (
                client.post(f"{at}/sign", data={"token": token, "role": "data_engineer"}).status_code == 403
            )
            assert client.post(f"{at}/sign", data={"token": "x", "role": "compliance"}).status_code == 403
            asked = {"token": token, "role": "compliance"}
            crossed = client.post(f"{at}/sign", data=asked, headers={"Sec-Fetch-Site": "cross-site"})
            assert crossed.status_code == 403
            assert client.post(f"{at}/sign", data=asked).status_code == 303
            page = client.get(at).text
            assert "grace" in page
            assert "waits for data_engineer" in page
            log = client.get("/audit?verify=1").text
            assert "release.sign" in log
            assert "every one is what was written" in log
    standing = json.loads(catenary(copy, "status", "--json").stdout)["endpoints"]["kind"]
    assert standing == "unsigned: waits for data_engineer"


def test_who_may_only_serve_makes_no_key_with_a_role(copy: Path) -> None:
    assert catenary(copy, "roles", "--grant", "dev", "app_developer").returncode == 0
    with running(copy) as console, session(console, key(copy, "dev", "app_developer")) as client:
        page = client.get("/people").text
        asked = {"token": token_of(page), "name": "shop"}
        assert client.post("/people/keys", data={**asked, "role": "compliance"}).status_code == 403
        assert (
            client.post("/people/roles", data={**asked, "person": "dev", "role": "compliance"}).status_code
            == 403
        )
        answer = client.post("/people/keys", data={**asked, "role": "caller", "rate": "60"})
        secret = re.search(r'id="secret">(ck-[^<]+)<', answer.text)
        assert secret is not None
        with session(console, secret[1]) as caller:
            assert caller.get("/people").status_code == 403
            assert caller.get("/usage").status_code == 200
        assert client.get("/audit").status_code == 403


def test_the_bill_of_the_month_follows_the_plan(copy: Path) -> None:
    file = copy / "catenary.yaml"
    priced = file.read_text("utf-8").replace(
        "serve:\n", "serve:\n  plans: {standard: {currency: CNY, per_request: 0.25}}\n"
    )
    file.write_text(priced, "utf-8")
    secret = key(copy, "shop", "business")
    with Store.open(Home.of(copy)) as store:
        [made] = api_keys_of(store)
        used = Usage(datetime.now(UTC).date(), made, "kind", 12, 340, 0)
        store.add_usage(used)
    with running(copy) as console, session(console, secret) as client:
        page = client.get("/usage")
        assert page.text.count('class="cat"') == 3
        bill = list(csv.DictReader(io.StringIO(client.get("/usage?csv=bill").content.decode("utf-8-sig"))))
        assert (bill[0]["name"], bill[0]["cost"], bill[0]["currency"]) == ("shop", "3.0", "CNY")
        assert client.get("/usage?month=2020-01").status_code == 200
        assert client.get("/usage?month=now").status_code == 400


def api_keys_of(store: Store) -> list[str]:
    with store.reading() as connection:
        return [one.id for one in api_key_rows(connection)]


def test_releases_are_told_apart(copy: Path) -> None:
    assert catenary(copy, "run", "--set", "models.kind.epochs=2").returncode == 0
    release = json.loads(catenary(copy, "plan", "--json").stdout)["links"][-1]["id"]
    with running(copy) as console, console.client() as client:
        assert "epochs" in client.get(f"/releases/{release}").text
        rows = client.get(f"/releases/{release}?csv=apart-settings").text
        assert re.search(r"epochs,2,3", rows)
        papers = re.findall(r'/documents/([^"]+)"', client.get(f"/releases/{release}").text)
        assert len(papers) > 3
        assert all(client.get(f"/releases/{release}/documents/{name}").status_code == 200 for name in papers)


def test_documents_are_searched_and_labelled_by_a_reviewer(copy: Path) -> None:
    with running(copy) as console, console.client() as client:
        found = list(
            csv.DictReader(io.StringIO(client.get("/data/mail?q=GOLDEN&csv=documents").text.lstrip("\ufeff")))
        )
        assert found
        assert all("golden" in row["text"] for row in found)
        docs = client.get("/data/mail?label=docs&csv=documents").text.splitlines()
        assert len(docs) - 1 == 110
        page = client.get("/data/mail?documents=3")
        assert page.status_code == 200
        said = {"token": token_of(page.text), "id": found[0]["id"], "label": "docs", "back": "?q=golden"}
        assert client.post("/data/mail/label", data=said).status_code == 303
        assert client.post("/data/mail/label", data={**said, "token": "no"}).status_code == 403
        assert "your label: docs" in client.get("/data/mail?q=golden").text
        (copy / "me.csv").write_bytes(client.get("/data/mail/review.csv").content)
        trace = client.get(f"/trace/doc:{found[0]['id']}")
        assert found[0]["file"] in trace.text
        assert client.get("/data/none").status_code == 404
    assert read_labels(copy / "me.csv") == {found[0]["id"]: "docs"}


def test_an_answer_is_followed_to_a_line_of_a_file_and_feedback_to_its_answer(copy: Path) -> None:
    for role in ("compliance", "data_engineer"):
        assert catenary(copy, "sign", "kind", "--as", role).returncode == 0
    assert catenary(copy, "ask", "kind", "Buy three golden watches today.").returncode == 0
    with Store.open(Home.of(copy)) as store:
        receipt = store.receipts(limit=1)[0].id
        store.add_feedback(
            receipt, kind="thumb", body={"value": "down", "comment": "=no"}, consent="none", licence=""
        )
    with running(copy) as console, console.client() as client:
        assert "Buy three golden watches" in client.get("/answers").text
        page = client.get(f"/trace/{receipt}").text
        assert "mail.csv" in page
        assert 'class="cat"' in page
        assert "CC0-1.0" in page
        said = client.get("/feedback?csv=feedback").text
        assert "'=no" in said
        assert receipt in said


def test_an_evaluation_shows_its_intervals_tests_and_worst_examples(copy: Path) -> None:
    votes = [
        {
            "question": str(at),
            "first": "linear",
            "second": "kind",
            "winner": "kind" if at % 3 else "tie",
            "rater": who,
        }
        for at in range(6)
        for who in ("ann", "ben")
    ]
    (copy / "round 1").mkdir()
    (copy / "round 1/votes.jsonl").write_text("".join(json.dumps(one) + "\n" for one in votes), "utf-8")
    points = [
        {"question": str(at), "model": model, "rater": "ann", "points": {"clear": 3 + at % 2}}
        for at in range(4)
        for model in ("linear", "kind")
    ]
    (copy / "ratings.jsonl").write_text("".join(json.dumps(one) + "\n" for one in points), "utf-8")
    with running(copy) as console, console.client() as client:
        page = client.get("/links/evaluations.quality").text
        for part in ("table-scores", "table-comparisons", "table-classes", "mcnemar"):
            assert part in page
        rows = csv.DictReader(
            io.StringIO(client.get("/links/evaluations.quality?csv=classes").content.decode("utf-8-sig"))
        )
        assert {row["label"] for row in rows} == {"docs", "offer"}
        best = table_of(client, "/links/evaluations.quality", "best")
        assert {row["model"] for row in best} == {"linear", "kind"}
        assert all(row["expected"] == row["answered"] for row in best)
        assert client.get(f"/trace/doc:{best[0]['document']}").status_code == 200
        page = client.get("/evaluations").text
        assert "/links/evaluations.quality" in page
        assert "/rounds/round%201/votes.jsonl" in page
        arena = client.get("/rounds/round%201/votes.jsonl").text
        assert "12 judgements" in arena
        assert "ann" in arena
        [first, *_] = csv.DictReader(
            io.StringIO(client.get("/rounds/round%201/votes.jsonl?csv=ranks").content.decode("utf-8-sig"))
        )
        assert first["model"] == "kind"
        assert "clear" in client.get("/rounds/ratings.jsonl").text
        assert client.get("/rounds/../catenary.yaml").status_code == 404
