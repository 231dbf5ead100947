"""Keys over HTTP, of a real home: who may ask what, how fast, how much, until when; and all of it after a restart."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.serve.chains import (
    Serving,
    make_key,
    receipts,
    revoke,
    serving,
    today_changed,
    upstream,
    usage,
    write_chain,
)
from tests.serve.test_listen import wait_for
from tests.serve.upstream_server import UpstreamServer

SAY: Any = [{"role": "user", "content": "go on"}]
TOKENS = 5 + 4  # what an answer of four words costs at the other server


@pytest.fixture(scope="module")
def there() -> Iterator[UpstreamServer]:
    with UpstreamServer() as one:
        yield one


def chain(folder: Path, there: UpstreamServer) -> Path:
    endpoints = {"words": upstream(there.url), "other": upstream(there.url)}
    return write_chain(folder, endpoints=endpoints, plans={"standard": {"output_per_1000": 1.0}})


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, there: UpstreamServer) -> Iterator[Serving]:
    folder = chain(tmp_path_factory.mktemp("keyed"), there)
    make_key(folder)
    with serving(folder) as one:
        yield one


def chat(client: openai.OpenAI, model: str = "words", **more: Any) -> Any:
    return client.chat.completions.create(model=model, messages=SAY, max_tokens=4, **more)


def stands(gateway: Serving, secret: str) -> bool:
    """Whether a key is taken."""
    with gateway.http(secret) as http:
        return http.get("/v1/models").status_code == 200


def test_without_a_key_that_stands_it_is_401(gateway: Serving) -> None:
    with gateway.http() as http:
        for authorization in (None, "", "Bearer", "Bearer ck-1-x", "Basic Y2s6eA==", "Bearer é"):
            headers = {} if authorization is None else {"Authorization": authorization.encode()}
            for method, path in (
                ("GET", "/v1/models"),
                ("POST", "/v1/chat/completions"),
                ("GET", "/metrics"),
            ):
                told = http.request(method, path, headers=headers)
                assert told.status_code == 401
                assert told.json()["error"]["code"] == "invalid_api_key"
                assert told.headers["www-authenticate"] == "Bearer"
                assert told.headers["x-request-id"].startswith("req_")
        assert http.get("/health").status_code == http.get("/ready").status_code == 200
    with pytest.raises(openai.AuthenticationError) as refused:
        chat(gateway.client("ck-wrong"))
    assert (refused.value.type, refused.value.code) == ("authentication_error", "invalid_api_key")


def test_a_key_made_while_it_serves_counts_and_one_revoked_does_not(gateway: Serving) -> None:
    id, secret = make_key(gateway.folder)
    wait_for(lambda: stands(gateway, secret), 60)
    revoke(gateway.folder, id)
    wait_for(lambda: not stands(gateway, secret), 60)


def test_a_key_ends_with_its_time(gateway: Serving) -> None:
    _, over = make_key(gateway.folder, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    ends = datetime.now(UTC) + timedelta(seconds=8)
    _, short = make_key(gateway.folder, expires_at=ends)
    _, long = make_key(gateway.folder, expires_at=datetime.now(UTC) + timedelta(days=1))
    wait_for(lambda: stands(gateway, long), 60)
    assert not stands(gateway, over)
    while datetime.now(UTC) < ends:
        time.sleep(0.1)
    assert not stands(gateway, short)
    assert stands(gateway, long)


def test_a_key_for_some_models_sees_and_asks_only_those(gateway: Serving) -> None:
    _, secret = make_key(gateway.folder, models=["words"])
    wait_for(lambda: stands(gateway, secret), 60)
    client = gateway.client(secret)
    assert [one.id for one in client.models.list().data] == ["words"]
    assert chat(client).choices
    with pytest.raises(openai.PermissionDeniedError) as refused:
        chat(client, "other")
    assert (refused.value.type, refused.value.param) == ("permission_error", "model")
    with pytest.raises(openai.PermissionDeniedError):
        client.models.retrieve("other")
    with pytest.raises(openai.NotFoundError) as unknown:
        chat(client, "no such")
    assert unknown.value.code == "model_not_found"


def test_who_asks_too_fast_is_told_when_to_come_again(gateway: Serving, there: UpstreamServer) -> None:
    _, secret = make_key(gateway.folder, requests_per_minute=2)
    wait_for(lambda: stands(gateway, secret), 60)
    client = gateway.client(secret)
    refused = None
    for _ in range(30):  # a slow machine may let some more in meanwhile
        try:
            chat(client)
        except openai.RateLimitError as error:
            refused = error
            break
    assert refused is not None
    assert (refused.type, refused.code) == ("rate_limit_error", "rate_limit_exceeded")
    assert 1 <= int(refused.response.headers["retry-after"]) <= 120
    assert "x-should-retry" not in refused.response.headers
    assert stands(gateway, secret)  # looking at the models costs nothing


def test_a_spent_budget_is_told_once_and_hammered_by_nobody(gateway: Serving, there: UpstreamServer) -> None:
    began = datetime.now(UTC)
    id, secret = make_key(gateway.folder, tokens_per_day=TOKENS + 1)
    wait_for(lambda: stands(gateway, secret), 60)
    client = gateway.client(secret, retries=2)
    chat(client)
    list(chat(client, stream=True))  # one token was left, so it was let in
    there.forget()
    with pytest.raises(openai.RateLimitError) as spent:
        chat(client)
    if today_changed(began):
        return
    assert (spent.value.type, spent.value.code) == ("insufficient_quota", "insufficient_quota")
    assert spent.value.response.headers["x-should-retry"] == "false"
    assert there.asked == []
    assert usage(gateway.folder)[id, "words"] == (2, 2 * TOKENS)


def test_receipts_are_their_keys_and_auditors_see_all(gateway: Serving) -> None:
    _, mine = make_key(gateway.folder)
    _, another = make_key(gateway.folder)
    _, auditor = make_key(gateway.folder, role="compliance")
    _, silent = make_key(gateway.folder, keep_texts=False)
    wait_for(lambda: stands(gateway, silent), 60)
    path = f"/v1/receipts/{chat(gateway.client(mine)).receipt['id']}"
    for secret, status in ((mine, 200), (another, 404), (auditor, 200)):
        with gateway.http(secret) as http:
            assert http.get(path).status_code == http.get(f"{path}/trace").status_code == status
            body = {"receipt": path.rsplit("/", 1)[1], "kind": "thumb", "value": True}
            assert http.post("/v1/feedback", json=body).status_code == status
    chat(gateway.client(silent))
    kept = receipts(gateway.folder)[-1]
    assert kept["asked"]["messages"] is None
    assert kept["answers"][0]["text"] is None
    assert len(kept["asked"]["sha256"]) == 64


def test_responses_are_their_keys_and_survive_a_restart(tmp_path: Path, there: UpstreamServer) -> None:
    folder = chain(tmp_path, there)
    _, mine = make_key(folder)
    _, another = make_key(folder)
    _, auditor = make_key(folder, role="compliance")
    with serving(folder) as first:
        told = first.client(mine).responses.create(model="words", input="go on", max_output_tokens=4)
        first.process.kill()
        first.process.wait()
    with serving(folder) as second:
        assert second.client(mine).responses.retrieve(told.id) == told
        with pytest.raises(openai.NotFoundError):
            second.client(another).responses.retrieve(told.id)
        assert second.client(auditor).responses.retrieve(told.id) == told
        with pytest.raises(openai.PermissionDeniedError):
            second.client(auditor).responses.delete(told.id)
        second.client(mine).responses.delete(told.id)
    with serving(folder) as third, pytest.raises(openai.NotFoundError):
        third.client(mine).responses.retrieve(told.id)


def test_a_key_reads_its_own_usage_and_who_bills_all(gateway: Serving) -> None:
    began = datetime.now(UTC)
    id, mine = make_key(gateway.folder)
    other, another = make_key(gateway.folder)
    _, clerk = make_key(gateway.folder, role="business")
    _, developer = make_key(gateway.folder, role="app_developer")
    wait_for(lambda: stands(gateway, developer), 60)
    chat(gateway.client(mine))
    chat(gateway.client(another))
    used = {"model": "words", "requests": 1, "input_tokens": 5, "output_tokens": TOKENS - 5, "key": id}
    for secret, sees in ((mine, {id}), (another, {other}), (clerk, {id, other}), (developer, set())):
        with gateway.http(secret) as http:
            rows = http.get("/v1/usage").json()["data"]
            assert {row["key"] for row in rows} & {id, other} == sees
            if id in sees:
                [row] = [row for row in rows if row["key"] == id]
                assert used.items() <= row.items()
                table = http.get("/v1/usage", params={"key": id, "format": "csv"})
                assert table.headers["content-type"] == "text/csv; charset=utf-8"
                head, line = table.text.splitlines()
                assert dict(zip(head.split(","), line.split(","), strict=True))["key"] == id
            tomorrow = (began + timedelta(days=2)).date().isoformat()
            assert http.get("/v1/usage", params={"since": tomorrow}).json()["data"] == []
            for wrong in ("since=x", "format=xml", "page=2"):
                refused = http.get(f"/v1/usage?{wrong}")
                assert (refused.status_code, refused.json()["error"]["param"]) == (400, wrong.split("=")[0])


def test_what_was_counted_is_still_there_after_a_kill(tmp_path: Path, there: UpstreamServer) -> None:
    began = datetime.now(UTC)
    folder = chain(tmp_path, there)
    id, secret = make_key(folder, tokens_per_day=3 * TOKENS)
    with serving(folder) as first:
        told = [chat(first.client(secret)) for _ in range(2)]
        first.process.kill()
        first.process.wait()
    with serving(folder) as second:
        client = second.client(secret)
        with second.http(secret) as http:
            for one in told:
                kept = http.get(f"/v1/receipts/{one.receipt['id']}").json()
                assert (kept["key"], kept["outcome"], kept["tokens"]) == (id, "complete", TOKENS)
        chat(client)
        if not today_changed(began):
            with pytest.raises(openai.RateLimitError) as spent:
                chat(client)
            assert spent.value.code == "insufficient_quota"
        with pytest.raises(openai.AuthenticationError):
            chat(second.client("none"))
    assert usage(folder)[id, "words"] == (3, 3 * TOKENS)
    assert len(receipts(folder)) == 3
