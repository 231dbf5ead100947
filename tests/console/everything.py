"""A chain with something for every page of the console, served: answers, feedback, rounds, an index, a job."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from catenary.search import SearchIndex
from tests.console.test_pages import token_of
from tests.serve.chains import Serving, serving, store_of
from tests.stages.mail import OFFER, catenary

INDEX = "indexes:\n  mail: {kind: passages, from: mail}\n  facts: {kind: knowledge, from: mail}\n"
APP = "apps:\n  mail: {kind: documents, index: mail}\n  advice: {kind: documents, index: mail, sign_off: compliance}\n"
WORDS = "golden watches"


@dataclass(frozen=True, slots=True)
class Everything:
    """The service, and the address of each page by the page's name."""

    served: Serving
    pages: Mapping[str, str]


def write_rounds(folder: Path) -> None:
    """What people judged, as `catenary arena` and `catenary rate` keep it."""
    votes = [
        {"question": str(at), "first": "linear", "second": "kind", "winner": "kind" if at % 3 else "tie", "rater": who}
        for at in range(6)
        for who in ("ann", "ben")
    ]  # fmt: skip
    points = [
        {"question": str(at), "model": model, "rater": "ann", "points": {"clear": 3 + at % 2}}
        for at in range(4)
        for model in ("linear", "kind")
    ]
    (folder / "round 1").mkdir()
    (folder / "round 1/votes.jsonl").write_text("".join(json.dumps(one) + "\n" for one in votes), "utf-8")
    (folder / "ratings.jsonl").write_text("".join(json.dumps(one) + "\n" for one in points), "utf-8")


@contextmanager
def everything(folder: Path) -> Iterator[Everything]:
    """Over a copy of the chain of tests/stages/mail.py, which it changes."""
    file = folder / "catenary.yaml"
    file.write_text(file.read_text("utf-8").replace("apps: {}\n", INDEX + APP), "utf-8")
    catenary(folder, "run").check_returncode()
    write_rounds(folder)
    with serving(folder) as served, served.http() as client:
        _until_ready(client)
        asked = (
            client.post("/v1/classify", json={"model": "kind", "input": [OFFER]}).raise_for_status().json()
        )
        receipt = asked["receipt"]["id"]
        said = {"receipt": receipt, "kind": "rating", "value": 1, "consent": "training", "licence": "CC0-1.0"}
        client.post("/v1/feedback", json=said).raise_for_status()
        question = {"model": "app/advice", "messages": [{"role": "user", "content": WORDS}]}
        waiting = client.post("/v1/chat/completions", json=question).raise_for_status().json()
        told = _posted(client, "/console/playground/app/mail", text=WORDS)
        job = _posted(client, "/console/start", link="tokenizers.words", settings="")
        yield Everything(
            served,
            {
                "held": f"/console/held/{waiting['receipt']['id']}",
                **{name: f"/console{page}" for name, page in _pages(folder, receipt, told, job).items()},
            },
        )


def _pages(folder: Path, receipt: str, told: str, job: str) -> dict[str, str]:
    with store_of(folder) as store:
        pointed = store.links("mail")
        release, index = (pointed[link].artifact_id for link in ("releases.kind", "indexes.mail"))
        passage = SearchIndex.open(store.get(index).path).search(WORDS, 1)[0].passage
        runs = {run.link: run.id for run in store.runs()}
    return {
        "overview": "/",
        "runs": "/runs",
        "run": f"/runs/{runs['models.kind']}",
        "compare": f"/compare?run={runs['models.base']}&run={runs['models.kind']}",
        "model": "/links/models.kind",
        "dataset": "/links/datasets.mail",
        "evaluation": "/links/evaluations.quality",
        "artifact": f"/artifacts/{release}",
        "datasets": "/data",
        "documents": "/data/mail?q=golden&split=test",
        "evaluations": "/evaluations",
        "arena": "/rounds/round%201/votes.jsonl",
        "ratings": "/rounds/ratings.jsonl",
        "releases": "/releases",
        "release": f"/releases/{release}",
        "trace": f"/trace/{release}",
        "trace-down": f"/trace/doc:{passage.document}?down=1",
        "playground": "/playground",
        "ask": "/playground/kind",
        "asked": told.removeprefix("/console"),
        "answers": "/answers",
        "answer": f"/answers/{receipt}",
        "queue": "/held",
        "knowledge": "/knowledge/facts",
        "graph": "/links/indexes.facts",
        "passage": f"/passages/{index}/{passage.id}",
        "feedback": "/feedback",
        "usage": "/usage",
        "people": "/people",
        "audit": "/audit?verify=1",
        "start": "/start?link=models.kind&settings=models.kind.epochs%3D2",
        "job": job.removeprefix("/console"),
        "login": "/login",
        "none": "/none",
    }


def _posted(client: httpx.Client, page: str, **fields: str) -> str:
    """Where a form leads to."""
    token = token_of(client.get(page).text)
    told = client.post(page, data={"token": token, **fields})
    assert told.status_code == 303, told.text
    return told.headers["location"]


def _until_ready(client: httpx.Client) -> None:
    until = time.monotonic() + 300
    while client.get("/ready").json().get("status") != "ready":
        assert time.monotonic() < until
        time.sleep(0.2)
