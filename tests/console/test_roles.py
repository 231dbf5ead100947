"""The console beside the endpoints, with keys: what each role sees there, and what it may do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from catenary.access import ROLES, claim, grant, local_person, make_api_key, recording
from tests.console.test_pages import token_of
from tests.notes import QUESTION, made_notes
from tests.serve.chains import serving, store_of
from tests.test_applications import CHAIN

CALLERS = ("caller", "stranger")
RUN = {"researcher", "data_engineer", "training_engineer", "app_developer"}
SEEN = ("/", "/runs", "/links/datasets.notes", "/data/notes", "/releases", "/evaluations", "/people")
OWN = ("/playground/app/notes", "/answers", "/feedback", "/usage")
PAGES = {
    **{page: set(ROLES) for page in SEEN},
    **{page: {*ROLES, *CALLERS} for page in OWN},
    "/start": RUN,
    "/audit": {"compliance"},
}
"""page → who sees it"""

DEEDS = {
    ("/start", "settings=none"): (RUN, 400),  # allowed, and then refused for what it sets
    ("/data/notes/label", "id=x&label=&back=?"): (RUN, 303),
    ("/people/roles", "person=zoe&role=researcher"): ({"compliance"}, 303),
    ("/people/keys", "name=shop"): ({"app_developer"}, 200),
}
"""form → who may send it, and what he is told"""

Sessions = dict[str, httpx.Client]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_notes(tmp_path_factory.mktemp("roles"), CHAIN)


@pytest.fixture(scope="module")
def sessions(folder: Path) -> Iterator[Sessions]:
    """Somebody of each role, who holds it, signed in by a key; and two keys that only ask."""
    me = local_person()
    secrets = {}
    with store_of(folder) as store, recording(store.engine, store.home) as log:
        claim(log, me)
        for role in ROLES:
            grant(log, role, role, by=me)
            secrets[role] = make_api_key(log, name=role, by=me, role=role)[1]
        for name in CALLERS:
            secrets[name] = make_api_key(log, name=name, by=me)[1]
    with serving(folder) as served, ExitStack() as opened:
        found = {name: opened.enter_context(served.http(secret)) for name, secret in secrets.items()}
        for name, client in found.items():
            assert client.post("/console/login", data={"key": secrets[name]}).status_code == 303
        yield found


def test_each_role_sees_its_pages_and_no_other(sessions: Sessions) -> None:
    seen = {
        page: {who for who, client in sessions.items() if client.get(f"/console{page}").status_code == 200}
        for page in PAGES
    }
    assert seen == PAGES


def test_each_role_may_do_what_is_its_own(sessions: Sessions) -> None:
    for (page, fields), (allowed, told) in DEEDS.items():
        for who, client in sessions.items():
            token = token_of(client.get("/console/playground/app/notes").text)
            asked = dict(one.split("=", 1) for one in fields.split("&")) | {"token": token}
            status = client.post(f"/console{page}", data=asked).status_code
            assert status == (told if who in allowed else 403), (page, who)


def test_an_answer_is_read_by_its_key_and_by_the_roles_that_look_after_answers(sessions: Sessions) -> None:
    question = {"model": "app/notes", "messages": [{"role": "user", "content": QUESTION}]}
    answer = sessions["caller"].post("/v1/chat/completions", json=question).raise_for_status().json()
    receipt = answer["receipt"]["id"]
    readers = {*ROLES, "caller"} - {"business"}
    for who, client in sessions.items():
        assert client.get(f"/console/answers/{receipt}").status_code == (200 if who in readers else 404), who
        assert (receipt[:17] in client.get("/console/answers").text) == (who in readers), who
        assert client.get(f"/v1/receipts/{receipt}").status_code == (200 if who in readers else 404), who
        billed = client.get("/console/usage?csv=days").text
        assert ("caller" in billed) == (who in {"business", "compliance", "caller"}), who
