"""`catenary serve` as an operator runs it: listens, answers with receipts, ends at a signal."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.cli.conftest import Catenary, ids
from tests.serve.upstream_server import UpstreamServer
from tests.stages.mail import OFFER, QUESTION, command, copied, environment


@pytest.fixture(scope="module")
def served(signed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a chain that is served."""
    return copied(signed, tmp_path_factory.mktemp("served"))


@contextmanager
def serving(folder: Path, *options: str) -> Iterator[httpx.Client]:
    """A client of `catenary serve`, which ends with exit code 0 at SIGTERM."""
    process = subprocess.Popen(
        command("serve", "--port", "0", *options),
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout
    try:
        lines = []
        for line in process.stdout:
            lines.append(line)
            if found := re.search(r"http://[\d.]+:\d+", line):
                break
        else:
            pytest.fail("".join(lines))
        assert lines[0].split()[0] == "kind"
        assert lines[0].split()[-1] == "released"
        with httpx.Client(base_url=found[0], timeout=30) as client:
            yield client
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def http(served: Path) -> Iterator[httpx.Client]:
    with serving(served) as client:
        yield client


def test_it_lives_and_is_ready(http: httpx.Client) -> None:
    assert http.get("/health").json() == {"status": "ok"}
    assert http.get("/ready").json() == {"status": "ready"}
    assert [model["id"] for model in http.get("/v1/models").json()["data"]] == ["kind"]


def test_nobody_encrypts_what_is_served(
    http: httpx.Client, catenary: Catenary, served: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert catenary(served, "encrypt", "key", str(tmp_path / "key")).code == 0
    monkeypatch.setenv("CATENARY_OBJECT_KEY_FILE", str(tmp_path / "key"))
    refused = catenary(served, "encrypt", "on")
    assert refused.code == 4
    assert "other processes have them open" in refused.err
    assert "not encrypted" in catenary(served, "encrypt", "status").out
    assert "objects.encrypt" not in catenary(served, "audit", "log").out
    assert http.post("/v1/classify", json={"model": "kind", "input": [OFFER]}).status_code == 200


def test_an_answer_leaves_a_receipt_that_can_be_traced(
    http: httpx.Client, catenary: Catenary, served: Path
) -> None:
    told = http.post("/v1/classify", json={"model": "kind", "input": [OFFER, QUESTION]})
    assert told.status_code == 200
    answer = told.json()
    assert [one["label"] in ("docs", "offer") for one in answer["data"]] == [True, True]
    receipt = http.get(f"/v1/receipts/{answer['receipt']['id']}").json()
    assert receipt["status"] == "released"
    assert receipt["release"] == ids(catenary, served)["releases.kind"]
    tree = http.get(answer["receipt"]["trace_url"]).json()
    assert tree["kind"] == "answer"
    assert catenary(served, "trace", answer["id"], "--json").json == tree
    assert catenary(served, "trace", "--last", "--json").json == tree


def test_served_and_asked_answers_are_the_same(http: httpx.Client, catenary: Catenary, served: Path) -> None:
    [one] = http.post("/v1/classify", json={"model": "kind", "input": OFFER}).json()["data"]
    [asked] = catenary(served, "ask", "kind", OFFER, "--json").json["texts"]
    assert {score["label"]: score["score"] for score in one["scores"]} == asked["scores"]


def test_what_is_not_there_is_told_in_the_clients_words(http: httpx.Client) -> None:
    missing = http.post("/v1/classify", json={"model": "none", "input": "x"})
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "model_not_found")
    assert http.get("/v1/receipts/rcpt_none/trace").status_code == 404
    assert http.post("/v1/classify", json={"model": "kind"}).status_code == 400


def test_other_machines_are_served_once_there_is_a_key(
    catenary: Catenary, signed: Path, tmp_path: Path
) -> None:
    folder = copied(signed, tmp_path)
    asked = {"model": "kind", "input": OFFER}
    everywhere = ("--host", "0.0.0.0")
    refused = catenary(folder, "serve", *everywhere)
    assert (refused.code, "--allow-remote" in refused.err) == (4, True)
    refused = catenary(folder, "serve", *everywhere, "--allow-remote")
    assert (refused.code, "catenary keys --make" in refused.err) == (4, True)
    made = catenary(folder, "keys", "--make", "shop", "--json").json
    with serving(folder, *everywhere, "--allow-remote") as http:
        assert http.get("/ready").status_code == 200
        assert http.post("/v1/classify", json=asked).status_code == 401
        key = {"Authorization": f"Bearer {made['secret']}"}
        assert http.post("/v1/classify", json=asked, headers=key).status_code == 200
    assert catenary(folder, "keys", "--revoke", made["made"]).code == 0
    with serving(folder, *everywhere, "--allow-remote") as http:  # all are revoked: that opens no door
        assert http.post("/v1/classify", json=asked, headers=key).status_code == 401


def test_a_classifier_of_the_chain_guards_what_another_server_writes(
    catenary: Catenary, signed: Path, tmp_path: Path
) -> None:
    folder = copied(signed, tmp_path)
    told = [catenary(folder, "ask", "kind", text, "--json").json["texts"][0] for text in (OFFER, QUESTION)]
    scores = [one["scores"]["offer"] for one in told]
    [passes, blocked] = [text for _, text in sorted(zip(scores, (OFFER, QUESTION), strict=True))]
    rule = {"classifier": {"endpoint": "kind", "labels": ["offer"], "above": sum(scores) / 2}}
    with UpstreamServer() as there:
        links, _, _ = (folder / "catenary.yaml").read_text("utf-8").partition("serve:")

        def guarded(**rules: Any) -> None:
            words = {"upstream": {"urls": [there.url], "model": "theirs"}}
            serve = {"endpoints": {"kind": {"release": "kind"}, "words": words}, "guard": rules}
            (folder / "catenary.yaml").write_text(links + yaml.safe_dump({"serve": serve}), "utf-8")

        def ask(http: httpx.Client, text: str) -> tuple[str, str, Any]:
            body = {"model": "words", "messages": [{"role": "user", "content": text}], "max_tokens": 3}
            answer = http.post("/v1/chat/completions", json=body).json()
            kept = http.get(f"/v1/receipts/{answer['receipt']['id']}").json()
            return answer["choices"][0]["finish_reason"], answer["choices"][0]["message"]["content"], kept

        guarded(input=[rule])
        with serving(folder) as http:
            assert ask(http, passes)[:2] == ("length", "word word word ")
            reason, said, kept = ask(http, blocked)
        assert (reason, said, kept["outcome"]) == ("content_filter", "", "blocked")
        assert [(one["side"], one["action"]) for one in kept["guard"]] == [("input", "block")]
        assert len(there.asked) == 1  # what is blocked goes nowhere
        guarded(output=[{"classifier": {**rule["classifier"], "above": 0.0}}])
        with serving(folder) as http:
            reason, said, kept = ask(http, passes)
        assert (reason, said, kept["guard"][0]["side"]) == ("content_filter", "", "output")
        assert kept["answers"][0]["text"] == ""
