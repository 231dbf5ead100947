"""`pip install 'catenary[serve]'` is enough to serve: models, applications and console, with nothing else installed."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.inference.writers import write_writer
from tests.notes import QUESTION, TEA
from tests.serve.chains import serving, upstream, write_chain
from tests.stages.mail import catenary, command, environment

ROOT = Path(__file__).parents[2]

CHAIN = """\
schema: 1
project: {name: notes, languages: [zh]}
sources:
  notes: {path: notes, licence: CC0-1.0}
  talks: {path: talks.jsonl, licence: CC0-1.0}
datasets:
  notes: {from: [notes]}
  talks: {from: [talks], split: {valid: 0.2, test: 0.2}}
indexes: {notes: {kind: passages, from: notes}}
models:
  base: {path: writer, licence: MIT}
  tiny: {init: base, task: chat, from: talks, steps: 1}
releases: {tiny: {from: tiny, quantise: int8, formats: [openvino], gates: [{licences: [MIT]}]}}
serve: {endpoints: {tiny: {release: tiny}}}
apps:
  notes: {kind: documents, index: notes}
  proof: {kind: proofread, model: tiny}
"""

TALK = '{{"messages": [{{"role": "user", "content": "go {0}"}}, {{"role": "assistant", "content": "gone {0}"}}]}}\n'

ABSENT = """\
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if any(name == one or name.startswith(one + ".") for one in {names!r}):
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())
"""


def _named(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _installed_by(wanted: list[str]) -> set[str]:
    """The names of the distributions that these requirements bring, with all that those require."""
    found, todo = set(), [(Requirement(one), "") for one in wanted]
    seen = set()
    while todo:
        requirement, extra = todo.pop()
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": extra}):
            continue
        for inner in ("", *requirement.extras):
            if (requirement.name, inner) in seen:
                continue
            seen.add((requirement.name, inner))
            found.add(_named(requirement.name))
            try:
                todo += [(Requirement(one), inner) for one in requires(requirement.name) or ()]
            except PackageNotFoundError:
                continue
    return found


@pytest.fixture(scope="module")
def only_serve(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a Python that can import what the extra brings, and no other package that is here."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    kept = _installed_by([*project["dependencies"], *project["optional-dependencies"]["serve"]]) | {
        "catenary"
    }
    names = {
        module
        for module, distributions in packages_distributions().items()
        if not kept & {_named(one) for one in distributions} and module != "catenary"
    }
    assert {"torch", "numba", "onnxruntime", "sklearn"} <= names
    names |= {"opentelemetry.sdk", "opentelemetry.exporter"}  # shares its first word with what FastAPI brings
    folder = tmp_path_factory.mktemp("only")
    (folder / "sitecustomize.py").write_text(ABSENT.format(names=names))
    return {"PYTHONPATH": os.pathsep.join([str(folder), str(ROOT / "src"), str(ROOT)])}


def test_models_applications_and_console_are_served(tmp_path: Path, only_serve: dict[str, str]) -> None:
    write_writer(tmp_path / "writer", max_position_embeddings=512)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes/tea.md").write_text(TEA, "utf-8")
    (tmp_path / "talks.jsonl").write_text("".join(map(TALK.format, range(20))))
    (tmp_path / "catenary.yaml").write_text(CHAIN, "utf-8")
    made = catenary(tmp_path, "run")
    assert made.returncode == 0, made.stderr
    with serving(tmp_path, **only_serve) as one, one.http() as http:
        for model, said in (("tiny", "go"), ("app/notes", QUESTION), ("app/proof", "go  go")):
            body = {"model": model, "messages": [{"role": "user", "content": said}], "max_tokens": 4}
            told = http.post("/v1/chat/completions", json=body)
            assert told.status_code == 200, (model, told.text)
            assert http.get(f"/v1/receipts/{told.headers['x-catenary-receipt']}/trace").status_code == 200
        assert http.get("/console/").status_code == 200


def test_what_spans_need_is_named_where_it_is_not_there(tmp_path: Path, only_serve: dict[str, str]) -> None:
    write_chain(tmp_path, endpoints={"words": upstream("http://127.0.0.1:9")})
    told = subprocess.run(
        command("serve", "--port", "0", "--unreleased"),
        cwd=tmp_path,
        env=environment() | only_serve | {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"},
        capture_output=True,
        text=True,
    )
    assert told.returncode != 0
    assert "pip install 'catenary[otel]'" in told.stderr
