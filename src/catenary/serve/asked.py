"""The bodies of requests, as pydantic reads them: what is not here is refused, never ignored."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

NAME_CHARACTERS = 200
Name = Annotated[str, Field(min_length=1, max_length=NAME_CHARACTERS)]
MOST_MESSAGES = 2048
MOST_STOPS = 16
MOST_TOOLS = 128
MOST_CHOICES = 128
MOST_BEAMS = 16


class Body(BaseModel):
    """Strict: no text for a number, no unknown key."""

    model_config = ConfigDict(extra="forbid", strict=True)


class ClassifyRequest(Body):
    """The body of `POST /v1/classify`."""

    model: Name = Field(description="The endpoint's name.")
    input: str | list[str] = Field(description="One text, or several.")
    top_k: int | None = Field(None, ge=1, description="How many labels to tell, most probable first.")

    def texts(self) -> list[str]:
        """The texts, in order."""
        return [self.input] if isinstance(self.input, str) else self.input


class EmbeddingsRequest(Body):
    """The body of `POST /v1/embeddings`."""

    model: Name
    input: str | list[str]
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: int | None = Field(None, ge=1)
    user: Annotated[str, Field(max_length=512)] | None = None

    def texts(self) -> list[str]:
        return [self.input] if isinstance(self.input, str) else self.input


class TagRequest(Body):
    """The body of `POST /v1/tag`: running texts for their entities, or `words` for a tag each."""

    model: Name
    input: str | list[str] | None = None
    words: list[list[str]] | None = None

    def texts(self) -> list[str]:
        """What the guard reads."""
        if self.words is not None:
            return [" ".join(words) for words in self.words]
        return [self.input] if isinstance(self.input, str) else self.input or []


class TranslateRequest(Body):
    """The body of `POST /v1/translate`. `beams`: how many drafts are kept at a time; with several, `length_penalty` and
    `no_repeat_ngram` as the evaluation of the model has them."""

    model: Name
    input: str | list[str]
    max_tokens: int | None = Field(None, ge=1, le=1 << 20)
    beams: int | None = Field(None, ge=1, le=MOST_BEAMS)
    length_penalty: float | None = Field(None, ge=-10, le=10)
    no_repeat_ngram: int | None = Field(None, ge=0, le=64)

    def texts(self) -> list[str]:
        return [self.input] if isinstance(self.input, str) else self.input


class TextPart(Body):
    """A part of a message: this server reads text."""

    type: Literal["text", "input_text", "output_text", "refusal"]
    text: str = ""
    refusal: str = ""


class CalledFunction(Body):
    name: Name
    arguments: str


class ToolCall(Body):
    id: str
    type: Literal["function"] = "function"
    function: CalledFunction


class Message(Body):
    """One message of a conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[TextPart] | None = None
    name: Annotated[str, Field(max_length=256)] | None = None
    tool_calls: Annotated[list[ToolCall], Field(max_length=MOST_TOOLS)] | None = None
    tool_call_id: str | None = None
    refusal: str | None = None
    # What a client sends back that copies an answer: nothing of it is read.
    audio: None = None
    function_call: None = None
    annotations: list[Any] | None = None
    reasoning_content: str | None = None

    def text(self) -> str:
        """What it says."""
        if isinstance(self.content, list):
            return "".join(part.text or part.refusal for part in self.content)
        return self.content or ""


class Function(Body):
    name: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.-]+$")]
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class Tool(Body):
    type: Literal["function"]
    function: Function


class ChosenFunction(Body):
    name: Name


class ToolChoice(Body):
    type: Literal["function"]
    function: ChosenFunction


class JsonSchema(Body):
    name: Annotated[str, Field(min_length=1, max_length=64)]
    schema_: dict[str, Any] = Field(alias="schema")
    description: str | None = None
    strict: bool | None = None


class ResponseFormat(Body):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None


class StreamOptions(Body):
    include_usage: bool | None = None
    include_obfuscation: bool | None = None


class Sampling(Body):
    """What chat and completions have in common."""

    model: Name
    frequency_penalty: float | None = Field(None, ge=-2, le=2)
    presence_penalty: float | None = Field(None, ge=-2, le=2)
    logit_bias: Annotated[dict[str, float], Field(max_length=1024)] | None = None
    max_tokens: int | None = Field(None, ge=1, le=1 << 20)
    n: int | None = Field(None, ge=1, le=MOST_CHOICES)
    seed: int | None = Field(None, ge=-(1 << 63), lt=1 << 63)
    stop: (
        Annotated[str, Field(min_length=1)]
        | Annotated[list[Annotated[str, Field(min_length=1)]], Field(max_length=MOST_STOPS)]
        | None
    ) = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, gt=0, le=1)
    user: Annotated[str, Field(max_length=512)] | None = None
    # Not OpenAI's, but vLLM's names for them.
    top_k: int | None = Field(None, ge=-1, le=1 << 24)
    min_p: float | None = Field(None, ge=0, le=1)
    repetition_penalty: float | None = Field(None, ge=0.01, le=100)
    min_tokens: int | None = Field(None, ge=0, le=1 << 20)
    guided_regex: Annotated[str, Field(min_length=1)] | None = None
    guided_grammar: Annotated[str, Field(min_length=1)] | None = None

    @field_validator("logit_bias")
    @classmethod
    def _ids(cls, value: dict[str, float] | None) -> dict[str, float] | None:
        for id, amount in (value or {}).items():
            if not (id.isascii() and id.isdigit() and len(id) < 10) or not -100 <= amount <= 100:
                raise ValueError("token ids with numbers of -100 to 100")
        return value


def tells_usage(asked: Sampling) -> bool:
    """Whether a stream's last chunk tells what it cost."""
    return asked.stream_options is not None and bool(asked.stream_options.include_usage)


class ChatRequest(Sampling):
    """The body of `POST /v1/chat/completions`."""

    messages: Annotated[list[Message], Field(min_length=1, max_length=MOST_MESSAGES)]
    max_completion_tokens: int | None = Field(None, ge=1, le=1 << 20)
    logprobs: bool | None = None
    top_logprobs: int | None = Field(None, ge=0, le=20)
    response_format: ResponseFormat | None = None
    tools: Annotated[list[Tool], Field(max_length=MOST_TOOLS)] | None = None
    tool_choice: Literal["none", "auto", "required"] | ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    store: bool | None = None
    metadata: (
        Annotated[
            dict[Annotated[str, Field(max_length=64)], Annotated[str, Field(max_length=512)]],
            Field(max_length=16),
        ]
        | None
    ) = None
    service_tier: Literal["auto", "default"] | None = None
    modalities: list[Literal["text"]] | None = None


class CompletionRequest(Sampling):
    """The body of `POST /v1/completions`."""

    prompt: str | list[str] | list[int] | list[list[int]]
    logprobs: int | None = Field(None, ge=0, le=5)
    echo: bool | None = None
    best_of: Literal[1] | None = None


class FeedbackRequest(Body):
    """The body of `POST /v1/feedback`. `consent`: what it may be used for; `none` for nothing but being read."""

    receipt: Annotated[str, Field(min_length=1, max_length=64)]
    kind: Literal["thumb", "rating", "edit", "complaint", "comment"]
    value: str | int | float | bool | None = None
    comment: Annotated[str, Field(max_length=20_000)] | None = None
    consent: Literal["none", "evaluation", "training"] = "none"
    licence: Annotated[str, Field(max_length=256)] = ""
