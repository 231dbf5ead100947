"""Runs leave as OpenLineage events that any catalog of lineage can read."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.cli.conftest import Catenary, ids

FACETS = {
    "type": "object",
    "additionalProperties": {
        "type": "object",
        "required": ["_producer", "_schemaURL"],
        "properties": {"_producer": {"format": "uri"}, "_schemaURL": {"format": "uri"}},
    },
}
NAMED = {
    "type": "object",
    "required": ["namespace", "name"],
    "properties": {
        "namespace": {"type": "string"},
        "name": {"type": "string"},
        "facets": FACETS,
        "inputFacets": FACETS,
        "outputFacets": FACETS,
    },
}
RUN_EVENT = {  # what the specification (2-0-2) demands of a RunEvent
    "type": "object",
    "required": ["eventTime", "producer", "schemaURL", "run", "job"],
    "properties": {
        "eventType": {"enum": ["START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"]},
        "eventTime": {"type": "string", "format": "date-time"},
        "producer": {"type": "string", "format": "uri"},
        "schemaURL": {"type": "string", "format": "uri"},
        "run": {
            "type": "object",
            "required": ["runId"],
            "properties": {"runId": {"type": "string", "format": "uuid"}, "facets": FACETS},
        },
        "job": NAMED,
        "inputs": {"type": "array", "items": NAMED},
        "outputs": {"type": "array", "items": NAMED},
    },
}


def written(catenary: Catenary, folder: Path, *options: str) -> list[dict[str, Any]]:
    said = catenary(folder, "openlineage", *options)
    assert said.code == 0, said.err
    return [json.loads(line) for line in said.out.splitlines()]


def test_every_link_begins_and_ends_and_names_what_it_was_made_of(catenary: Catenary, made: Path) -> None:
    events = written(catenary, made)
    check = jsonschema.Draft202012Validator(RUN_EVENT, format_checker=jsonschema.FormatChecker())
    for event in events:
        check.validate(event)
    by_run: dict[str, list[str]] = {}
    for event in events:
        by_run.setdefault(event["run"]["runId"], []).append(event["eventType"])
    assert set(map(tuple, by_run.values())) == {("START", "COMPLETE")}
    artifacts = ids(catenary, made)
    ended = {event["job"]["name"]: event for event in events if event["eventType"] == "COMPLETE"}
    assert set(ended) == set(artifacts)
    for name, event in ended.items():
        [output] = event["outputs"]
        assert output["name"] == name
        assert output["facets"]["version"]["datasetVersion"] == artifacts[name]
        assert output["outputFacets"]["outputStatistics"]["size"] > 0
    model = {one["name"]: one for one in ended["models.kind"]["inputs"]}
    assert set(model) >= {"datasets.mail", "models.base"}
    assert model["models.base"]["facets"]["version"]["datasetVersion"] == artifacts["models.base"]
    [table] = ended["sources.table"]["inputs"]
    assert table["name"] == "mail.csv"
    assert table["facets"]["catenary_licence"]["licence"] == "CC0-1.0"
    assert written(catenary, made) == events
    assert written(catenary, made, "--after", "100000") == []


@pytest.fixture
def endpoint() -> Iterator[tuple[str, list[Any]]]:
    taken: list[Any] = []

    class Taking(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            full = self.path == "/full"
            if not full:
                taken.append((json.loads(body), self.headers["Authorization"]))
            self.send_response(507 if full else 201)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Taking)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", taken
    server.shutdown()
    server.server_close()


def test_they_are_sent_or_written(
    catenary: Catenary,
    made: Path,
    tmp_path: Path,
    endpoint: tuple[str, list[Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url, taken = endpoint
    monkeypatch.setenv("OPENLINEAGE_API_KEY", "secret")
    events = written(catenary, made)
    said = catenary(made, "openlineage", "--url", f"{url}/api/v1/lineage")
    assert said.code == 0, said.err
    assert taken == [(event, "Bearer secret") for event in events]
    refused = catenary(made, "openlineage", "--url", f"{url}/full")
    assert refused.code == 1
    assert "507" in refused.err
    assert catenary(made, "openlineage", "--url", "ftp://x").code == 2
    assert catenary(made, "openlineage", "--to", str(tmp_path / "events.ndjson")).code == 0
    assert [
        json.loads(line) for line in (tmp_path / "events.ndjson").read_text("utf-8").splitlines()
    ] == events
