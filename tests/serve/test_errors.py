"""Whatever is wrong, the answer is in the envelope and the server lives on."""

from __future__ import annotations

import gzip
import json
import socket
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.serve.conftest import Server

JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def http(server: Server) -> httpx.Client:
    return server.client()


def told(response: httpx.Response, status: int) -> dict[str, Any]:
    """The error in the envelope, checked to be in shape."""
    assert response.status_code == status, response.text
    assert response.headers["x-request-id"].startswith("req_")
    assert response.headers["content-type"] == "application/json"
    (error,) = response.json().values()
    assert list(error) == ["message", "type", "param", "code"]
    assert error["message"]
    assert "Traceback" not in response.text
    return dict(error)


def classify(http: httpx.Client, **body: Any) -> httpx.Response:
    return http.post("/v1/classify", json=body)


@pytest.mark.parametrize("path", ["/", "/v1", "/v2/models", "/v1/models/", "/docs", "/v1/%00", "/v1/chat"])
def test_unknown_addresses(http: httpx.Client, path: str) -> None:
    assert told(http.get(path), 404)["code"] in ("not_found", "model_not_found")


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/v1/classify"), ("DELETE", "/v1/models"), ("BREW", "/health")]
)
def test_wrong_methods(http: httpx.Client, method: str, path: str) -> None:
    response = http.request(method, path)
    assert told(response, 405)["code"] == "method_not_allowed"
    assert response.headers["allow"] in ("POST", "GET")


def test_unknown_models_and_receipts(http: httpx.Client) -> None:
    assert told(classify(http, model="nothing", input="好"), 404) == {
        "message": "There is no model named nothing.",
        "type": "invalid_request_error",
        "param": "model",
        "code": "model_not_found",
    }
    for name in ("rcpt_" + "0" * 32, "rcpt_1", "../../etc/passwd", "%00", "x" * 5000):
        for path in (f"/v1/receipts/{name}", f"/v1/receipts/{name}/trace"):
            assert told(http.get(path), 404)["code"] in ("receipt_not_found", "not_found")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"input": "好"}, "model"),
        ({"model": "sentiment"}, "input"),
        ({"model": 3, "input": "好"}, "model"),
        ({"model": "", "input": "好"}, "model"),
        ({"model": "x" * 201, "input": "好"}, "model"),
        ({"model": "sentiment", "input": None}, "input"),
        ({"model": "sentiment", "input": {"text": "好"}}, "input"),
        ({"model": "sentiment", "input": ["好", 3]}, "input.1"),
        ({"model": "sentiment", "input": []}, "input"),
        ({"model": "sentiment", "input": ["好"] * 21}, "input"),
        ({"model": "sentiment", "input": ""}, "input"),
        ({"model": "sentiment", "input": ["好", " \n"]}, "input"),
        ({"model": "sentiment", "input": "好", "top_k": 0}, "top_k"),
        ({"model": "sentiment", "input": "好", "top_k": True}, "top_k"),
        ({"model": "sentiment", "input": "好", "top_k": 1.0}, "top_k"),
        ({"model": "sentiment", "input": "好", "topk": 1}, "topk"),
        ({"model": "sentiment", "input": "好", "": 1}, ""),
    ],
)
def test_wrong_parameters_are_named(http: httpx.Client, body: dict[str, Any], param: str) -> None:
    error = told(classify(http, **body), 400)
    assert (error["type"], error["param"]) == ("invalid_request_error", param)


def test_an_unknown_key_names_the_nearest(http: httpx.Client) -> None:
    assert "top_k" in told(classify(http, model="sentiment", input="好", topk=1), 400)["message"]


def test_a_text_that_is_too_long(http: httpx.Client) -> None:
    error = told(classify(http, model="sentiment", input="好" * 1001), 400)
    assert (error["code"], error["param"]) == ("context_length_exceeded", "input")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"3",
        b'"text"',
        b"\xff\xfe{}",
        b"\xef\xbb\xbf{}",
        b'{"model": "sentiment", "input": "\x00"}',
        b'{"model": "sentiment", "input": "\xed\xa0\x80"}',
        b'{"model": "sentiment", "input": "\\ud83d"}',
        b'{"model": "sentiment", "input": "\\uDE00\\uD83D"}',
        b'{"model": "\\ud83d", "input": "a"}',
        b'{"\\ud83d": 1}',
        b'{"model": "sentiment", "input": "a", "top_k": NaN}',
        b'{"model": "sentiment", "input": "a", "top_k": Infinity}',
        b'{"model": "sentiment", "input": "a", "top_k": -Infinity}',
        b'{"model": "sentiment", "input": "a", "top_k": 1e309}',
        b'{"model": "sentiment", "input": "a", "top_k": ' + b"9" * 5000 + b"}",
        b'{"model": "sentiment", "input": "a", "input": "b"}',
        b'{"model": "sentiment", "input": ' + b"[" * 45_000 + b"]" * 45_000 + b"}",
        b'{"a":' * 15_000 + b"1" + b"}" * 15_000,
    ],
    ids=lambda body: str(body[:60]),
)
def test_hostile_json(http: httpx.Client, body: bytes) -> None:
    assert told(http.post("/v1/classify", content=body, headers=JSON), 400)["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    "input",
    ["\\u0000", "\\ud83d\\ude00", "\\uD83D\\uDE00", "\\u202e", "\\\\ud83d", "\\uffff"],
)
def test_odd_but_valid_json_is_answered(http: httpx.Client, input: str) -> None:  # noqa: A002 - the key's name
    body = '{"model": "sentiment", "input": "' + input + '", "top_k": 1000000}'
    assert http.post("/v1/classify", content=body.encode(), headers=JSON).status_code == 200


def test_bodies_that_are_too_large(http: httpx.Client) -> None:
    ten_megabytes = b'{"model": "sentiment", "input": "' + b"g" * 10_000_000 + b'"}'
    assert (
        told(http.post("/v1/classify", content=ten_megabytes, headers=JSON), 413)["code"]
        == "request_too_large"
    )

    def chunks() -> Any:
        for start in range(0, len(ten_megabytes), 50_000):
            yield ten_megabytes[start : start + 50_000]

    assert told(http.post("/v1/classify", content=chunks(), headers=JSON), 413)["code"] == "request_too_large"


def test_compressed_bodies_are_not_opened(http: httpx.Client) -> None:
    bomb = gzip.compress(b" " * 10_000_000)
    response = http.post("/v1/classify", content=bomb, headers={**JSON, "content-encoding": "gzip"})
    assert told(response, 415)["code"] == "unsupported_media_type"


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]
)
def test_only_json_is_taken(http: httpx.Client, kind: str) -> None:
    content = json.dumps({"model": "sentiment", "input": "好"})
    response = http.post("/v1/classify", content=content, headers={"content-type": kind})
    assert told(response, 415)["code"] == "unsupported_media_type"


@pytest.mark.parametrize("text", ["crash", "unsaved", "lost"])
def test_a_fault_tells_nothing_of_the_inside(server: Server, http: httpx.Client, text: str) -> None:
    before = (
        (server.folder / "receipts.jsonl").read_text() if (server.folder / "receipts.jsonl").exists() else ""
    )
    response = classify(http, model="kept", input=text)
    error = told(response, 500)
    assert (error["type"], error["code"]) == ("server_error", None)
    assert "secret" not in response.text
    log = (server.folder / "stderr").read_text()
    assert response.headers["x-request-id"] + ": a fault" in log
    assert "secret" in log
    after = (
        (server.folder / "receipts.jsonl").read_text() if (server.folder / "receipts.jsonl").exists() else ""
    )
    assert before == after
    assert http.get("/ready").status_code == 200


@pytest.mark.parametrize(
    "raw",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: " + b"y" * 1_000_000 + b"\r\n\r\n",
        b"POST /v1/classify HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
        b"POST /v1/classify HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
    ],
    ids=lambda raw: str(raw[:40]),
)
def test_what_is_no_http_gets_the_envelope_too(server: Server, http: httpx.Client, raw: bytes) -> None:
    head, body = spoken(server, raw)
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"x-request-id: req_" in head
    assert json.loads(body)["error"]["type"] == "invalid_request_error"
    assert http.get("/health").status_code == 200


def test_a_body_cut_off_by_nonsense_does_no_harm(server: Server, http: httpx.Client) -> None:
    spoken(
        server,
        b"POST /v1/classify HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}",
    )
    assert http.get("/ready").status_code == 200


def spoken(server: Server, raw: bytes) -> tuple[bytes, bytes]:
    """Head and body of the answer to raw bytes."""
    host, port = server.url.removeprefix("http://").split(":")
    answer = b""
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        try:
            connection.sendall(raw)
            while block := connection.recv(65536):
                answer += block
        except ConnectionError:
            pass
    head, _, body = answer.partition(b"\r\n\r\n")
    return head, body


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(st.sampled_from(["model", "input", "top_k", "x", "\x00"]), json_values)
    | st.fixed_dictionaries({"model": st.just("sentiment"), "input": json_values})
    | json_values
)
def test_no_json_body_makes_a_fault(http: httpx.Client, value: Any) -> None:
    response = http.post("/v1/classify", content=json.dumps(value).encode(), headers=JSON)
    if response.status_code != 200:
        assert response.status_code in (400, 404)
        told(response, response.status_code)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=100))
def test_no_bytes_make_a_fault(http: httpx.Client, body: bytes) -> None:
    told(http.post("/v1/classify", content=body, headers=JSON), 400)
