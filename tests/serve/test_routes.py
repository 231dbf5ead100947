"""What a client asks and is told, over real HTTP."""

from __future__ import annotations

import hashlib
import json
import time

import httpx
import openai
import pytest

from tests.serve.conftest import Server


@pytest.fixture
def http(server: Server) -> httpx.Client:
    return server.client()


def test_the_openai_client_lists_the_models(server: Server) -> None:
    client = openai.OpenAI(base_url=f"{server.url}/v1", api_key="none")
    models = {model.id: model for model in client.models.list()}
    assert list(models) == ["sentiment", "slow", "kept", "words"]
    one = client.models.retrieve("sentiment")
    assert one == models["sentiment"]
    assert (one.object, one.created, one.owned_by) == ("model", 1_760_000_000, "catenary")


def test_the_openai_client_reads_our_errors(server: Server) -> None:
    client = openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0)
    with pytest.raises(openai.NotFoundError) as missing:
        client.models.retrieve("nothing")
    assert (missing.value.code, missing.value.type) == ("model_not_found", "invalid_request_error")
    assert str(missing.value.request_id).startswith("req_")
    with pytest.raises(openai.BadRequestError) as bad:
        client.post("/classify", body={"model": "sentiment"}, cast_to=object)
    assert bad.value.param == "input"


def test_one_text(http: httpx.Client) -> None:
    response = http.post("/v1/classify", json={"model": "sentiment", "input": "好书"})
    told = response.json()
    assert response.status_code == 200
    assert response.headers["x-catenary-release-status"] == "released"
    assert response.headers["x-request-id"].startswith("req_")
    assert (told["object"], told["model"]) == ("list", "sentiment")
    assert told["usage"] == {"prompt_tokens": 4, "total_tokens": 4}
    (one,) = told["data"]
    assert (one["index"], one["label"], one["truncated"]) == (0, "positive", False)
    assert [score["label"] for score in one["scores"]] == ["positive", "negative"]
    assert told["receipt"] == {
        "id": told["id"],
        "trace_url": f"/v1/receipts/{told['id']}/trace",
        "status": "released",
    }


def test_several_texts_and_top_k(http: httpx.Client) -> None:
    body = {"model": "sentiment", "input": ["好", "差"], "top_k": 1}
    data = http.post("/v1/classify", json=body).json()["data"]
    assert [(one["index"], one["label"], len(one["scores"])) for one in data] == [
        (0, "positive", 1),
        (1, "negative", 1),
    ]


def test_an_answer_leaves_a_receipt_with_its_trace(http: httpx.Client) -> None:
    told = http.post("/v1/classify", json={"model": "sentiment", "input": ["好", "书"]}).json()
    receipt = http.get(f"/v1/receipts/{told['id']}").json()
    assert {key: receipt[key] for key in ("id", "task", "endpoint", "release", "status", "model_digest")} == {
        "id": told["id"],
        "task": "classify",
        "endpoint": "sentiment",
        "release": "rel-1",
        "status": "released",
        "model_digest": "d1",
    }
    assert (receipt["app"], receipt["guard"], receipt["tokens"]) == (None, [], 6)
    assert receipt["at"].endswith("+00:00")
    assert receipt["texts"][0]["text"] == "好"
    assert receipt["texts"][0]["sha256"] == hashlib.sha256("好".encode()).hexdigest()
    assert receipt["texts"][0]["label"] == told["data"][0]["label"]
    trace = http.get(told["receipt"]["trace_url"]).json()
    assert trace == {"receipt": told["id"], "release": {"id": "rel-1"}}


def test_an_unreleased_endpoint_says_so_and_keeps_no_text_where_told_so(http: httpx.Client) -> None:
    response = http.post("/v1/classify", json={"model": "slow", "input": "好"})
    assert response.headers["x-catenary-release-status"] == "unreleased"
    assert response.json()["receipt"]["status"] == "unreleased"
    receipt = http.get(f"/v1/receipts/{response.json()['id']}").json()
    assert (receipt["status"], receipt["texts"][0]["text"]) == ("unreleased", None)
    assert len(receipt["texts"][0]["sha256"]) == 64


def test_health_and_ready(http: httpx.Client) -> None:
    assert http.get("/health").json() == {"status": "ok"}
    assert http.get("/ready").json() == {"status": "ready"}


def test_the_openapi_description_is_there(http: httpx.Client) -> None:
    described = http.get("/openapi.json").json()
    schema = described["paths"]["/v1/classify"]["post"]["requestBody"]["content"]["application/json"][
        "schema"
    ]
    assert set(schema["properties"]) == {"model", "input", "top_k"}


def test_log_lines_hold_no_text(server: Server, http: httpx.Client) -> None:
    http.post("/v1/classify", json={"model": "sentiment", "input": "秘密的话"})
    http.get("/v1/models/a%0Ab")
    until = time.monotonic() + 30
    while json.dumps("a\nb")[1:-1] not in (log := (server.folder / "stderr").read_text()):
        assert time.monotonic() < until  # the line is written once the answer is out
        time.sleep(0.1)
    assert "秘密" not in log
