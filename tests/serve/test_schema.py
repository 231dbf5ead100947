"""What /openapi.json says, asked in every way that fits and in every way that does not: nothing makes a fault."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode

from tests.serve.conftest import Server, Start

STATUSES = {200, 400, 401, 403, 404, 405, 413, 415, 422, 429, 503}
TASKS = {
    "/v1/classify": "sentiment",
    "/v1/embeddings": "vectors",
    "/v1/tag": "tagger",
    "/v1/translate": "translator",
}


@pytest.fixture(scope="module")
def server(start: Start) -> Server:
    return start(writer=True, others=True, max_tokens=4, deadline_seconds=20)


def answered(server: Server) -> dict[str, str]:
    """Parameter of a path → an id that is there."""
    ask = {"model": "writer", "max_tokens": 2, "messages": [{"role": "user", "content": "quick"}]}
    with server.client() as http:
        chat = http.post("/v1/chat/completions", json=ask).json()
        response = http.post("/v1/responses", json={"model": "writer", "input": "quick"}).json()
    receipt = chat["receipt"]["id"]
    return {
        "completion_id": chat["id"],
        "response_id": response["id"],
        "receipt_id": receipt,
        "name": "writer",
    }


def api(server: Server) -> Any:
    with server.client() as http:
        document = http.get("/openapi.json").json()
    known_ids = answered(server)
    for path, operations in document["paths"].items():
        for operation in operations.values():
            for parameter in operation.get("parameters", ()):
                if parameter["name"] in known_ids:
                    parameter["schema"] = {"enum": [known_ids[parameter["name"]], "none"]}
            body = operation.get("requestBody")
            if body is not None:  # a model that is there, so that what is asked reaches the engine
                known = body["content"]["application/json"]["schema"]["properties"]
                if "model" in known:
                    known["model"] = {"enum": [TASKS.get(path, "writer")]}
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=server.url)
    return schema


def test_the_document_holds_all_that_it_refers_to(server: Server) -> None:
    with server.client() as http:
        text = http.get("/openapi.json").text
    document = json.loads(text)
    assert "$defs" not in text
    for name in re.findall(r'"#/components/schemas/([^"]+)"', text):
        assert name in document["components"]["schemas"]
    assert {"/v1/chat/completions", "/v1/responses", "/v1/tag"} <= set(document["paths"])


@pytest.mark.slow
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_nothing_that_is_asked_makes_a_fault(server: Server, mode: GenerationMode) -> None:
    schema = api(server)
    asked: list[str] = []
    expected = set()
    for found in schema.get_all_operations():
        operation = found.ok()
        raw = operation.definition.raw
        queries = any(one["in"] == "query" for one in raw.get("parameters", ()))
        if mode is GenerationMode.NEGATIVE and not (raw.get("requestBody") or queries):
            continue  # any text is a path: there is nothing to get wrong
        expected.add(operation.path)

        @settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck), database=None)
        @given(case=operation.as_strategy(generation_mode=mode))
        def ask(case: Any) -> None:
            answer = case.call(timeout=60)
            asked.append(case.operation.path)
            assert answer.status_code in STATUSES, (
                case.operation.path,
                answer.status_code,
                answer.text[:500],
            )
            if answer.status_code != 200:
                error = json.loads(answer.text)["error"]
                assert set(error) == {"message", "type", "param", "code"}

        ask()
    assert set(asked) == expected
    assert {"/v1/chat/completions", "/v1/responses", "/v1/tag", "/v1/translate", "/v1/usage"} <= expected
    with server.client() as http:
        assert http.get("/ready").status_code == 200
