"""OpenTelemetry spans: what they say of an answer and of a failure, whose they are, and that they hold no text."""

from __future__ import annotations

import contextlib
import gzip
import json
import signal
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from starlette.testclient import TestClient

from catenary.errors import InvalidInput
from catenary.serve.app import create_app
from catenary.serve.served import Served
from catenary.serve.spans import start
from catenary.serve.upstream import Upstream
from tests.serve.chains import serving, upstream, write_chain
from tests.serve.gateways import bare_gateway
from tests.serve.upstream_server import UpstreamServer

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
SECRET = "the caller's own words"
CHAT: Any = {"model": "words", "messages": [{"role": "user", "content": SECRET}], "max_tokens": 4, "seed": 3}


@pytest.fixture(scope="module")
def exporter() -> InMemorySpanExporter:
    kept, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    trace.set_tracer_provider(provider)
    return kept


@pytest.fixture(scope="module")
def there() -> Iterator[UpstreamServer]:
    with UpstreamServer() as one:
        yield one


@pytest.fixture
def http(there: UpstreamServer, exporter: InMemorySpanExporter) -> Iterator[TestClient]:
    engine = Upstream(there.url, "theirs", retries=0)
    gateway = bare_gateway({"words": Served("words", "generate", engine, "rel-1", "released", "d1")})
    there.forget()
    with TestClient(create_app(gateway), raise_server_exceptions=False) as client:
        exporter.clear()
        yield client


def spans(exporter: InMemorySpanExporter) -> list[ReadableSpan]:
    return list(exporter.get_finished_spans())


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_has_a_span_below_its_callers(
    http: TestClient, exporter: InMemorySpanExporter, there: UpstreamServer, stream: bool
) -> None:
    told = http.post("/v1/chat/completions", json={**CHAT, "stream": stream}, headers={"traceparent": PARENT})
    assert told.status_code == 200
    [span] = spans(exporter)
    assert span.name == "chat words"
    assert span.context is not None
    assert span.parent is not None
    assert f"{span.context.trace_id:032x}" == PARENT.split("-")[1]
    assert f"{span.parent.span_id:016x}" == PARENT.split("-")[2]
    assert there.traces == [f"00-{span.context.trace_id:032x}-{span.context.span_id:016x}-01"]
    said = dict(span.attributes or {})
    expected = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "catenary",
        "gen_ai.request.model": "words",
        "gen_ai.request.max_tokens": 4,
        "gen_ai.request.seed": 3,
        "gen_ai.request.stream": stream,
        "gen_ai.response.finish_reasons": ("length",),
        "gen_ai.usage.input_tokens": 5,
        "gen_ai.usage.output_tokens": 4,
        "gen_ai.response.id": told.headers["x-catenary-receipt"],
        "catenary.release": "rel-1",
        "http.response.status_code": 200,
    }
    assert expected.items() <= said.items()
    assert span.status.status_code is trace.StatusCode.UNSET
    assert SECRET not in span.to_json()
    assert "word word" not in span.to_json()


def test_without_a_caller_s_trace_a_new_one_begins(
    http: TestClient, exporter: InMemorySpanExporter, there: UpstreamServer
) -> None:
    for wrong in ({}, {"traceparent": "nonsense"}):
        assert http.post("/v1/chat/completions", json=CHAT, headers=wrong).status_code == 200
    first, second = spans(exporter)
    assert first.parent is second.parent is None
    assert first.context is not None
    assert second.context is not None
    assert first.context.trace_id != second.context.trace_id


def test_failures_are_told_without_their_words(
    http: TestClient, exporter: InMemorySpanExporter, there: UpstreamServer
) -> None:
    there.next(500, 400)
    assert http.post("/v1/chat/completions", json=CHAT).status_code == 503
    assert http.post("/v1/chat/completions", json=CHAT).status_code == 400
    assert http.post("/v1/chat/completions", json={"model": SECRET}).status_code == 400
    there.next("cut")
    with contextlib.suppress(Exception):  # the test client hands on what breaks the connection
        http.post("/v1/chat/completions", json={**CHAT, "stream": True})
    failed, refused, unread, broken = spans(exporter)
    assert (failed.name, (failed.attributes or {})["error.type"]) == ("chat words", "503")
    assert failed.status.status_code is broken.status.status_code is trace.StatusCode.ERROR
    assert refused.status.status_code is unread.status.status_code is trace.StatusCode.UNSET
    assert (broken.attributes or {})["catenary.outcome"] == "cut"
    assert SECRET not in "".join(one.to_json() for one in spans(exporter))


def test_what_asks_no_model_has_no_span(http: TestClient, exporter: InMemorySpanExporter) -> None:
    for path in ("/health", "/ready", "/metrics", "/v1/models"):
        assert http.get(path).status_code == 200
    assert spans(exporter) == []


def test_the_environment_says_where_spans_go(tmp_path: Path, there: UpstreamServer) -> None:
    folder = write_chain(tmp_path, endpoints={"words": upstream(there.url)})
    with serving(folder, OTEL_TRACES_EXPORTER="console") as one:
        with one.http() as http:
            assert http.post("/v1/chat/completions", json=CHAT).status_code == 200
        one.process.send_signal(signal.SIGTERM)
        out, _ = one.process.communicate(timeout=60)
    assert one.process.returncode == 0
    told = json.loads(out[out.index("{\n") :])
    assert told["name"] == "chat words"
    assert told["resource"]["attributes"]["service.name"] == "catenary"


class Collector(ThreadingHTTPServer):
    """Takes OTLP over HTTP; `got` is what was exported, `asked` how."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Received)
        self.got: list[ExportTraceServiceRequest] = []
        self.asked: list[tuple[str, str]] = []
        self.url = f"http://127.0.0.1:{self.server_port}"


class Received(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        self.server.asked.append((self.path, self.headers.get("x-tenant", "")))
        self.server.got.append(ExportTraceServiceRequest.FromString(body))
        self.send_response(200)
        self.send_header("content-type", "application/x-protobuf")
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as one:
        Thread(target=one.serve_forever, daemon=True).start()
        yield one
        one.shutdown()


def test_a_collector_is_sent_the_spans(tmp_path: Path, there: UpstreamServer, collector: Collector) -> None:
    folder = write_chain(tmp_path, endpoints={"words": upstream(there.url)})
    settings = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_EXPORTER_OTLP_HEADERS": "x-tenant=ours",
        "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
        "OTEL_SERVICE_NAME": "shop",
    }
    with serving(folder, **settings) as one, one.http() as http:
        told = http.post("/v1/chat/completions", json=CHAT, headers={"traceparent": PARENT})
        assert told.status_code == 200
    # What was not sent yet is sent as the service ends.
    assert set(collector.asked) == {("/v1/traces", "ours")}
    [resource] = [one for request in collector.got for one in request.resource_spans]
    about = {one.key: one.value.string_value for one in resource.resource.attributes}
    assert about["service.name"] == "shop"
    [span] = [one for scope in resource.scope_spans for one in scope.spans]
    assert (span.name, span.trace_id.hex()) == ("chat words", PARENT.split("-")[1])
    said = {one.key: one.value for one in span.attributes}
    assert said["gen_ai.response.id"].string_value == told.headers["x-catenary-receipt"]
    assert said["gen_ai.usage.output_tokens"].int_value == 4
    assert SECRET.encode() not in collector.got[0].SerializeToString()


def test_a_collector_that_is_gone_breaks_nothing(tmp_path: Path, there: UpstreamServer) -> None:
    folder = write_chain(tmp_path, endpoints={"words": upstream(there.url)})
    settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_EXPORTER_OTLP_TIMEOUT": "1"}
    with serving(folder, **settings) as one, one.http() as http:
        for _ in range(3):
            assert http.post("/v1/chat/completions", json=CHAT).status_code == 200


def test_an_exporter_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "nonsense")
    with pytest.raises(InvalidInput, match="exporter"):
        start()
