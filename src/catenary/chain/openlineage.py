"""Runs as OpenLineage events, for catalogs that gather lineage from many tools (Marquez, DataHub, OpenMetadata).

    for event in events(store):      # a START and an end for each run, the oldest run first
        print(json.dumps(event))

A run is a link's, its job the link, its output the artifact: a dataset that has the link's name, and the artifact's id
for a version. Its inputs are the artifacts it was made from, and the files of a source. The ids of runs are made from
what the catalog says of them, so an event that is sent twice is the same event. No host and no text of a document is in
them; of an error there is its first line.
Specification 2-0-2: openlineage.io/spec/2-0-2/OpenLineage.json
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from catenary import __version__
from catenary.store import Artifact, RunRow, Store
from catenary.store.outside_files import FILES_TABLE, outside_files

PRODUCER = f"urn:catenary:{__version__}"
_SPEC = "https://openlineage.io/spec"
_CORE = f"{_SPEC}/2-0-2/OpenLineage.json#/$defs"
_ENDED = {"done": "COMPLETE", "failed": "FAIL", "interrupted": "ABORT", "lost": "ABORT"}


def events(store: Store, *, after: int = 0) -> Iterator[dict[str, Any]]:
    """The events of all runs numbered above `after`. A run that is still alive has begun and not ended."""
    for run in reversed(store.runs()):
        if run.id <= after or run.outcome == "reused":
            continue
        made = store.get(run.artifact_id) if run.outcome == "done" and store.has(run.artifact_id) else None
        yield _event("START", run.started_at, run, {"processing_engine": _ENGINE}, [], [])
        if run.outcome is not None:
            yield _event(
                _ENDED[run.outcome],
                run.ended_at or run.started_at,
                run,
                _run_facets(store, run),
                _inputs(store, made) if made else [],
                [_output(run, made)] if made else [],
            )


def _event(
    kind: str,
    at: datetime,
    run: RunRow,
    facets: Mapping[str, Any],
    inputs: list[dict[str, Any]],
    outputs: list[dict[str, Any]],
) -> dict[str, Any]:
    job_type = {"processingType": "BATCH", "integration": "CATENARY", "jobType": run.stage.upper()}
    return {
        "eventType": kind,
        "eventTime": at.astimezone(UTC).isoformat(),
        "producer": PRODUCER,
        "schemaURL": f"{_CORE}/RunEvent",
        "run": {"runId": run_uuid(run), "facets": dict(facets)},
        "job": {
            "namespace": run.chain,
            "name": run.link,
            "facets": {"jobType": _facet("facets/2-0-4/JobTypeJobFacet", **job_type)},
        },
        "inputs": inputs,
        "outputs": outputs,
    }


def run_uuid(run: RunRow) -> str:
    """A run's id in all its events."""
    said = [run.chain, run.link, run.artifact_id, run.id, run.started_at.astimezone(UTC).isoformat()]
    return str(uuid5(NAMESPACE_URL, f"catenary:{json.dumps(said)}"))


def _facet(schema: str, **values: Any) -> dict[str, Any]:
    url = (
        f"{_SPEC}/{schema}.json#/$defs/{schema.rpartition('/')[2]}" if "/" in schema else f"{_CORE}/{schema}"
    )
    return {"_producer": PRODUCER, "_schemaURL": url, **values}


_ENGINE = _facet("facets/1-1-1/ProcessingEngineRunFacet", name="Catenary", version=__version__)


def _run_facets(store: Store, run: RunRow) -> dict[str, Any]:
    figures = {one.name: one.value for one in store.metrics(run.id) if one.step is None}
    own = {
        "artifact": run.artifact_id,
        "outcome": run.outcome,
        "seconds": run.seconds,
        "peakMemoryBytes": run.peak_memory_bytes,
        "figures": {name: value for name, value in figures.items() if value == value},  # JSON has no NaN
    }
    facets = {"processing_engine": _ENGINE, "catenary_run": _facet("RunFacet", **own)}
    if run.outcome == "failed":
        told = {"message": (run.error or "").partition("\n")[0], "programmingLanguage": "PYTHON"}
        facets["errorMessage"] = _facet("facets/1-0-1/ErrorMessageRunFacet", **told)
    return facets


def _output(run: RunRow, made: Artifact) -> dict[str, Any]:
    statistics = {"size": made.manifest.size, "fileCount": len(made.manifest.files)}
    return {
        "namespace": run.chain,
        "name": run.link,
        "facets": _dataset_facets(made.id, made.kind),
        "outputFacets": {
            "outputStatistics": _facet("facets/1-0-2/OutputStatisticsOutputDatasetFacet", **statistics)
        },
    }


def _inputs(store: Store, made: Artifact) -> list[dict[str, Any]]:
    by_id = {id: role for role, id in sorted(made.manifest.inputs.items(), reverse=True)}
    makers = store.newest_runs(by_id)
    kinds = {row.id: row.kind for row in store.ancestors(made.id)}
    found = []
    for id in sorted(by_id):
        maker = makers.get(id)
        found.append(
            {
                "namespace": maker.chain if maker else "catenary",
                "name": maker.link if maker else id,
                "facets": _dataset_facets(id, kinds[id]),
                "inputFacets": {"catenary_role": _facet("InputDatasetFacet", role=by_id[id])},
            }
        )
    return found + _files(made)


def _files(made: Artifact) -> list[dict[str, Any]]:
    """The files of a source, from outside: where they are too many for its manifest, their table."""
    report = made.manifest.report
    files = outside_files(report)
    table = {"name": f"{report.get('source')}/{FILES_TABLE}", "sha256": files.sha256}
    where = f"package:{report['package']}" if report.get("package") else "file"
    licence = _facet("DatasetFacet", licence=report.get("licence"))
    return [
        {
            "namespace": where,
            "name": file["name"],
            "facets": {**_dataset_facets(file.get("sha256") or "", "file"), "catenary_licence": licence},
        }
        for file in (files.listed if files.listed or not files.count else [table])
    ]


def _dataset_facets(version: str, kind: str) -> dict[str, Any]:
    return {
        "version": _facet("facets/1-0-1/DatasetVersionDatasetFacet", datasetVersion=version),
        "datasetType": _facet("facets/1-0-1/DatasetTypeDatasetFacet", datasetType=kind.upper()),
    }
