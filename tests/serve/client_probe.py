"""What an OpenAI client of any version must find here: `python client_probe.py <url up to and with /v1>`.

Run by the Python of an environment that holds `openai` and nothing of ours.
"""

import asyncio
import json
import sys
from typing import Any

import openai

SAY: Any = [{"role": "user", "content": "quick"}]
SCHEMA = {
    "type": "object",
    "properties": {"a": {"enum": [1, 2]}},
    "required": ["a"],
    "additionalProperties": False,
}


def refused(kind: type[Exception], ask: Any) -> None:
    try:
        ask()
    except kind:
        return
    raise AssertionError(f"{kind.__name__} was not raised")


def check(client: openai.OpenAI) -> None:
    asked: Any = {"model": "writer", "messages": SAY, "max_tokens": 6, "temperature": 0}
    assert "writer" in [one.id for one in client.models.list().data]
    whole = client.chat.completions.create(**asked)
    said = whole.choices[0].message.content
    assert whole.usage
    assert whole.usage.completion_tokens
    chunks = list(
        client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True})
    )
    assert "".join(one.choices[0].delta.content or "" for one in chunks if one.choices) == said
    assert chunks[-1].usage == whole.usage
    assert client.completions.create(model="writer", prompt="a", max_tokens=2).choices[0].finish_reason
    [vector] = client.embeddings.create(model="vectors", input="a").data
    assert isinstance(vector.embedding[0], float)
    form: Any = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA, "strict": True}}
    told = client.chat.completions.create(model="writer", messages=SAY, max_tokens=40, response_format=form)
    assert json.loads(told.choices[0].message.content or "")["a"] in (1, 2)
    if hasattr(client, "responses"):
        response = client.responses.create(model="writer", input="quick", max_output_tokens=6, temperature=0)
        assert response.output_text == said
        assert client.responses.retrieve(response.id).output_text == said
        client.responses.delete(response.id)
        refused(openai.NotFoundError, lambda: client.responses.retrieve(response.id))
        events = client.responses.create(
            model="writer", input="quick", max_output_tokens=6, temperature=0, stream=True
        )
        assert "".join(one.delta for one in events if one.type == "response.output_text.delta") == said
    if hasattr(client.chat.completions, "retrieve"):
        assert client.chat.completions.retrieve(whole.id).choices[0].message.content == said
        assert client.chat.completions.delete(whole.id).deleted
        refused(openai.NotFoundError, lambda: client.chat.completions.retrieve(whole.id))
    refused(openai.NotFoundError, lambda: client.chat.completions.create(model="none", messages=SAY))
    refused(openai.BadRequestError, lambda: client.chat.completions.create(model="writer", messages=[]))
    crash: Any = {"model": "words", "messages": [{"role": "user", "content": "crash"}]}
    refused(openai.InternalServerError, lambda: client.chat.completions.create(**crash))
    refused(openai.APIError, lambda: list(client.chat.completions.create(**crash, stream=True)))


async def check_async(url: str) -> None:
    async with openai.AsyncOpenAI(base_url=url, api_key="none") as client:
        stream = await client.chat.completions.create(model="words", messages=SAY, max_tokens=3, stream=True)
        said = [one.choices[0].delta.content or "" async for one in stream if one.choices]
        assert "".join(said) == "word word word "


if __name__ == "__main__":
    check(openai.OpenAI(base_url=sys.argv[1], api_key="none", max_retries=0))
    asyncio.run(check_async(sys.argv[1]))
    print("openai", openai.__version__, "ok")  # noqa: T201
