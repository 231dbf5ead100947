"""`catenary generate`, `chat`, `classify`, `embed` and `bench inference` as a user types them."""

from __future__ import annotations

import io
import json
import os
import signal
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from catenary.inference.measure import Case, cases, measure
from tests.cli.conftest import Catenary
from tests.inference.writers import write_reader, write_writer


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


def test_texts_are_labelled_and_embedded_by_openvino(catenary: Catenary, tmp_path: Path) -> None:
    labels, vectors = (
        write_reader(tmp_path / "labels", "classify"),
        write_reader(tmp_path / "vectors", "embed"),
    )

    def told(*asked: str) -> list[Any]:
        said = [
            catenary(tmp_path, *asked, "悬链", "--engine", engine, "--json")
            for engine in ("openvino", "torch")
        ]
        assert [one.code for one in said] == [0, 0], said[0].err
        return [one.json[0] for one in said]

    fast, trained = told("classify", str(labels))
    assert fast["label"] == trained["label"]
    fast, trained = told("embed", str(vectors))
    assert sum(a * b for a, b in zip(fast["vector"], trained["vector"], strict=True)) > 0.98


def dies(tokens: int) -> Any:
    """An engine whose process is killed when it is asked for so many tokens."""

    def answer(prompts: Any, new: int) -> None:
        if new == tokens:
            os.kill(os.getpid(), signal.SIGKILL)

    return answer


def test_an_engine_whose_process_dies_is_told_and_the_others_go_on() -> None:
    engines = {"frail": partial(dies, 4), "stillborn": partial(dies, 1), "sound": partial(dies, 99)}
    told = measure(engines, cases([2], 8, 16, 4), vocab_size=50, rounds=1)
    assert "ended: -9" in str(told["frail"].failed)
    assert "ended: -9" in str(told["stillborn"].failed)
    assert told["sound"].failed is None
    assert told["sound"].aggregate(Case(2, 8, 4))


def test_bench_measures_engines_side_by_side(catenary: Catenary, tmp_path: Path, writer: Path) -> None:
    sizes = ("--prompt-tokens", "8", "--long-tokens", "16", "--new", "4", "--rounds", "1", "--at-once", "2")
    said = catenary(
        tmp_path, "bench", "inference", str(writer), "--engine", "torch", "--engine", "nothing", *sizes
    )
    assert said.code == 0, said.err
    assert "2 at once, tokens/s" in said.flat
    assert "nothing: InvalidInput" in said.flat
