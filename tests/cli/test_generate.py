"""`catenary generate`, `chat`, `classify`, `embed` and `bench inference` as a user types them."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from tests.cli.conftest import Catenary
from tests.inference.writers import write_writer


@pytest.fixture(scope="module")
def writer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_writer(tmp_path_factory.mktemp("models") / "writer")


@pytest.fixture(autouse=True)
def kept_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CATENARY_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("engine", ["torch", "openvino"])
def test_generate_streams_what_json_tells(
    catenary: Catenary, tmp_path: Path, writer: Path, engine: str
) -> None:
    how = ("--engine", engine, "--max-tokens", "8", "--temperature", "1.5", "--seed", "3")
    said = catenary(tmp_path, "generate", str(writer), "悬链", *how, "--json")
    assert said.code == 0, said.err
    assert said.json["usage"]["completion_tokens"] == len(said.json["choices"][0]["ids"])
    streamed = catenary(tmp_path, "generate", str(writer), "悬链", *how)
    assert streamed.out == said.json["choices"][0]["text"] + "\n"


def test_generate_keeps_to_a_schema(catenary: Catenary, tmp_path: Path, writer: Path) -> None:
    (tmp_path / "schema.json").write_text('{"enum": ["链", "绳"]}')
    said = catenary(tmp_path, "generate", str(writer), "a", "--json-schema", "schema.json")
    assert json.loads(said.out) in ("链", "绳")
    both = catenary(tmp_path, "generate", str(writer), "a", "--json-schema", "schema.json", "--regex", "x")
    assert both.code == 2
    assert "one constraint" in both.err


def test_chat_remembers_until_told_to_forget(
    catenary: Catenary, tmp_path: Path, writer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("好\n好\n/new\n好\n/exit\nnever\n"))
    said = catenary(tmp_path, "chat", str(writer), "--max-tokens", "6", "--engine", "torch", "--json")
    assert said.code == 0, said.err
    replies = [json.loads(part + "}") for part in said.out.strip().split("}")[:-1]]
    assert len(replies) == 3
    assert replies[0] == replies[2]


@pytest.mark.parametrize(
    ("name", "told"), [("./nowhere", "no model folder"), ("nothing.gguf", "no model folder")]
)
def test_a_missing_model_is_named(catenary: Catenary, tmp_path: Path, name: str, told: str) -> None:
    said = catenary(tmp_path, "generate", name, "x")
    assert said.code == 3
    assert told in said.err


def test_bench_measures_engines_side_by_side(catenary: Catenary, tmp_path: Path, writer: Path) -> None:
    sizes = ("--prompt-tokens", "8", "--long-tokens", "16", "--new", "4", "--rounds", "1", "--at-once", "2")
    said = catenary(
        tmp_path, "bench", "inference", str(writer), "--engine", "torch", "--engine", "nothing", *sizes
    )
    assert said.code == 0, said.err
    assert "2 at once, tokens/s" in said.flat
    assert "nothing: InvalidInput" in said.flat
