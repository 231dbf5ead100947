"""The log as lines of JSON: whole, one a request, and without a word of what was asked or answered."""

from __future__ import annotations

import json
from pathlib import Path

from tests.serve.chains import make_key, serving, upstream, write_chain
from tests.serve.test_listen import wait_for
from tests.serve.upstream_server import UpstreamServer


def test_each_request_is_a_line_without_its_text(tmp_path: Path) -> None:
    with UpstreamServer() as there:
        folder = write_chain(tmp_path, endpoints={"words": upstream(there.url, retries=0)})
        id, secret = make_key(folder)
        with serving(folder, "--log-json") as gateway:
            body = {"model": "words", "messages": [{"role": "user", "content": "xyzzy"}], "max_tokens": 2}
            with gateway.http(secret) as http:
                again = {"x-stainless-retry-count": "2"}
                told = http.post("/v1/chat/completions", json=body, headers=again)
                assert told.status_code == 200
                there.next("drop")
                assert http.post("/v1/chat/completions", json=body).status_code == 503
                http.get("/v1/models/a%22%0A%7B%22b")
            with gateway.http() as nobody:
                assert nobody.get("/v1/models").status_code == 401
            wait_for(lambda: gateway.log.count('"answered"') >= 4)
            lines = [json.loads(line) for line in gateway.log.splitlines()]
    asked = [one for one in lines if one["message"] == "answered" and one["path"] != "/ready"]
    assert [(one["status"], one["key"], one["retry"]) for one in asked] == [
        (200, id, 2),
        (503, id, 0),
        (404, id, 0),
        (401, None, 0),
    ]
    assert asked[0]["request"] == told.headers["x-request-id"]
    assert asked[0]["path"] == "/v1/chat/completions"
    text = json.dumps(lines)
    assert "xyzzy" not in text
    assert "word word" not in text
    assert secret not in text
