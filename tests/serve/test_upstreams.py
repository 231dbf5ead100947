"""Other servers behind the gateway, over real connections: tried again, given up, shared out."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from tests.serve.chains import Serving, receipts, serving, upstream, write_chain
from tests.serve.conftest import Server, Start
from tests.serve.test_listen import wait_for
from tests.serve.upstream_server import UpstreamServer

SAY: Any = [{"role": "user", "content": "go on"}]


@pytest.fixture(scope="module")
def there() -> Iterator[UpstreamServer]:
    with UpstreamServer() as one:
        yield one


@pytest.fixture(scope="module")
def other() -> Iterator[UpstreamServer]:
    with UpstreamServer() as one:
        yield one


@pytest.fixture(scope="module")
def catenary(start: Start) -> Server:
    """A second Catenary, whose models the first one offers as its own."""
    return start(writer=True, others=True, max_tokens=8)


@pytest.fixture(scope="module")
def gone() -> str:
    """The address of a server that is not there."""
    with UpstreamServer() as one:
        return one.url


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory,
    there: UpstreamServer,
    other: UpstreamServer,
    catenary: Server,
    gone: str,
) -> Iterator[Serving]:
    endpoints = {
        "words": upstream(there.url, retries=2, api_key="env:THEIR_KEY"),
        "once": upstream(there.url, retries=0, timeout_seconds=1),
        "breaks": upstream(there.url, retries=0),
        "vectors": upstream(there.url, task="embed"),
        "shared": upstream(there.url, other.url, retries=0),
        "half": upstream(gone, there.url, retries=0),
        "theirs": {"upstream": {"urls": [f"{catenary.url}/v1"], "model": "writer"}},
        "their-vectors": {"upstream": {"urls": [f"{catenary.url}/v1"], "model": "vectors", "task": "embed"}},
    }
    folder = write_chain(tmp_path_factory.mktemp("gateway"), endpoints=endpoints)
    with serving(folder, THEIR_KEY="sk-theirs") as one:
        yield one


@pytest.fixture(autouse=True)
def afresh(there: UpstreamServer, other: UpstreamServer) -> None:
    there.forget()
    other.forget()


@pytest.fixture(scope="module")
def client(gateway: Serving) -> openai.OpenAI:
    return gateway.client()


def chat(client: openai.OpenAI, model: str, tokens: int = 4, **more: Any) -> Any:
    return client.chat.completions.create(model=model, messages=SAY, max_tokens=tokens, **more)


def test_an_answer_of_another_server_is_ours_with_a_receipt(
    gateway: Serving, client: openai.OpenAI, there: UpstreamServer
) -> None:
    told = chat(client, "words", seed=3, temperature=0.5)
    assert told.choices[0].message.content == "word " * 4
    assert (told.usage.prompt_tokens, told.usage.completion_tokens) == (5, 4)
    [asked] = there.asked
    assert (asked["model"], asked["seed"], asked["temperature"], asked["max_tokens"]) == ("theirs", 3, 0.5, 4)
    assert asked["messages"] == [{"role": "user", "content": "go on"}]
    assert there.keys == ["Bearer sk-theirs"]
    kept = receipts(gateway.folder)[-1]
    assert kept["id"] == told.receipt["id"]
    assert (kept["status"], kept["upstream"]) == ("unreleased", there.url)
    assert (kept["input_tokens"], kept["output_tokens"], kept["outcome"]) == (5, 4, "complete")
    with gateway.http() as http:
        assert http.get(told.receipt["trace_url"]).json()["kind"] == "answer"
    assert "sk-theirs" not in str(kept) + gateway.log


def test_a_stream_of_another_server_is_ours(client: openai.OpenAI) -> None:
    chunks = list(chat(client, "words", stream=True, stream_options={"include_usage": True}))
    said = "".join(one.choices[0].delta.content or "" for one in chunks if one.choices)
    assert said == "word " * 4
    assert chunks[-1].usage.completion_tokens == 4


def test_completions_and_vectors_too(client: openai.OpenAI, there: UpstreamServer) -> None:
    assert client.completions.create(model="words", prompt="a", max_tokens=2).choices[0].text == "word word "
    told = client.embeddings.create(model="vectors", input=["ab", "abc"])
    assert [one.embedding for one in told.data] == [[2.0, 1.0], [3.0, 1.0]]
    assert told.usage.total_tokens == 7
    assert [one["path"] for one in there.asked] == ["/v1/completions", "/v1/embeddings"]


@pytest.mark.parametrize("failure", [500, 503, 429, 408, "drop"])
def test_what_may_pass_is_tried_again(client: openai.OpenAI, there: UpstreamServer, failure: Any) -> None:
    there.next(failure, failure)
    assert chat(client, "words").choices[0].message.content == "word " * 4
    assert len(there.asked) == 3


@pytest.mark.parametrize(("status", "told"), [(400, 400), (422, 400), (401, 503), (403, 503), (404, 503)])
def test_what_will_not_pass_is_told_at_once(
    client: openai.OpenAI, there: UpstreamServer, status: int, told: int
) -> None:
    there.next(status)
    with pytest.raises(openai.APIStatusError) as refused:
        chat(client, "words")
    assert refused.value.status_code == told
    assert len(there.asked) == 1


def test_after_the_last_try_it_is_503(client: openai.OpenAI, there: UpstreamServer) -> None:
    there.next(500, 502, 504)
    with pytest.raises(openai.InternalServerError) as failed:
        chat(client, "words")
    assert (failed.value.status_code, failed.value.type) == (503, "server_overloaded")
    assert "retry-after" in failed.value.response.headers
    assert chat(client, "words").choices[0].finish_reason == "length"  # one failure in a row, not five


def test_silence_has_an_end(client: openai.OpenAI, there: UpstreamServer) -> None:
    there.next("hang")
    with pytest.raises(openai.InternalServerError) as failed:
        chat(client, "once")
    assert failed.value.status_code == 503
    assert chat(client, "once").choices[0].finish_reason == "length"


def test_a_stream_that_was_cut_is_never_a_whole_answer(
    gateway: Serving, client: openai.OpenAI, there: UpstreamServer
) -> None:
    there.next("cut")
    with pytest.raises(openai.APIError):
        list(chat(client, "words", stream=True))
    wait_for(lambda: receipts(gateway.folder)[-1]["outcome"] == "cut")
    assert receipts(gateway.folder)[-1]["output_tokens"] == 2
    with gateway.http() as http:
        body = {"model": "words", "messages": SAY, "max_tokens": 4, "stream": True}
        there.next("cut")
        lines: list[str] = []
        with (
            http.stream("POST", "/v1/chat/completions", json=body) as answer,
            pytest.raises(httpx.RemoteProtocolError),
        ):
            lines.extend(answer.iter_lines())
        assert "data: [DONE]" not in lines


@pytest.mark.slow
def test_a_server_that_keeps_failing_is_left_alone_for_a_while(
    gateway: Serving, client: openai.OpenAI, there: UpstreamServer
) -> None:
    there.next(*[500] * 5)
    for _ in range(5):
        with pytest.raises(openai.InternalServerError):
            chat(client, "breaks")
    assert len(there.asked) == 5
    broke = time.monotonic()
    with pytest.raises(openai.InternalServerError):
        chat(client, "breaks")
    if time.monotonic() - broke < 9:
        assert len(there.asked) == 5  # nobody was sent there
    assert chat(client, "words").choices[0].finish_reason == "length"  # another endpoint's breaker is another
    with gateway.http() as http:
        ready = http.get("/ready")
        if time.monotonic() - broke < 9:
            assert (ready.status_code, ready.json()) == (200, {"status": "degraded", "degraded": ["breaks"]})
    there.next(500)
    time.sleep(10.5)
    with pytest.raises(openai.InternalServerError):  # one tries, fails, and it is left alone again
        chat(client, "breaks")
    tried = len(there.asked)
    with pytest.raises(openai.InternalServerError):
        chat(client, "breaks")
    assert len(there.asked) == tried
    wait_for(lambda: _answers(client, "breaks"), 60)


def _answers(client: openai.OpenAI, model: str) -> bool:
    try:
        return bool(chat(client, model).choices)
    except openai.InternalServerError:
        return False


def test_ready_is_refused_once_no_endpoint_can_answer(tmp_path: Path, gone: str) -> None:
    folder = write_chain(tmp_path, endpoints={"words": upstream(gone, retries=4)})
    with serving(folder) as one, one.http() as http:
        assert http.get("/ready").json() == {"status": "ready"}
        with pytest.raises(openai.InternalServerError):
            chat(one.client(), "words")
        broke = time.monotonic()
        ready = http.get("/ready")
        if time.monotonic() - broke < 9:
            assert (ready.status_code, ready.json()["error"]["type"]) == (503, "server_overloaded")
            assert http.get("/health").status_code == 200


def test_each_request_goes_where_least_is_in_hand(
    client: openai.OpenAI, there: UpstreamServer, other: UpstreamServer
) -> None:
    there.next(*["hold"] * 6)
    other.next(*["hold"] * 6)
    with ThreadPoolExecutor(6) as pool:
        waiting = [pool.submit(chat, client, "shared") for _ in range(6)]
        wait_for(lambda: len(there.asked) + len(other.asked) == 6, 60)
        assert (len(there.asked), len(other.asked)) == (3, 3)
        there.go.set()  # the one gets free
        wait_for(lambda: sum(one.done() for one in waiting) == 3, 60)
        there.forget()
        assert chat(client, "shared").choices
        assert len(there.asked) == 1
        other.go.set()
        assert all(one.result().choices for one in waiting)


def test_a_replica_that_is_gone_is_passed_over(client: openai.OpenAI, there: UpstreamServer) -> None:
    for stream in (False, True):
        told = chat(client, "half", stream=stream)
        assert len(list(told) if stream else told.choices) >= 1
    assert len(there.asked) == 2


def test_another_catenary_is_an_upstream(
    gateway: Serving, client: openai.OpenAI, catenary: Server, tmp_path: Path
) -> None:
    direct = openai.OpenAI(base_url=f"{catenary.url}/v1", api_key="none", max_retries=0)
    asked: Any = {"messages": SAY, "max_tokens": 8, "temperature": 0}
    ours = client.chat.completions.create(model="theirs", **asked, logprobs=True, top_logprobs=2)
    own = direct.chat.completions.create(model="writer", **asked, logprobs=True, top_logprobs=2)
    assert ours.choices[0].message.content == own.choices[0].message.content
    assert ours.choices[0].logprobs == own.choices[0].logprobs
    assert ours.usage == own.usage
    streamed = client.chat.completions.create(model="theirs", **asked, stream=True)
    said = "".join(one.choices[0].delta.content or "" for one in streamed)
    assert said == own.choices[0].message.content
    with pytest.raises(openai.BadRequestError) as long:
        client.chat.completions.create(model="theirs", messages=[{"role": "user", "content": "word " * 5000}])
    assert long.value.code == "context_length_exceeded"


def test_vectors_are_the_same_through_the_gateway_and_as_numbers(
    client: openai.OpenAI, catenary: Server
) -> None:
    direct = openai.OpenAI(base_url=f"{catenary.url}/v1", api_key="none", max_retries=0)
    texts = ["The chain hangs.", "悬链是两端固定的链。", "x"]
    own = direct.embeddings.create(model="vectors", input=texts)
    ours = client.embeddings.create(model="their-vectors", input=texts)
    plain = direct.embeddings.create(model="vectors", input=texts, encoding_format="float")
    assert [one.index for one in own.data] == [0, 1, 2]
    for a, b, c in zip(own.data, ours.data, plain.data, strict=True):
        assert a.embedding == b.embedding == pytest.approx(c.embedding)
        assert sum(x * x for x in a.embedding) == pytest.approx(1, abs=1e-4)
    alone = direct.embeddings.create(model="vectors", input=texts[0])
    assert alone.data[0].embedding == pytest.approx(own.data[0].embedding, abs=1e-4)
    assert own.usage.prompt_tokens == ours.usage.prompt_tokens > 0
    for wrong, param in (
        ({"input": []}, "input"),
        ({"input": ["a", " "]}, "input"),
        ({"input": "a", "dimensions": 5}, "dimensions"),
        ({"input": "a", "encoding_format": "int8"}, "encoding_format"),
    ):
        with pytest.raises(openai.BadRequestError) as refused:
            direct.embeddings.create(model="vectors", **wrong)  # type: ignore[arg-type]
        assert refused.value.param == param
    with pytest.raises(openai.NotFoundError):
        direct.embeddings.create(model="writer", input="a")
