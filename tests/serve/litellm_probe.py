"""What LiteLLM's client must find here: `python litellm_probe.py <url up to and with /v1>`.

Run by the Python of an environment that holds `litellm` and nothing of ours.
"""

import json
import sys
from importlib.metadata import version
from typing import Any

import litellm  # type: ignore[import-not-found]

SAY = [{"role": "user", "content": "quick"}]
SCHEMA = {
    "type": "object",
    "properties": {"a": {"enum": [1, 2]}},
    "required": ["a"],
    "additionalProperties": False,
}


def refused(kind: Any, ask: Any) -> None:
    try:
        ask()
    except kind:
        return
    raise AssertionError(f"{kind.__name__} was not raised")


def check(url: str) -> None:
    there = {"api_base": url, "api_key": "none", "num_retries": 0}
    asked: Any = {"model": "openai/writer", "messages": SAY, "max_tokens": 6, "temperature": 0, **there}
    whole = litellm.completion(**asked)
    said = whole.choices[0].message.content
    assert said
    assert whole.usage.completion_tokens
    pieces = list(litellm.completion(**asked, stream=True))
    assert "".join(one.choices[0].delta.content or "" for one in pieces) == said
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA, "strict": True}}
    told = litellm.completion(**{**asked, "max_tokens": 40}, response_format=form)
    assert json.loads(told.choices[0].message.content)["a"] in (1, 2)
    vectors = litellm.embedding(model="openai/vectors", input=["a", "b"], encoding_format="float", **there)
    assert len(vectors.data) == 2
    text = litellm.text_completion(model="text-completion-openai/writer", prompt="a", max_tokens=2, **there)
    assert text.choices[0].finish_reason
    response = litellm.responses(
        model="openai/writer", input="quick", max_output_tokens=6, temperature=0, **there
    )
    assert response.output[0].content[0].text == said
    refused(litellm.NotFoundError, lambda: litellm.completion(**{**asked, "model": "openai/none"}))
    refused(litellm.BadRequestError, lambda: litellm.completion(**{**asked, "messages": []}))


if __name__ == "__main__":
    check(sys.argv[1])
    print("litellm", version("litellm"), "ok")  # noqa: T201
