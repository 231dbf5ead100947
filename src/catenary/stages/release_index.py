"""release_index: an index of passages → its digests, judged by gates, for people to sign: then it may be quoted from.

    releases:
      handbook:
        index: handbook
        gates: [{metric: questions.index.recall_at_5, at_least: 0.9}, {licences: [CC-BY-SA-3.0]}, {personal_data: 0}]
        sign_off: [data_engineer, compliance]

The release holds no copy: `index.json` names the index and the SHA-256 of each of its files, and what is signed and
sealed is that. `check_index` compares every file before one is read.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from functools import cache
from typing import Annotated, Any

from pydantic import BaseModel, Field

from catenary.chain.gates import AnyGate, Facts, ParityGate, ProfileGate, judge, simple_gates, verdict
from catenary.chain.stage import Estimate, Ref, Settings, Stage, Work, references
from catenary.digest import file_sha256
from catenary.errors import Damaged, InvalidInput
from catenary.stages.evaluate_index import EvaluateIndexSettings
from catenary.stages.index_passages import PassageSettings
from catenary.stages.release_facts import comparisons, licences, metrics, personal_data_in
from catenary.stages.release_settings import Signers, check_figures, evaluations_of
from catenary.store import Artifact

DIGESTS = "index.json"


class ReleaseIndexSettings(Settings):
    """Which index is released, what it must pass, who must sign."""

    index: Annotated[str, Ref("indexes")]
    gates: list[AnyGate] = Field(default=[])
    sign_off: Signers = Field(default=["data_engineer", "compliance"], min_length=1)


def inputs(settings: ReleaseIndexSettings) -> Mapping[str, str]:
    """The index, and every evaluation that a gate speaks of."""
    return references(settings) | evaluations_of(settings.gates)


def recipe(settings: ReleaseIndexSettings) -> Mapping[str, Any]:
    """The roles are part of it: another set of signers is another release."""
    return {
        "gates": [gate.model_dump(mode="json", exclude_none=True) for gate in settings.gates],
        "sign_off": settings.sign_off,
    }


def check(settings: ReleaseIndexSettings, stands_on: Mapping[str, BaseModel]) -> None:
    """Raises InvalidInput for what no index of passages has, and for figures of another index."""
    if not isinstance(stands_on["index"], PassageSettings):
        raise InvalidInput(
            "This index holds no passages.",
            got=settings.index,
            expected="`indexes: {name: {kind: passages, from: …}}`",
        )
    if any(isinstance(gate, ParityGate | ProfileGate) for gate in simple_gates(settings.gates)):
        raise InvalidInput(
            "The gates parity and profile judge models; an index is released by others.",
            got="parity, profile",
            expected="metric, licences, personal_data, all, any",
        )
    for role, of in stands_on.items():
        other = of.index if isinstance(of, EvaluateIndexSettings) else "-"
        if role != "index" and other != settings.index:
            raise InvalidInput(
                "A gate asks for figures of something else than the index that is released.",
                got=f"{role.removeprefix('evaluation.')} ({other})",
                expected="an evaluation with `index: {index}`",
                index=settings.index,
            )
    check_figures(settings.gates, stands_on)


def run(work: Work[ReleaseIndexSettings]) -> Mapping[str, Any]:
    settings, index = work.settings, work.inputs["index"]
    lineage = [*work.ancestors(index.id), index]
    work.progress.begin("judging", total=1 + len(settings.gates), unit="steps")
    digests = {name: entry.sha256 for name, entry in sorted(index.manifest.files.items())}
    told = json.dumps({"index": index.id, "files": digests}, indent=1) + "\n"
    (work.out / DIGESTS).write_text(told, "utf-8")
    work.progress.advance(1)
    facts = Facts(
        metrics=metrics(work.inputs),
        comparisons=comparisons(work.inputs),
        licences=licences(lineage),
        personal_data=cache(lambda: personal_data_in(_texts(index))),
    )
    results = []
    for gate in settings.gates:
        results += judge([gate], facts)
        work.progress.advance(1)
    outcome = verdict(results)
    report = index.manifest.report
    return {
        "headline": {"gates": outcome, "documents": report["documents"], "passages": report["passages"]},
        "gates": [asdict(result) for result in results],
        "outcome": outcome,
        "sizes": {name: entry.bytes for name, entry in sorted(index.manifest.files.items())},
    }


def _texts(index: Artifact) -> Iterator[str]:
    """All that may be quoted."""
    from catenary.search import SearchIndex

    return SearchIndex.open(index.path).texts()


def check_index(release: Artifact, index: Artifact) -> None:
    """Raise Damaged unless every file of the index is what was signed."""
    told = json.loads((release.path / DIGESTS).read_text("utf-8"))
    found = {
        name: file_sha256(index.path / name) if (index.path / name).is_file() else ""
        for name in told["files"]
    }
    changed = sorted(name for name, sha256 in told["files"].items() if found[name] != sha256)
    if told["index"] != index.id or changed:
        raise Damaged(
            "A file of the index is not what was signed, so it is not loaded.",
            where=str(index.path / changed[0]) if changed else str(index.path),
            next="catenary verify",
        )


RELEASE_INDEX = Stage(
    name="release_index",
    version=1,
    section="releases",
    kind="release",
    owner="data_engineer",
    settings=ReleaseIndexSettings,
    run=run,
    takes=lambda raw: "index" in raw,
    inputs=inputs,
    check=check,
    recipe=recipe,
    estimate=lambda settings, sizes: Estimate(2.0 + sum(sizes) / 5e6, 300 << 20, 1 << 16),
)
