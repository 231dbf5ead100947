"""`serve:` what is served, where, under which rules; and what it costs.

serve:
  endpoints:
    assistant: {release: assistant}
    drafts:    {model: base}                     # unreleased: only with `catenary serve --unreleased`
    big:       {upstream: {urls: ["http://gpu1:8000/v1"], model: qwen, api_key: env:VLLM_KEY}}
  guard:
    input:  [{injection: {}}, {redact: {kinds: [phone, id_number]}}, {length: {most: 8000}}]
    passages: [{injection: {}}, {redact: {kinds: [phone]}}]    # of documents, before a model reads them
    output: [{keywords: {lists: [abuse]}}, {classifier: {endpoint: safety, labels: [unsafe], above: 0.8}}]
  label: {producer: ACME, visible: "（AI 生成）"}
  cache: {megabytes: 64, semantic: {endpoint: vectors, threshold: 0.95}}
  retention_days: 30
  plans: {standard: {currency: CNY, input_per_1000: 0.002, output_per_1000: 0.006}}
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from catenary.chain.stage import Settings
from catenary.errors import InvalidInput


class UpstreamSettings(Settings):
    """Another OpenAI-compatible server: `urls` of its replicas, each up to and with `/v1`."""

    urls: list[str] = Field(min_length=1)
    model: str
    task: Literal["generate", "embed"] = "generate"
    api_key: str | None = Field(default=None, pattern=r"^env:[A-Za-z_][A-Za-z0-9_]*$")
    timeout_seconds: float = Field(default=120.0, gt=0)
    retries: int = Field(default=2, ge=0, le=10)


class EndpointSettings(Settings):
    """`serve.endpoints.<name>:` which release answers there; or, unreleased, a model or another server.

    `pieces_per_second`: what all streams of a model tell together, at most; one of 16 streams tells several tokens at a
    time, one alone each, up to that rate. 160 where it is left out; 100000 for each token by itself.
    """

    release: str | None = None
    model: str | None = None
    upstream: UpstreamSettings | None = None
    engine: Literal["auto", "openvino", "onnxruntime", "torch"] = "auto"
    threads: int | None = Field(default=None, ge=1)
    replicas: int = Field(default=1, ge=1, le=64)
    pieces_per_second: float | None = Field(default=None, gt=0)
    keep_texts: bool = True

    @model_validator(mode="after")
    def _one(self) -> EndpointSettings:
        given = [name for name in ("release", "model", "upstream") if getattr(self, name) is not None]
        if len(given) != 1:
            raise InvalidInput(
                "An endpoint names exactly one of release, model and upstream.",
                got=", ".join(given) or "-",
                expected="`{release: name}`",
            )
        return self


class KeywordRule(Settings):
    """Words of shipped lists, and of one's own."""

    lists: list[str] = Field(default=[])
    words: dict[str, list[str]] = Field(default={})
    at_least: int = Field(default=1, ge=1)
    do: Literal["block", "flag"] = "block"


class RedactRule(Settings):
    """Personal data of these kinds; all that are known where none is named."""

    kinds: list[str] | None = None
    do: Literal["redact", "block", "flag"] = "redact"


class InjectionRule(Settings):
    """Signs of a prompt that speaks against its operator."""

    threshold: float = Field(default=1.0, gt=0)
    do: Literal["block", "flag"] = "block"


class LengthRule(Settings):
    """Characters of a text at most."""

    most: int = Field(ge=1)
    do: Literal["block", "flag"] = "block"


class TopicRule(Settings):
    """Subjects by their words: `only` these, or none of them."""

    topics: dict[str, list[str]] = Field(min_length=1)
    only: bool = False
    at_least: int = Field(default=2, ge=1)
    do: Literal["block", "flag"] = "block"


class ClassifierRule(Settings):
    """A classifier of the chain, by its endpoint: where it gives one of `labels` at least `above`."""

    endpoint: str
    labels: list[str] = Field(min_length=1)
    above: float = Field(default=0.5, ge=0, le=1)
    do: Literal["block", "flag"] = "block"


class GuardRule(Settings):
    """One rule: exactly one of its keys."""

    keywords: KeywordRule | None = None
    redact: RedactRule | None = None
    injection: InjectionRule | None = None
    length: LengthRule | None = None
    topics: TopicRule | None = None
    classifier: ClassifierRule | None = None

    @model_validator(mode="after")
    def _one(self) -> GuardRule:
        given = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            raise InvalidInput(
                "A rule of the guard is exactly one of these.",
                got=", ".join(given) or "-",
                expected="one of: {names}",
                names=", ".join(type(self).model_fields),
            )
        return self

    @property
    def rule(self) -> tuple[str, Any]:
        """Its name and settings."""
        return next((name, getattr(self, name)) for name in type(self).model_fields if getattr(self, name))


class GuardSettings(Settings):
    """Rules on what is asked, on passages that a model is about to read, and on what is answered, in order."""

    input: list[GuardRule] = Field(default=[])
    passages: list[GuardRule] = Field(default=[GuardRule(injection=InjectionRule())])
    output: list[GuardRule] = Field(default=[])


class LabelSettings(Settings):
    """The label of AI-made content: `visible` is put behind answers in words."""

    producer: str = Field(min_length=1, max_length=256)
    visible: str | None = None


class SemanticCacheSettings(Settings):
    """Answers to questions that mean the same, by the vectors of `endpoint`: with a cosine of at least `threshold`.

    `scope`: whose answers: of the same key, or of all. `sampled`: also where an answer would be drawn anew each time.
    """

    endpoint: str
    threshold: float = Field(default=0.95, gt=0, le=1)
    scope: Literal["key", "all"] = "key"
    sampled: bool = False


class CacheSettings(Settings):
    """Answers that are known: to the same question with the same settings, and, with `semantic`, to one like it."""

    megabytes: int = Field(default=64, ge=1)
    semantic: SemanticCacheSettings | None = None


class PlanSettings(Settings):
    """What tokens cost."""

    currency: str = Field(default="CNY", min_length=1, max_length=8)
    input_per_1000: float = Field(default=0.0, ge=0)
    output_per_1000: float = Field(default=0.0, ge=0)
    per_request: float = Field(default=0.0, ge=0)


class LimitSettings(Settings):
    """How much is taken on at once; what is left out is the service's own."""

    queue: int | None = Field(default=None, ge=1)
    connections: int | None = Field(default=None, ge=1)
    body_bytes: int | None = Field(default=None, ge=1024)
    deadline_seconds: float | None = Field(default=None, gt=0)
    drain_seconds: float | None = Field(default=None, ge=0)
    max_tokens: int | None = Field(default=None, ge=1)
    ping_seconds: float | None = Field(default=None, gt=0)


class ServeSettings(Settings):
    """`serve:` what is served, and where."""

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65535)
    endpoints: dict[str, EndpointSettings] = Field(default={})
    guard: GuardSettings = GuardSettings()
    label: LabelSettings | None = None
    cache: CacheSettings | None = None
    retention_days: int | None = Field(default=None, ge=0)
    plans: dict[str, PlanSettings] = Field(default={})
    limits: LimitSettings = LimitSettings()
