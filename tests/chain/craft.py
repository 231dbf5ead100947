"""A chain of three tiny stages that really run: enough to plan, run, kill and trace without a model."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from catenary.chain.plan import Planned
from catenary.chain.stage import Ref, Settings, ShaOf, Stage, Work
from catenary.progress import SILENT, Progress
from catenary.store import Artifact


class TextSettings(Settings):
    path: str
    licence: str = "MIT"


class UpperSettings(Settings):
    from_: Annotated[str, Ref("sources")] = Field(alias="from")
    times: int = Field(default=1, ge=1)
    pause: float = 0.0


class CountSettings(Settings):
    from_: Annotated[str, Ref("datasets", parts=True)] = Field(alias="from")
    also: Annotated[list[str], Ref("datasets")] = Field(default=[])
    letters: str = "A"


def content(name: str, settings: TextSettings, base: Path, sha_of: ShaOf) -> Mapping[str, Any]:
    path = base / settings.path
    return {"files": [{"name": settings.path, "sha256": sha_of(path), "bytes": path.stat().st_size}]}


def collect(work: Work[TextSettings]) -> Mapping[str, Any]:
    (work.out / "text.txt").write_text((work.base / work.settings.path).read_text("utf-8"), "utf-8")
    return {"headline": {"files": 1}}


def upper(work: Work[UpperSettings]) -> Mapping[str, Any]:
    """Works line by line, noting in `state` how far it came, so that a killed run has something to go on from."""
    lines = (work.inputs["from"].path / "text.txt").read_text("utf-8").splitlines()
    done = work.state / "done.json"
    made: list[str] = json.loads(done.read_text("utf-8")) if done.exists() else []
    work.progress.begin("upper", len(lines), "lines")
    for line in lines[len(made) :]:
        time.sleep(work.settings.pause)
        made.append(line.upper() * work.settings.times)
        temporary = done.with_suffix(".new")
        temporary.write_text(json.dumps(made), "utf-8")
        temporary.replace(done)
        work.progress.advance(1)
    (work.out / "text.txt").write_text("\n".join(made), "utf-8")
    return {"headline": {"lines": len(made)}}


def count(work: Work[CountSettings]) -> Mapping[str, Any]:
    text = "".join((artifact.path / "text.txt").read_text("utf-8") for artifact in work.inputs.values())
    found = {letter: text.count(letter) for letter in work.settings.letters}
    (work.out / "counts.json").write_text(json.dumps(found), "utf-8")
    return {"headline": {"letters": sum(found.values())}, "counts": found}


STAGES: tuple[Stage[Any], ...] = (
    Stage("collect", 1, "sources", "collection", "data_engineer", TextSettings, collect, content=content),
    Stage("upper", 1, "datasets", "dataset", "data_engineer", UpperSettings, upper),
    Stage("count", 1, "models", "model", "researcher", CountSettings, count),
)

CHAIN = """\
schema: 1
project: {name: tiny, languages: [en]}
vars: {letters: AB}
sources:
  text: {path: text.txt}
datasets:
  loud: {from: text}
  louder: {from: text, times: 2}
models:
  count: {from: loud, letters: "${vars.letters}"}
  both: {from: loud.train, also: [louder], letters: "${vars.letters}C"}
"""


def write_chain(folder: Path, text: str = CHAIN) -> Path:
    """A folder with the chain and its text; the chain file's path."""
    (folder / "text.txt").write_text("a\nbb\nabc\n", "utf-8")
    path = folder / "catenary.yaml"
    path.write_text(text, "utf-8")
    return path


class Quiet:
    """A watcher that looks away."""

    def reused(self, step: Planned, artifact: Artifact) -> None: ...

    def started(self, step: Planned) -> Progress:
        return SILENT

    def ended(self, step: Planned, artifact: Artifact, seconds: float) -> None: ...

    def failed(self, step: Planned, error: BaseException) -> None: ...
