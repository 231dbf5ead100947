"""Responses, tags and translations over HTTP: with the official client, and by the API's own schema."""

from __future__ import annotations

import json
from typing import Any

import httpx
import openai
import pytest
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from tests.serve.conftest import Server, Start
from tests.serve.test_listen import wait_for

EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)


@pytest.fixture(scope="module")
def server(start: Start) -> Server:
    return start(writer=True, others=True, queue=16, max_tokens=8, ping_seconds=0.2)


@pytest.fixture(scope="module")
def client(server: Server) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0)


def receipts(server: Server) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (server.folder / "receipts.jsonl").read_text().splitlines()]


def ask(server: Server, **body: Any) -> httpx.Response:
    with server.client() as http:
        return http.post("/v1/responses", json={"model": "words", "input": "quick", **body})


def test_an_answer_is_as_openais_schema_has_it(server: Server, client: openai.OpenAI) -> None:
    told = client.responses.create(
        model="writer", input="quick", temperature=0, max_output_tokens=6, metadata={"a": "b"}
    )
    assert told.object == "response"
    assert (told.status, told.metadata) in (("completed", {"a": "b"}), ("incomplete", {"a": "b"}))
    chat = client.chat.completions.create(
        model="writer", messages=[{"role": "user", "content": "quick"}], temperature=0, max_tokens=6
    )
    assert told.output_text == chat.choices[0].message.content
    assert told.usage is not None
    assert chat.usage is not None
    assert (told.usage.input_tokens, told.usage.output_tokens) == (
        chat.usage.prompt_tokens,
        chat.usage.completion_tokens,
    )
    raw = ask(server, max_output_tokens=3)
    strict = Response.model_validate_json(raw.text, strict=True)
    assert strict.incomplete_details is not None
    assert (strict.status, strict.incomplete_details.reason) == ("incomplete", "max_output_tokens")
    [kept] = [one for one in receipts(server) if one["id"] == raw.json()["receipt"]["id"]]
    assert (kept["task"], kept["outcome"]) == ("response", "complete")
    assert raw.headers["x-catenary-receipt"] == kept["id"]


def test_events_come_in_openais_order_and_add_up(server: Server, client: openai.OpenAI) -> None:
    asked: Any = {"model": "writer", "input": "quick", "temperature": 0, "max_output_tokens": 6}
    asked |= {"top_logprobs": 2, "include": ["message.output_text.logprobs"]}
    whole = client.responses.create(**asked)
    events = list(client.responses.create(**asked, stream=True))
    kinds = [one.type for one in events]
    assert kinds[:4] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
    ]
    assert set(kinds[4:-4]) == {"response.output_text.delta"}
    assert kinds[-4:] == [
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        f"response.{whole.status}",
    ]
    assert [one.sequence_number for one in events] == list(range(len(events)))
    said = "".join(one.delta for one in events if one.type == "response.output_text.delta")
    assert said == whole.output_text
    assert events[-1].response.output_text == said
    assert events[-1].response.usage == whole.usage
    [item] = whole.output
    assert item.type == "message"
    assert item.content[0].type == "output_text"
    assert len(item.content[0].logprobs or ()) == whole.usage.output_tokens  # type: ignore[union-attr]
    with server.client() as http:
        raw = http.post("/v1/responses", json={**asked, "stream": True}).text
    blocks = [block for block in raw.split("\n\n") if block and not block.startswith(":")]
    for block in blocks:
        name, data = block.split("\n")
        assert EVENT.validate_json(data.removeprefix("data: "), strict=True).type == name.removeprefix(
            "event: "
        )


def test_the_streaming_helper_of_the_client_reads_it(client: openai.OpenAI) -> None:
    schema = {"type": "object", "properties": {"a": {"enum": [1]}}, "required": ["a"]}
    form: Any = {"type": "json_schema", "name": "x", "strict": True}
    form["schema"] = {**schema, "additionalProperties": False}
    with client.responses.stream(
        model="writer", input="quick", max_output_tokens=40, text={"format": form}
    ) as stream:
        said = "".join(one.delta for one in stream if one.type == "response.output_text.delta")
        final = stream.get_final_response()
    assert said == final.output_text
    assert json.loads(said) == {"a": 1}


def test_an_answer_goes_on_from_an_earlier_one(server: Server, client: openai.OpenAI) -> None:
    first = client.responses.create(
        model="words", instructions="Be brief.", input="quick", max_output_tokens=2
    )
    second = client.responses.create(
        model="words", previous_response_id=first.id, input="slow", max_output_tokens=1
    )
    assert second.previous_response_id == first.id
    third = client.responses.create(model="words", previous_response_id=second.id, input="quick")
    assert third.id not in (first.id, second.id)
    assert receipts(server)[-1]["asked"]["messages"] == [
        [
            {"role": "user", "content": "quick"},
            {"role": "assistant", "content": "word word "},
            {"role": "user", "content": "slow"},
            {"role": "assistant", "content": "word "},
            {"role": "user", "content": "quick"},
        ]
    ]
    unkept = client.responses.create(model="words", input="quick", store=False)
    assert receipts(server)[-1]["asked"]["messages"] is None
    for id in (unkept.id, "resp_" + "0" * 32, "rcpt_x", "../../x"):
        with pytest.raises(openai.BadRequestError) as refused:
            client.responses.create(model="words", previous_response_id=id, input="x")
        assert (refused.value.code, refused.value.param) == (
            "previous_response_not_found",
            "previous_response_id",
        )


def test_a_response_can_be_had_again_and_deleted(server: Server, client: openai.OpenAI) -> None:
    told = client.responses.create(
        model="writer", instructions="Be brief.", input="quick", max_output_tokens=6, metadata={"a": "b"}
    )
    again = client.responses.retrieve(told.id)
    assert again == told
    with server.client() as http:
        raw = http.get(f"/v1/responses/{told.id}")
        Response.model_validate_json(raw.text, strict=True)
        assert http.get(f"/v1/responses/{told.id}?stream=true").json()["error"]["param"] == "stream"
    client.responses.delete(told.id)
    for ask in (client.responses.retrieve, client.responses.delete):
        with pytest.raises(openai.NotFoundError) as gone:
            ask(told.id)
        assert gone.value.code == "response_not_found"
    with pytest.raises(openai.BadRequestError):
        client.responses.create(model="words", previous_response_id=told.id, input="x")
    [kept] = [one for one in receipts(server) if one["id"].endswith(told.id.removeprefix("resp_"))]
    assert kept["asked"]["messages"] is None
    assert len(kept["answers"][0]["sha256"]) == 64
    unkept = client.responses.create(model="words", input="quick", store=False)
    chat = client.chat.completions.create(model="words", messages=[{"role": "user", "content": "quick"}])
    for id in (unkept.id, chat.id.replace("chatcmpl-", "resp_"), "resp_" + "0" * 32, "x"):
        with pytest.raises(openai.NotFoundError):
            client.responses.retrieve(id)


def test_streamed_responses_and_calls_are_had_again_as_they_were_told(
    server: Server, client: openai.OpenAI
) -> None:
    asked: Any = {"model": "words", "tools": TOOLS, "max_output_tokens": 1, "tool_choice": "auto"}
    for body in (
        {**asked, "input": f"say {CALL}"},
        {"model": "words", "input": "quick", "max_output_tokens": 2},
    ):
        *_, last = client.responses.create(**body, stream=True)
        assert client.responses.retrieve(last.response.id) == last.response
    with pytest.raises(openai.APIError):
        list(client.responses.create(model="words", input="crash", stream=True))
    wait_for(lambda: receipts(server)[-1]["outcome"] == "cut")
    cut = client.responses.retrieve(receipts(server)[-1]["id"].replace("rcpt_", "resp_"))
    assert cut.status == "failed"
    assert cut.output_text == "word " * 3
    assert cut.error is not None


CALL = '<tool_call>\n{"name": "look", "arguments": {"c": "x"}}\n</tool_call>'
TOOLS: Any = [{"type": "function", "name": "look", "parameters": {"type": "object"}}]


def test_tools_are_called_and_their_results_read(server: Server, client: openai.OpenAI) -> None:
    asked: Any = {"model": "words", "tools": TOOLS, "max_output_tokens": 1}
    first = client.responses.create(**asked, input=f"say {CALL}")
    [call] = first.output
    assert call.type == "function_call"
    assert (call.name, json.loads(call.arguments)) == ("look", {"c": "x"})
    events = list(client.responses.create(**asked, input=f"say {CALL}", stream=True))
    kinds = [one.type for one in events]
    assert "response.function_call_arguments.delta" in kinds
    assert "response.function_call_arguments.done" in kinds
    [streamed] = events[-1].response.output
    assert (streamed.name, streamed.arguments) == (call.name, call.arguments)
    answer: Any = {"type": "function_call_output", "call_id": call.call_id, "output": "quick"}
    told = client.responses.create(
        **asked, input=[{"role": "user", "content": f"say {CALL}"}, *first.output, answer]
    )
    shorter = client.responses.create(**asked, previous_response_id=first.id, input=[answer])
    assert told.output_text == shorter.output_text
    by_hand, by_id = (one["asked"]["messages"] for one in receipts(server)[-2:])
    assert by_hand == by_id
    assert [one["role"] for one in by_id[0]] == ["user", "assistant", "tool"]


def test_an_answer_follows_a_schema(client: openai.OpenAI) -> None:
    schema = {"type": "object", "properties": {"a": {"enum": [1, 2]}}, "required": ["a"]}
    told = client.responses.create(
        model="writer",
        input="quick",
        max_output_tokens=40,
        text={
            "format": {
                "type": "json_schema",
                "name": "x",
                "schema": {**schema, "additionalProperties": False},
                "strict": True,
            }
        },
    )
    assert json.loads(told.output_text)["a"] in (1, 2)


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"input": []}, "input"),
        ({"input": [{"type": "item_reference", "id": "x"}]}, "input.0"),
        ({"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "x"}]}]}, "input.0"),
        ({"background": True}, "background"),
        ({"reasoning": {"effort": "high"}}, "reasoning"),
        ({"truncation": "auto"}, "truncation"),
        ({"conversation": "x"}, "conversation"),
        ({"include": ["file_search_call.results"]}, "include.0"),
        ({"tools": [{"type": "web_search"}]}, "tools.0"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"stream_options": {"include_obfuscation": True}}, "stream_options"),
        ({"text": {"format": {"type": "json_schema", "name": "x"}}}, "text.format.schema"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"max_tokens": 3}, "max_tokens"),
        ({"top_logprobs": 10**6}, "top_logprobs"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_is_not_supported_is_refused_by_name(server: Server, more: dict[str, Any], param: str) -> None:
    told = ask(server, **more)
    assert told.status_code == 400, told.text
    assert told.json()["error"]["param"].startswith(param)


def test_a_fault_in_the_middle_is_told_and_never_a_clean_end(server: Server, client: openai.OpenAI) -> None:
    seen: list[str] = []
    with pytest.raises(openai.APIError):
        seen.extend(one.type for one in client.responses.create(model="words", input="crash", stream=True))
    assert seen[0] == "response.created"
    assert "response.completed" not in seen
    assert seen[-1] == "response.failed"
    wait_for(lambda: receipts(server)[-1]["outcome"] == "cut")
    with server.client() as http:
        assert http.get("/ready").status_code == 200


def test_a_silent_stream_sends_comments(server: Server, client: openai.OpenAI) -> None:
    body = {"model": "words", "messages": [{"role": "user", "content": "pause"}], "max_tokens": 3}
    with server.client() as http:
        raw = http.post("/v1/chat/completions", json={**body, "stream": True}).text
        assert raw.count(": ping\n\n") >= 2
        assert raw.rstrip().endswith("data: [DONE]")
    said = client.chat.completions.create(**body, stream=True)  # type: ignore[call-overload]
    assert "".join(one.choices[0].delta.content or "" for one in said) == "word " * 3


def test_entities_of_texts_and_tags_of_words(server: Server) -> None:
    text = "The chain hangs between two ends."
    with server.client() as http:
        told = http.post("/v1/tag", json={"model": "tagger", "input": [text, "悬链"]})
        assert told.status_code == 200, told.text
        answer = told.json()
        assert [one["index"] for one in answer["data"]] == [0, 1]
        for one in answer["data"][0]["entities"]:
            assert text[one["start"] : one["end"]] == one["text"]
            assert one["label"] == "per"
        kept = http.get(f"/v1/receipts/{answer['receipt']['id']}").json()
        assert (kept["task"], kept["asked"]["texts"][0]["text"]) == ("tag", text)
        assert kept["answers"][0]["tagged"] == answer["data"][0]
        words = http.post("/v1/tag", json={"model": "tagger", "words": [["The", "chain"], ["悬"]]}).json()
        assert [len(one["tags"]) for one in words["data"]] == [2, 1]
        assert set(words["data"][0]["tags"]) <= {"O", "B-per", "I-per"}
        assert words["usage"]["total_tokens"] == 3
        for body, param in (
            ({}, "input"),
            ({"input": "a", "words": [["a"]]}, "input"),
            ({"words": []}, "words"),
            ({"words": [[]]}, "words"),
            ({"words": [["a", " "]]}, "words"),
            ({"input": ""}, "input"),
        ):
            refused = http.post("/v1/tag", json={"model": "tagger", **body})
            assert (refused.status_code, refused.json()["error"]["param"]) == (400, param)
        assert http.post("/v1/tag", json={"model": "words", "input": "a"}).status_code == 404


def test_translations(server: Server) -> None:
    texts = ["The chain hangs.", "悬链"]
    with server.client() as http:
        told = http.post("/v1/translate", json={"model": "translator", "input": texts, "max_tokens": 6})
        assert told.status_code == 200, told.text
        answer = told.json()
        assert [one["index"] for one in answer["data"]] == [0, 1]
        assert answer["usage"]["prompt_tokens"] > 0
        kept = http.get(f"/v1/receipts/{answer['receipt']['id']}").json()
        assert kept["task"] == "translate"
        assert kept["asked"]["messages"] == texts
        assert [one["text"] for one in kept["answers"]] == [one["text"] for one in answer["data"]]
        beams = {"model": "translator", "input": texts[0], "max_tokens": 6, "beams": 3}
        assert http.post("/v1/translate", json=beams).status_code == 200
        for body, param in (
            ({"input": []}, "input"),
            ({"input": "a", "beams": 1000}, "beams"),
            ({"input": ["a"] * 17}, "input"),
            ({"input": "a", "target": "fr"}, "target"),
        ):
            refused = http.post("/v1/translate", json={"model": "translator", **body})
            assert (refused.status_code, refused.json()["error"]["param"]) == (400, param)
        for name, value in (("no_repeat_ngram", 3), ("length_penalty", 1.4)):
            body = {"model": "translator", "input": "a", name: value}
            alone = http.post("/v1/translate", json=body)
            assert alone.status_code == 400
            assert "beam search" in alone.json()["error"]["message"]
            with_beams = http.post("/v1/translate", json={**body, "beams": 2})
            assert with_beams.status_code == 200, with_beams.text
        assert http.post("/v1/translate", json={"model": "writer", "input": "a"}).status_code == 404
