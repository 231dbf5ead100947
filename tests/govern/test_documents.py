"""Each document validates against its schema, is the same bytes again, and says nothing that no manifest holds."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import jsonschema
import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from catenary.govern.documents import FILINGS, Dossier, Made, documents, filing, schema_of

A, B, C, D, E, F = (f"{digit}" * 64 for digit in "abcdef")
SOURCE = Made(
    A, "collection", "collect", {"format": "lines"}, {}, {"raw.parquet": ("1" * 64, 900)},
    {"licence": "MIT", "source": "reviews", "documents": 1200, "version": "0.12.3",
     "files": [{"name": "neg.txt", "sha256": "2" * 64, "records": 1200}]},
)  # fmt: skip
NEWS = replace(SOURCE, id=B, report={**SOURCE.report, "licence": None, "source": "news | wire"})
DATASET = Made(
    C, "dataset", "curate", {"steps": [{"name": "normalise"}, {"name": "dedup"}]}, {"from.a": A, "from.b": B},
    {"train.parquet": ("3" * 64, 800)},
    {"documents": 2400, "kept": 2000, "characters": {"before": 90000, "after": 70000},
     "licences": {"MIT": 1000, "": 1000}, "dropped": {"1 dedup": {"copy": 400}}},
)  # fmt: skip
MODEL = Made(
    D, "model", "finetune", {"task": "classify", "epochs": 3}, {"from": C}, {"model.safetensors": ("4" * 64, 4000)},
    {"parameters": 1000, "labels": ["bad", "good"]},
)  # fmt: skip
EVALUATION = Made(
    E, "evaluation", "evaluate", {}, {"of.m": D, "on": C}, {},
    {"metrics": {"m": {"accuracy": {"value": 0.87, "low": 0.85, "high": 0.89, "n": 1700}}}},
)  # fmt: skip
RELEASE = Made(
    F, "release", "release", {"quantise": "int8", "formats": ["onnx"], "gates": [], "sign_off": ["compliance"]},
    {"from": D, "evaluation.q": E}, {"model.onnx": ("5" * 64, 1000), "config.json": ("6" * 64, 10)},
    {"labels": ["bad", "good"], "gates": [
        {"gate": {"personal_data": 0}, "outcome": "passed", "sentence": "0 pieces left", "evidence": {}},
        {"gate": {"licences": ["MIT"]}, "outcome": "warned", "sentence": "licences: unknown", "evidence": {}}]},
)  # fmt: skip
DOSSIER = Dossier("sentiment", RELEASE, [SOURCE, NEWS, DATASET, MODEL, EVALUATION], "0.1.0")


def test_documents_are_the_same_bytes_again() -> None:
    again = Dossier("sentiment", RELEASE, [SOURCE, NEWS, DATASET, MODEL, EVALUATION], "0.1.0")
    assert documents(DOSSIER) == documents(again)
    assert set(documents(DOSSIER)) == {
        "bom.cdx.json",
        *(f"{name}.{lang}.md" for name in ("model-card", "data-card", *FILINGS) for lang in ("en", "zh")),
        *(f"{name}.json" for name in FILINGS),
    }


def test_the_bill_of_materials_is_cyclonedx() -> None:
    text = documents(DOSSIER)["bom.cdx.json"]
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    raw = json.loads(text)
    assert {one["bom-ref"] for one in raw["components"]} == {A, B, C, D}
    edges = {one["ref"]: one["dependsOn"] for one in raw["dependencies"]}
    assert edges == {A: [], B: [], C: [A, B], D: [C], F: [D]}
    assert "timestamp" not in text
    metric = raw["metadata"]["component"]["modelCard"]["quantitativeAnalysis"]["performanceMetrics"][0]
    assert metric["confidenceInterval"] == {"lowerBound": "0.850000", "upperBound": "0.890000"}


@pytest.mark.parametrize("name", FILINGS)
def test_filings_validate_and_bind_every_field(name: Any) -> None:
    raw = filing(DOSSIER, name)
    jsonschema.validate(json.loads(json.dumps(raw)), schema_of("filing"))
    known = {one.id for one in DOSSIER.lineage} | {RELEASE.id}
    for field in raw["fields"]:
        assert (field["state"] == "open") == (field["value"] is None)
        assert set(field["artifacts"]) <= known
        assert field["state"] == "open" or field["artifacts"]


def test_a_field_without_its_artifact_does_not_validate() -> None:
    raw = filing(DOSSIER, "eu-annex-xi")
    next(one for one in raw["fields"] if one["state"] == "filled")["artifacts"] = []
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(raw, schema_of("filing"))


@pytest.mark.parametrize("name", [name for name in documents(DOSSIER) if name.endswith(".zh.md")])
def test_chinese_documents_are_chinese(name: str) -> None:
    text = documents(DOSSIER)[name]
    headings = [line for line in text.splitlines() if line.startswith("#")]
    assert all(re.search(r"[\u4e00-\u9fff]", line) for line in headings), headings


def test_cards_tell_sources_licences_and_what_went() -> None:
    made = documents(DOSSIER)
    assert "| reviews | MIT | 1,200 |" in made["data-card.en.md"]
    assert "news \\| wire | unknown" in made["data-card.en.md"]
    assert "| 1 dedup | copy | 400 |" in made["data-card.en.md"]
    assert "| m | accuracy | 0.8700 | 0.8500–0.8900 | 1,700 |" in made["model-card.en.md"]
    assert "| 警告 | licences: unknown |" in made["model-card.zh.md"]
    assert "70,000" in made["eu-training-summary.zh.md"]


def test_another_number_in_a_manifest_is_another_number_in_the_documents() -> None:
    more = replace(DATASET, report={**DATASET.report, "kept": 1999})
    changed = replace(DOSSIER, lineage=[SOURCE, NEWS, more, MODEL, EVALUATION])
    assert documents(changed)["data-card.en.md"] != documents(DOSSIER)["data-card.en.md"]
