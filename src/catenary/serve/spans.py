"""OpenTelemetry: a span for every question to a model, by the conventions for generative AI; no word of any text.

    OTEL_EXPORTER_OTLP_ENDPOINT=http://collector:4318 catenary serve      # pip install 'catenary[otel]'

The caller's W3C `traceparent` is the span's parent, and what is asked of other servers bears the span's own. Without
the SDK there are no spans, and the caller's `traceparent` is handed on as it came.

https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/ (in development there: names may change).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from catenary import __version__
from catenary.errors import InvalidInput, NotFound

try:
    from opentelemetry import propagate, trace
except ModuleNotFoundError:  # then nothing here does anything
    trace = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from catenary.serve.receipts import Receipt

OPERATIONS = {"chat": "chat", "response": "chat", "completion": "text_completion", "embed": "embeddings"}
"""Task → `gen_ai.operation.name`; tasks of our own keep their name."""

SETTINGS = {
    "max_tokens": "gen_ai.request.max_tokens",
    "temperature": "gen_ai.request.temperature",
    "top_p": "gen_ai.request.top_p",
    "top_k": "gen_ai.request.top_k",
    "frequency_penalty": "gen_ai.request.frequency_penalty",
    "presence_penalty": "gen_ai.request.presence_penalty",
    "seed": "gen_ai.request.seed",
    "n": "gen_ai.request.choice.count",
}


def start() -> None:
    """Send spans where the environment says, in OpenTelemetry's own variables; nothing where it says nothing.

    Raises NotFound where what that needs is not installed, InvalidInput for an exporter that is none.
    """
    name = os.environ.get("OTEL_TRACES_EXPORTER", "")
    if not name and any(os.environ.get(f"OTEL_EXPORTER_OTLP_{one}ENDPOINT") for one in ("", "TRACES_")):
        name = "otlp"
    if name in ("", "none") or os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return
    try:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ModuleNotFoundError:
        raise _not_installed("opentelemetry-sdk") from None
    found = {one.name: one for one in entry_points(group="opentelemetry_traces_exporter")}
    wanted = "otlp_proto_http" if name == "otlp" else name
    if wanted not in found:
        if name == "otlp":
            raise _not_installed("opentelemetry-exporter-otlp-proto-http")
        raise InvalidInput(
            "There is no such exporter of spans.",
            where="OTEL_TRACES_EXPORTER",
            got=name,
            expected="one of: {names}",
            names=", ".join(sorted({"otlp", *found})),
        )
    about = {"service.version": __version__}
    if not os.environ.get("OTEL_SERVICE_NAME"):
        about["service.name"] = "catenary"
    provider = TracerProvider(resource=Resource.create(about))
    provider.add_span_processor(BatchSpanProcessor(found[wanted].load()()))
    trace.set_tracer_provider(provider)


def _not_installed(package: str) -> NotFound:
    return NotFound(
        "OpenTelemetry needs a package that is not installed.",
        got=package,
        next="pip install 'catenary[otel]'",
    )


class Span:
    """The span of one request."""

    def __init__(self, span: Any) -> None:
        self._span = span

    def end(self, status: int, error: BaseException | None) -> None:
        """How it was answered. `error`: what broke an answer off that had begun."""
        self._span.set_attribute("http.response.status_code", status)
        if status >= 500 or error is not None:
            self._span.set_attribute("error.type", str(status) if error is None else type(error).__name__)
            self._span.set_status(trace.StatusCode.ERROR)


@contextmanager
def around(method: str, path: str, headers: Mapping[str, str]) -> Iterator[Span | None]:
    """The span of one request, below its caller's; None where there are none."""
    if trace is None:
        yield None
        return
    with trace.get_tracer("catenary", __version__).start_as_current_span(
        f"{method} {path}",
        propagate.extract(headers),
        trace.SpanKind.SERVER,
        {"http.request.method": method, "url.path": path},
        record_exception=False,  # an error's words may be the caller's
        set_status_on_exception=False,
    ) as span:
        yield Span(span)


def tell_asked(task: str, model: str) -> None:
    """The request's span says what is asked of which model."""
    if trace is None:
        return
    span = trace.get_current_span()
    if span.is_recording():
        operation = OPERATIONS.get(task, task)
        span.update_name(f"{operation} {model}")
        span.set_attributes(
            {
                "gen_ai.operation.name": operation,
                "gen_ai.provider.name": "catenary",
                "gen_ai.request.model": model,
            }
        )


def tell_answered(receipt: Receipt) -> None:
    """The request's span says what came of it: figures and names, no text."""
    if trace is None:
        return
    span = trace.get_current_span()
    if not span.is_recording():
        return
    settings = receipt.asked.get("settings") or {}
    told: dict[str, Any] = {SETTINGS[name]: settings[name] for name in SETTINGS if name in settings}
    told |= {
        "gen_ai.response.id": receipt.id,
        "gen_ai.response.model": receipt.endpoint,
        "gen_ai.usage.input_tokens": receipt.tokens if receipt.input_tokens is None else receipt.input_tokens,
        "gen_ai.usage.output_tokens": receipt.output_tokens,
        "gen_ai.usage.cache_read.input_tokens": receipt.cached_tokens,
        "catenary.release": receipt.release,
        "catenary.release_status": receipt.status,
        "catenary.outcome": receipt.outcome,
    }
    reasons = [one["finish_reason"] for one in receipt.answers if one.get("finish_reason")]
    more = {
        "gen_ai.response.finish_reasons": reasons or None,
        "gen_ai.response.time_to_first_chunk": receipt.first_token_seconds,
        "gen_ai.request.stream": receipt.asked.get("stream"),
        "catenary.cache": receipt.cache,
        "catenary.app": receipt.app,
    }
    span.set_attributes(told | {name: value for name, value in more.items() if value is not None})


def hand_on(headers: MutableMapping[str, str]) -> None:
    """Put the trace into what is sent to another server."""
    if trace is not None:
        propagate.inject(headers)
