"""The machine-learning bill of materials: CycloneDX 1.6 (ECMA-424), as JSON.

The release is the component that the file is about; the models and datasets behind it, and the files of
each source, are its
components, each with SHA-256 digests; `dependencies` are the edges of the lineage. The serial number is drawn from the
release's id, and there is no timestamp, so that the same release has the same bytes.
"""

from __future__ import annotations

import json
import uuid
from typing import Any

from catenary.govern.documents.cards import precision
from catenary.govern.documents.dossier import Dossier, Made, documents_in, source_name
from catenary.store.outside_files import FILES_TABLE, outside_files

SPEC = "1.6"
NAMESPACE = uuid.UUID(
    "5d1c8f5e-6d0f-4a53-9f6d-0c7a7c1d2b1e"
)  # ours: serial numbers are UUIDs of version 5 in it
# SPDX identifiers that the standard's list has; others are given as names.
SPDX_IDS = """
0BSD AFL-3.0 AGPL-3.0-only Apache-2.0 Artistic-2.0 BSD-2-Clause BSD-3-Clause
BSL-1.0 CC-BY-3.0 CC-BY-4.0 CC-BY-NC-4.0 CC-BY-NC-SA-4.0 CC-BY-SA-3.0 CC-BY-SA-4.0
CC0-1.0 EPL-2.0 EUPL-1.2 GPL-2.0-only GPL-2.0-or-later GPL-3.0-only GPL-3.0-or-later
ISC LGPL-2.1-only LGPL-3.0-only MIT MPL-2.0 ODbL-1.0 OFL-1.1
PSF-2.0 Unlicense WTFPL Zlib
"""
SPDX = frozenset(SPDX_IDS.split())


def bill_of_materials(dossier: Dossier) -> str:
    """The file's text."""
    release = dossier.release
    components = [_component(one) for one in dossier.lineage if one.kind in ("model", "dataset", "tokenizer")]
    components += [_source(one) for one in dossier.lineage if one.kind == "collection"]
    known = {one["bom-ref"] for one in components} | {release.id}
    raw = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": SPEC,
        "serialNumber": f"urn:uuid:{uuid.uuid5(NAMESPACE, release.id)}",
        "version": 1,
        "metadata": {
            "tools": {
                "components": [{"type": "application", "name": "catenary", "version": dossier.version}]
            },
            "component": _release(dossier),
        },
        "components": components,
        "dependencies": [
            {"ref": one.id, "dependsOn": sorted({id for id in one.inputs.values() if id in known})}
            for one in [*dossier.lineage, release]
            if one.id in known
        ],
    }
    return json.dumps(raw, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def _release(dossier: Dossier) -> dict[str, Any]:
    release, model = dossier.release, dossier.model
    card: dict[str, Any] = {
        "modelParameters": {
            "task": str(model.settings.get("task", "")) or model.stage,
            "architectureFamily": str(model.settings.get("family") or "transformer"),
            "datasets": [{"ref": one.id} for one in dossier.of_kind("dataset")],
        },
        "quantitativeAnalysis": {
            "performanceMetrics": [
                {
                    "type": one.metric,
                    "value": f"{one.value:.6f}",
                    "slice": f"{one.model}, evaluation {one.evaluation[:12]}, n = {one.n}",
                    "confidenceInterval": {"lowerBound": f"{one.low:.6f}", "upperBound": f"{one.high:.6f}"},
                }
                for one in dossier.figures
            ]
        },
        "considerations": {
            "technicalLimitations": [
                gate["sentence"] for gate in release.report.get("gates", ()) if gate["outcome"] != "passed"
            ]
        },
    }
    return {
        "type": "machine-learning-model",
        "bom-ref": release.id,
        "name": dossier.name,
        "version": release.id[:12],
        "modelCard": card,
        "properties": [
            {"name": "catenary:precision", "value": precision(release)},
            {"name": "catenary:formats", "value": ", ".join(release.settings.get("formats", ()))},
        ],
        "components": _files(release),
        "licenses": _licences(sorted(dossier.licences)),
    }


def _component(one: Made) -> dict[str, Any]:
    component: dict[str, Any] = {
        "type": "machine-learning-model" if one.kind == "model" else "data",
        "bom-ref": one.id,
        "name": f"{one.stage} {one.id[:12]}",
        "version": one.id[:12],
        "components": _files(one),
    }
    if one.kind == "dataset":
        component["data"] = [
            {
                "type": "dataset",
                "name": one.id[:12],
                "contents": {"properties": [{"name": "documents", "value": str(documents_in(one))}]},
            }
        ]
    if one.report.get("licence"):
        component["licenses"] = _licences([str(one.report["licence"])])
    return component


def _source(one: Made) -> dict[str, Any]:
    outside = outside_files(one.report)
    files = [
        {"type": "file", "name": str(file["name"]), "hashes": [{"alg": "SHA-256", "content": file["sha256"]}]}
        for file in outside.listed
        if file.get("sha256")
    ]
    if outside.count and not outside.listed and FILES_TABLE in one.files:  # the list of them is itself a file
        files = [
            {
                "type": "file",
                "name": FILES_TABLE,
                "hashes": [{"alg": "SHA-256", "content": one.files[FILES_TABLE][0]}],
                "properties": [{"name": "files", "value": str(outside.count)}],
            }
        ]
    return {
        "type": "data",
        "bom-ref": one.id,
        "name": source_name(one),
        "version": str(one.report.get("version") or one.id[:12]),
        "data": [{"type": "dataset", "name": source_name(one)}],
        "components": files,
        "licenses": _licences([str(one.report.get("licence") or "unknown")]),
    }


def _files(one: Made) -> list[dict[str, Any]]:
    return [
        {
            "type": "file",
            "name": path,
            "bom-ref": f"{one.id}/{path}",
            "hashes": [{"alg": "SHA-256", "content": sha}],
        }
        for path, (sha, _) in sorted(one.files.items())
    ]


def _licences(names: list[str]) -> list[dict[str, Any]]:
    return [{"license": {"id": name} if name in SPDX else {"name": name or "unknown"}} for name in names]
