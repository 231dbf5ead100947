"""Answers to questions that mean the same: of the same key and release only, marked, never where it was not meant."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import openai
import pytest

from catenary.serve.cache import Known
from catenary.serve.engine import Delta, Spent, WriteJob
from catenary.serve.semantic_cache import SLOTS, SemanticCache
from tests.serve.chains import Serving, make_key, receipts, serving, upstream, write_chain
from tests.serve.test_keys_http import stands
from tests.serve.test_listen import wait_for
from tests.serve.upstream_server import UpstreamServer

# The other server's vectors tell a text by its length: these two are near, SHORT is far from both.
ONE, OTHER, SHORT = "how long is the chain?", "how long was the chain?", "hm"


@pytest.fixture(scope="module")
def there() -> Iterator[UpstreamServer]:
    with UpstreamServer() as one:
        yield one


def chain(folder: Path, there: UpstreamServer, **semantic: Any) -> Path:
    endpoints = {
        "words": upstream(there.url, retries=0),
        "other": {"upstream": {"urls": [there.url], "model": "another"}},
        "vectors": upstream(there.url, task="embed", retries=0),
    }
    cache = {"semantic": {"endpoint": "vectors", "threshold": 0.99, **semantic}}
    return write_chain(folder, endpoints=endpoints, cache=cache)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, there: UpstreamServer) -> Iterator[Serving]:
    folder = chain(tmp_path_factory.mktemp("semantic"), there)
    make_key(folder)
    with serving(folder) as one:
        yield one


@pytest.fixture
def http(gateway: Serving, there: UpstreamServer) -> Iterator[httpx.Client]:
    """With a key of its own: nothing was asked with it before."""
    _, secret = make_key(gateway.folder)
    wait_for(lambda: stands(gateway, secret), 60)
    there.forget()
    with gateway.http(secret) as client:
        yield client


def ask(http: httpx.Client, text: str, *before: Any, **more: Any) -> httpx.Response:
    messages = [*before, {"role": "user", "content": text}]
    body = {"model": "words", "messages": messages, "max_tokens": 4, "temperature": 0, **more}
    told = http.post("/v1/chat/completions", json=body)
    assert told.status_code == 200, told.text
    return told


def test_a_question_in_other_words_is_answered_again_and_says_so(
    gateway: Serving, http: httpx.Client, there: UpstreamServer
) -> None:
    first, second = ask(http, ONE), ask(http, OTHER)
    assert "x-catenary-cache" not in first.headers
    assert second.headers["x-catenary-cache"] == "semantic"
    assert second.json()["choices"] == first.json()["choices"]
    assert [one["path"] for one in there.asked].count("/v1/chat/completions") == 1
    kept = receipts(gateway.folder)[-1]
    assert kept["cache"] == "semantic"
    assert kept["cached"]["receipt"] == first.json()["receipt"]["id"]
    assert 0.99 <= kept["cached"]["similarity"] <= 1
    assert kept["asked"]["messages"][0][-1]["content"] == OTHER
    assert kept["input_tokens"] == kept["cached_tokens"] == 5
    same = ask(http, ONE)
    assert same.headers["x-catenary-cache"] == "exact"
    streamed = ask(http, OTHER, stream=True, metadata={"a": "b"})
    assert streamed.headers["x-catenary-cache"] == "semantic"
    assert streamed.text.rstrip().endswith("data: [DONE]")
    metrics = http.get("/metrics").text
    assert 'kind="semantic"' in metrics


@pytest.mark.parametrize(
    ("before", "first", "second", "more"),
    [
        ([], ONE, SHORT, {}),
        ([], "take 3 of the chains", "take 5 of the chains", {}),
        ([], ONE, OTHER, {"max_tokens": 3}),
        ([], ONE, OTHER, {"model": "other"}),
        ([], ONE, OTHER, {"temperature": 1}),
        ([], ONE, OTHER, {"temperature": 1, "seed": 3}),
        ([{"role": "system", "content": "Be brief."}], ONE, OTHER, {}),
    ],
    ids=["meaning", "numbers", "settings", "model", "drawn", "seed", "conversation"],
)
def test_what_differs_in_anything_else_is_asked_anew(
    http: httpx.Client, before: list[Any], first: str, second: str, more: dict[str, Any]
) -> None:
    ask(http, first)
    for _ in range(2):
        assert ask(http, second, *before, **more).headers.get("x-catenary-cache") != "semantic"


def test_no_key_is_answered_with_what_another_was_told(gateway: Serving, http: httpx.Client) -> None:
    ask(http, ONE)
    _, another = make_key(gateway.folder)
    wait_for(lambda: stands(gateway, another), 60)
    with gateway.http(another) as other:
        assert ask(other, OTHER).headers.get("x-catenary-cache") != "semantic"


def test_what_opts_out_is_not_remembered(http: httpx.Client) -> None:
    ask(http, ONE, store=False)
    assert ask(http, OTHER).headers.get("x-catenary-cache") != "semantic"


def test_without_vectors_there_are_answers_all_the_same(http: httpx.Client, there: UpstreamServer) -> None:
    there.next(500)  # the vector; then the answer
    assert "x-catenary-cache" not in ask(http, "what does the chain hold?").headers
    assert [one["path"] for one in there.asked] == ["/v1/embeddings", "/v1/chat/completions"]


def test_drawn_answers_and_those_of_all_keys_where_that_is_said(
    tmp_path: Path, there: UpstreamServer
) -> None:
    there.forget()
    folder = chain(tmp_path, there, scope="all", sampled=True)
    _, one = make_key(folder)
    _, other = make_key(folder)
    with serving(folder) as service:
        with service.http(one) as http:
            ask(http, ONE, temperature=1)
        with service.http(other) as http:
            assert ask(http, OTHER, temperature=1).headers["x-catenary-cache"] == "semantic"
        told = openai.OpenAI(base_url=f"{service.url}/v1", api_key=other).responses.create(
            model="words", input=ONE, temperature=1, max_output_tokens=4
        )
        assert told.usage is not None
        assert told.usage.input_tokens_details.cached_tokens == 5


def job(text: str, **settings: Any) -> WriteJob:
    return WriteJob(prompts=([{"role": "user", "content": text}],), settings=settings)


def known(text: str) -> Known:
    return Known((Delta(0, text, 1, (), "stop"),), Spent(1, 1))


def test_the_nearest_is_told_and_a_release_answers_for_itself_alone() -> None:
    cache = SemanticCache("v", threshold=0.9)
    for text, vector in (("a", [1.0, 0.1]), ("b", [1.0, 0.3])):
        question = cache.question("m1", job(text), "k")
        assert question is not None
        cache.put(question, np.array(vector, np.float32), known(text), f"rcpt_{text}")
    asked = cache.question("m1", job("c"), "k")
    assert asked is not None
    near = cache.get(asked, np.array([2.0, 0.5], np.float32))
    assert near is not None
    assert (near.receipt, near.similarity > 0.99) == ("rcpt_b", True)
    assert cache.get(asked, np.array([0.0, 1.0], np.float32)) is None
    other = cache.question("m2", job("c"), "k")
    assert other is not None
    assert cache.get(other, np.array([2.0, 0.5], np.float32)) is None
    cache.clear()
    assert cache.get(asked, np.array([2.0, 0.5], np.float32)) is None


def test_it_stays_within_its_bounds() -> None:
    big = known("x" * 1000)
    cache = SemanticCache("v", most_bytes=10 * big.size)
    draw = np.random.default_rng(17)
    vectors = draw.normal(size=(SLOTS + 50, 8)).astype(np.float32)
    questions = [cache.question("m", job("q"), str(at)) for at in range(len(vectors))]
    for question, vector in zip(questions, vectors, strict=True):
        assert question is not None
        cache.put(question, vector, big, "r")
    found = [
        at
        for at, (question, vector) in enumerate(zip(questions, vectors, strict=True))
        if question is not None and cache.get(question, vector) is not None
    ]
    assert found == list(range(len(vectors) - 10, len(vectors)))
