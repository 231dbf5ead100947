"""The body of `POST /v1/responses`: OpenAI's newer words for a conversation."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from catenary.serve.asked import MOST_MESSAGES, MOST_TOOLS, Body, Function, Name, StreamOptions

MOST_TOP_LOGPROBS = 20
LOGPROBS = "message.output_text.logprobs"
Status = Literal["in_progress", "completed", "incomplete"]


class Part(Body):
    """Text of a message; what comes back of an answer of ours has more keys, of which nothing is read."""

    type: Literal["input_text", "output_text", "refusal"]
    text: str = ""
    refusal: str = ""
    annotations: list[Any] | None = None
    logprobs: list[Any] | None = None


class MessageItem(Body):
    type: Literal["message"] = "message"
    role: Literal["user", "assistant", "system", "developer"]
    content: str | list[Part]
    id: str | None = None
    status: Status | None = None


class CallItem(Body):
    """A call that the model made."""

    type: Literal["function_call"]
    call_id: Annotated[str, Field(min_length=1, max_length=64)]
    name: Name
    arguments: str
    id: str | None = None
    status: Status | None = None


class ResultItem(Body):
    """What came of a call."""

    type: Literal["function_call_output"]
    call_id: Annotated[str, Field(min_length=1, max_length=64)]
    output: str | list[Part]
    id: str | None = None
    status: Status | None = None


class FlatTool(Function):
    type: Literal["function"]


class FlatChoice(Body):
    type: Literal["function"]
    name: Name


class TextFormat(Body):
    type: Literal["text", "json_object", "json_schema"]
    name: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    schema_: dict[str, Any] | None = Field(None, alias="schema")
    description: str | None = None
    strict: bool | None = None


class TextSettings(Body):
    format: TextFormat | None = None


class ResponseRequest(Body):
    """See the module."""

    model: Name
    input: str | Annotated[list[MessageItem | CallItem | ResultItem], Field(max_length=MOST_MESSAGES)]
    instructions: str | None = None
    previous_response_id: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    max_output_tokens: int | None = Field(None, ge=1, le=1 << 20)
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, gt=0, le=1)
    top_logprobs: int | None = Field(None, ge=0, le=MOST_TOP_LOGPROBS)
    include: list[Literal["message.output_text.logprobs"]] | None = None
    text: TextSettings | None = None
    tools: Annotated[list[FlatTool], Field(max_length=MOST_TOOLS)] | None = None
    tool_choice: Literal["none", "auto", "required"] | FlatChoice | None = None
    parallel_tool_calls: bool | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    store: bool | None = None
    metadata: (
        Annotated[
            dict[Annotated[str, Field(max_length=64)], Annotated[str, Field(max_length=512)]],
            Field(max_length=16),
        ]
        | None
    ) = None
    user: Annotated[str, Field(max_length=512)] | None = None
    truncation: Literal["disabled"] | None = None
    background: Literal[False] | None = None
    service_tier: Literal["auto", "default"] | None = None
