"""Answers that wait for a person: asked over HTTP, signed in the terminal and in the console, fetched, forgotten."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from sqlalchemy import update

from catenary.access import claim, grant, known_keys, make_api_key, recording, revoke_key
from catenary.chain.spec import load
from catenary.errors import Damaged, InvalidInput, Refused
from catenary.serve.gateway import Gateway
from catenary.serve.in_process import in_process
from catenary.server import gateway
from catenary.stages import STAGES
from catenary.stages.held import decide, told
from catenary.stages.lifecycle import move
from catenary.stages.recorded import contradictions
from catenary.stages.standing import sign
from catenary.store import Store
from catenary.store.tables import held_answers, receipts
from tests.notes import QUESTION, TEA, made_notes
from tests.serve.chains import Serving, serving, store_of
from tests.stages.mail import catenary
from tests.test_applications import table

CHAIN = """\
schema: 1
project: {name: leaflets, languages: [zh, en]}
sources:
  notes: {path: notes, licence: CC0-1.0}
datasets:
  notes: {from: [notes]}
indexes:
  notes: {kind: passages, from: notes}
serve:
  guard: {output: [{keywords: {words: {ours: [冷萃]}}}]}
releases:
  notes: {index: notes, gates: [{licences: [CC0-1.0]}], sign_off: [data_engineer, compliance]}
apps:
  advice: {kind: documents, index: notes, risk: medicine, sign_off: compliance}
  notes: {kind: documents, index: notes}
"""
SECRET = "八十度"
DRAFT = "绿茶用八十度的水冲泡，三分钟即可。[1]"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_notes(tmp_path_factory.mktemp("leaflets"), CHAIN, TEA + "\n冷萃要浸泡八小时。\n")


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "leaflets"))


def asked(http: httpx.Client, question: str = QUESTION, **more: Any) -> dict[str, Any]:
    body = {"model": "app/advice", "messages": [{"role": "user", "content": question}], **more}
    answer = http.post("/v1/chat/completions", json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_an_answer_is_told_once_a_person_has_signed_it(folder: Path) -> None:
    with serving(folder) as service, service.http() as http:
        waiting = asked(http)
        [choice] = waiting["choices"]
        assert "compliance" in choice["message"]["content"]
        assert waiting["held"]["url"] in choice["message"]["content"]
        assert (waiting["held"]["state"], waiting["held"]["role"]) == ("waiting", "compliance")
        assert http.get(waiting["held"]["url"]).headers["x-catenary-held"] == "compliance"
        receipt = waiting["receipt"]["id"]
        for path in (waiting["held"]["url"], f"/v1/receipts/{receipt}", f"/v1/receipts/{receipt}/trace"):
            assert SECRET not in http.get(path).text

    shown = json.loads(catenary(folder, "held", "list", "--json").stdout)
    assert [(one["app"], one["asked"]) for one in shown] == [("advice", QUESTION)]
    assert DRAFT in catenary(folder, "held", "show", receipt[:12]).stdout
    signed = catenary(folder, "held", "approve", receipt[:12])
    assert signed.returncode == 0, signed.stderr
    assert catenary(folder, "held", "approve", receipt).returncode != 0

    with serving(folder) as service, service.http() as http:  # both outlived a restart
        answer = http.get(waiting["held"]["url"]).json()
        text = answer["choices"][0]["message"]["content"]
        assert text.startswith(DRAFT)
        [cited, *_] = answer["choices"][0]["message"]["annotations"]
        place = cited["url_citation"]
        assert text[place["start_index"] : place["end_index"]] == "[1]"
        kept = http.get(f"/v1/receipts/{receipt}").json()
        assert kept["made"]["sign_off"]["role"] == "compliance"
        assert kept["made"]["sign_off"]["person"] == answer["held"]["person"]
        assert kept["made"]["risk"] == "medicine"
        tree = json.dumps(http.get(f"/v1/receipts/{receipt}/trace").json(), ensure_ascii=False)
        assert "compliance" in tree
        assert "tea.md" in tree
    assert catenary(folder, "audit", "verify").returncode == 0
    assert "answer.sign" in catenary(folder, "audit", "log").stdout


def test_the_official_client_is_told_so_in_each_of_its_ways(folder: Path) -> None:
    with serving(folder) as service:
        client = service.client()
        messages: Any = [{"role": "user", "content": QUESTION}]
        chunks = list(client.chat.completions.create(model="app/advice", messages=messages, stream=True))
        streamed = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
        assert "compliance" in streamed
        assert SECRET not in streamed
        assert chunks[-1].choices[0].finish_reason == "stop"
        assert chunks[-1].to_dict()["held"]["state"] == "waiting"  # type: ignore[index]

        response = client.responses.create(model="app/advice", input=QUESTION)
        assert response.status == "queued"
        assert client.responses.retrieve(response.id).status == "queued"
        events = list(client.responses.create(model="app/advice", input=QUESTION, stream=True))
        assert events[-1].type == "response.queued"
        assert all(SECRET not in event.to_json() for event in events)
        with pytest.raises(openai.BadRequestError):
            client.responses.create(model="app/advice", input="Why?", previous_response_id=response.id)
        with pytest.raises(openai.BadRequestError, match="kept"):
            client.chat.completions.create(model="app/advice", messages=messages, store=False)

        receipt = f"rcpt_{response.id.removeprefix('resp_')}"
        edit = (
            "held",
            "edit",
            receipt,
            "--text",
            "请看说明：绿茶用八十度的水冲泡，三分钟即可。[1]",
            "--why",
            "出处",
        )
        assert catenary(folder, *edit).returncode == 0
        told_again = client.responses.retrieve(response.id)
        assert (told_again.status, told_again.output_text) == ("completed", edit[4])
        [part] = told_again.output[0].content  # type: ignore[union-attr]
        place: Any = part.annotations[0]  # type: ignore[union-attr]
        assert told_again.output_text[place.start_index : place.end_index] == "[1]"
        first = client.chat.completions.retrieve(chunks[0].id)
        assert first.to_dict()["held"]["state"] == "waiting"  # type: ignore[index]
        assert catenary(folder, "held", "refuse", f"rcpt_{first.id[9:]}", "--why", "请问医生").returncode == 0
        refused = client.chat.completions.retrieve(chunks[0].id)
        assert refused.choices[0].message.refusal == "请问医生"
        assert refused.choices[0].message.content is None


def test_what_the_guard_blocks_is_not_held(folder: Path) -> None:
    with serving(folder) as service, service.http() as http:
        told_now = asked(http, "冷萃要浸泡多久？")
        assert told_now["choices"][0]["finish_reason"] == "content_filter"
        assert not told_now["choices"][0]["message"]["content"]
        assert "held" not in told_now
        assert "八小时" not in http.get(f"/v1/receipts/{told_now['receipt']['id']}").text
        assert asked(http, model="app/notes")["choices"][0]["message"]["content"].startswith(DRAFT)
    assert json.loads(catenary(folder, "held", "list", "--json").stdout) == []


def test_it_is_asked_and_shown_in_the_terminal(folder: Path) -> None:
    said = catenary(folder, "ask", "advice", QUESTION, "--unreleased")
    assert SECRET not in said.stdout
    [receipt] = set(re.findall(r"rcpt_[0-9a-f]{32}", said.stdout))
    assert f"catenary held show {receipt}" in said.stdout
    assert "waits for" in catenary(folder, "trace", receipt).stdout


def test_a_table_is_filled_in_once_its_answers_are_signed(folder: Path) -> None:
    (folder / "in.csv").write_text(f"question\n{QUESTION}\nHow do I brew coffee?\n", "utf-8")
    apply = ("apply", "advice", "in.csv", "out.csv", "--unreleased", "--json")
    said = json.loads(catenary(folder, *apply).stdout)
    assert (said["answered"], said["waiting"]) == (2, 2)
    first, second = table(folder / "out.csv")
    assert (first["answer"], second["answer"]) == ("", "")
    catenary(folder, "held", "approve", first["receipt"]).check_returncode()
    assert json.loads(catenary(folder, *apply).stdout)["waiting"] == 1
    filled, left = table(folder / "out.csv")
    assert filled["answer"].startswith(DRAFT)
    assert filled["receipt"] == first["receipt"]
    assert left == second


def held_one(folder: Path, key_id: str | None = None) -> str:
    """The receipt of a question that waits, as if this key had asked."""

    async def ask(made: Gateway) -> str:
        async with in_process(made, "app/advice") as asking:
            writing = asking([{"role": "user", "content": QUESTION}])
            await writing.whole()
            assert writing.receipt is not None
            return writing.receipt.id

    chain = load(folder / "catenary.yaml", STAGES)
    with store_of(folder) as store:
        receipt = asyncio.run(ask(gateway(chain, store, unreleased=True)))
        with store.writing() as connection:
            mine = update(receipts).where(receipts.c.id == receipt)
            connection.execute(mine.values(key_id=key_id))
    return receipt


def people(store: Store, **roles: str) -> None:
    """ada holds all roles; others those named, with spaces between."""
    with recording(store.engine, store.home) as log:
        claim(log, "ada")
        for person, names in roles.items():
            for name in names.split():
                grant(log, person, name, by="ada")


def test_only_who_holds_the_role_and_did_not_ask_may_sign(folder: Path) -> None:
    receipt = held_one(folder)
    with store_of(folder) as store:
        people(store, bob="business", eve="compliance")
        with recording(store.engine, store.home) as log:
            key, _ = make_api_key(log, name="eve", by="ada", role="compliance")
        for person in ("bob", "nobody"):
            with pytest.raises(Refused, match="does not hold"):
                decide(store, receipt, "approved", person=person, key_name=person)
        assert told(store, receipt)["outcome"] == "held"
        decide(store, receipt, "approved", person="eve", key_name="eve")
        own = held_one(folder, key.id)
        with pytest.raises(Refused, match="Who asked"):
            decide(store, own, "approved", person="eve", key_name="eve")
        decide(store, own, "refused", why="no", person="ada")


def test_who_signed_the_release_as_its_maker_does_not_check_its_answers(folder: Path) -> None:
    receipt, other = held_one(folder), held_one(folder)
    with store_of(folder) as store:
        people(store, bob="data_engineer compliance", eve="compliance")
        release = store.get(store.artifacts("release")[0].id)
        sign(store, release, "data_engineer", person="bob", key_name="bob")
        with pytest.raises(Refused, match="One person may not sign"):
            decide(store, receipt, "approved", person="bob", key_name="bob")
        decide(store, receipt, "approved", person="eve", key_name="eve")

        move(store, release, "withdrawn", why="wrong leaflet", person="eve")
        with pytest.raises(Refused, match="can only be refused"):
            decide(store, other, "approved", person="eve", key_name="eve")
        with pytest.raises(InvalidInput, match="Why"):
            decide(store, other, "refused", person="eve", key_name="eve")
        decide(store, other, "refused", why="withdrawn", person="eve", key_name="eve")
        assert told(store, other)["outcome"] == "refused"


@pytest.mark.parametrize(
    "tamper",
    [
        lambda body: {**body, "answers": [{**body["answers"][0], "text": "Drink it cold."}]},
        lambda body: {
            **body,
            "made": {**body["made"], "sign_off": {**body["made"]["sign_off"], "person": "x"}},
        },
        lambda body: {**body, "made": {key: body["made"][key] for key in ("app", "risk")}},
    ],
)
def test_what_was_not_signed_is_not_told(folder: Path, tamper: Callable[[Any], Any]) -> None:
    receipt = held_one(folder)
    with store_of(folder) as store:
        decide(store, receipt, "approved")
        body = told(store, receipt)
        with store.writing() as connection:
            mine = update(receipts).where(receipts.c.id == receipt)
            connection.execute(mine.values(body=tamper(body)))
        with pytest.raises(Damaged):
            told(store, receipt)


def test_a_decision_past_the_audit_log_is_found_and_a_revoked_key_counts_no_more(folder: Path) -> None:
    receipt, other = held_one(folder), held_one(folder)
    with store_of(folder) as store:
        decide(store, receipt, "approved")
        with store.writing() as connection:
            mine = update(held_answers).where(held_answers.c.receipt_id == other)
            connection.execute(mine.values(decision="approved", person="mallory"))
        with store.reading() as connection:
            assert [one.about for one in contradictions(connection)] == [f"answer {other}"]
            [key] = known_keys(connection)
        with pytest.raises(Damaged):
            told(store, other)
        with recording(store.engine, store.home) as log:
            revoke_key(log, key.id, by="ada", why="lost")
        with pytest.raises(Damaged):
            told(store, receipt)


def test_texts_that_go_take_the_draft_along(folder: Path) -> None:
    with serving(folder) as service, service.http() as http:
        response = http.post("/v1/responses", json={"model": "app/advice", "input": QUESTION}).json()
        receipt = response["receipt"]["id"]
        assert http.delete(f"/v1/responses/{response['id']}").json()["deleted"] is True
        assert http.get(f"/v1/responses/{response['id']}").status_code == 404
    kept = held_one(folder)
    with store_of(folder) as store:
        for gone in (receipt, kept):
            if gone == kept:
                decide(store, kept, "approved")
                assert store.held(kept).draft is not None  # type: ignore[union-attr]
                while store.forget_texts(store.receipt(kept).at.replace(year=9999)):
                    pass
            held = store.held(gone)
            assert held is not None
            assert held.draft is None
        assert told(store, kept)["answers"][0]["text"] is None
        with pytest.raises(Refused, match="waits no more"):
            decide(store, receipt, "approved")


def test_erasing_a_document_takes_what_waits_on_it(folder: Path) -> None:
    receipt = held_one(folder)
    with store_of(folder) as store:
        document = store.held(receipt).draft["made"]["citations"][0]["document"]  # type: ignore[union-attr, index]
    erased = catenary(folder, "erase", "run", f"doc:{document}", "--why", "asked on 3 May")
    assert erased.returncode == 0, erased.stderr
    with store_of(folder) as store:
        held = store.held(receipt)
        assert held is not None
        assert (held.draft, held.decision) == (None, "forgotten")
    assert catenary(folder, "held", "approve", receipt).returncode != 0
    assert catenary(folder, "audit", "verify").returncode == 0


def page(http: httpx.Client, path: str) -> str:
    answer = http.get(path)
    assert answer.status_code == 200, answer.text
    return answer.text


def test_it_is_signed_in_the_console(folder: Path) -> None:
    with serving(folder) as service, service.http() as http:
        waiting = asked(http)
        receipt = waiting["receipt"]["id"]
        http.headers["accept-language"] = "zh"
        assert QUESTION in page(http, "/console/held")
        assert "待签回答" in page(http, "/console/held")
        shown = page(http, f"/console/held/{receipt}")
        assert DRAFT in shown
        assert "tea.md" in shown
        token = re.findall(r'name="token" value="([^"]+)"', shown)[0]
        form = {"token": token, "decision": "edited", "text": "八十度。\r\n三分钟。", "why": ""}
        assert http.post(f"/console/held/{receipt}", data=form).status_code >= 400  # no reason
        assert http.post(f"/console/held/{receipt}", data={**form, "token": "x"}).status_code >= 400
        done = http.post(f"/console/held/{receipt}", data={**form, "why": "更短"})
        assert done.status_code == 303, done.text
        shown = page(http, f"/console/held/{receipt}")
        assert "更短" in shown
        assert 'name="decision"' not in shown
        answer = http.get(waiting["held"]["url"]).json()
        assert answer["choices"][0]["message"]["content"] == "八十度。\n三分钟。"
        assert answer["held"]["state"] == "edited"


def test_the_console_shows_the_queue_to_the_role_alone(folder: Path) -> None:
    receipt = held_one(folder)
    with store_of(folder) as store:
        people(store, bob="business", eve="compliance")
        with recording(store.engine, store.home) as log:
            secrets = {
                name: make_api_key(log, name=name, by="ada", role=role)[1]
                for name, role in (("bob", "business"), ("eve", "compliance"))
            }
    with serving(folder) as service:
        for name, sees in (("bob", False), ("eve", True)):
            with entered(service, secrets[name]) as http:
                assert (receipt[:17] in page(http, "/console/held")) is sees
                shown = http.get(f"/console/held/{receipt}")
                assert (shown.status_code == 200) is sees
                if sees:
                    token = re.findall(r'name="token" value="([^"]+)"', shown.text)[0]
                    form = {"token": token, "decision": "approved", "why": ""}
                    assert http.post(f"/console/held/{receipt}", data=form).status_code == 303
    with store_of(folder) as store:
        assert told(store, receipt)["made"]["sign_off"]["person"] == "eve"


@contextmanager
def entered(service: Serving, secret: str) -> Iterator[httpx.Client]:
    with service.http() as http:
        assert http.post("/console/login", data={"key": secret}).status_code == 303
        yield http


@pytest.mark.parametrize(("setting", "said"), [("sign_off: complience", "compliance")])
def test_an_unknown_role_is_named(folder: Path, setting: str, said: str) -> None:
    file = folder / "catenary.yaml"
    file.write_text(file.read_text("utf-8").replace("sign_off: compliance", setting), "utf-8")
    refused = catenary(folder, "check")
    assert refused.returncode != 0
    assert said in refused.stderr
