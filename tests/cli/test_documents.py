"""The documents of a release of a real chain: from its manifests alone, the same bytes each time."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from catenary.govern.documents import schema_of
from tests.cli.conftest import Catenary, ids

MADE = {
    *(f"{name}.{lang}.md" for name in ("model-card", "data-card") for lang in ("en", "zh")),
    *(
        f"{name}.{end}"
        for name in ("eu-training-summary", "eu-annex-xi", "china-filing")
        for end in ("en.md", "zh.md")
    ),
    *("bom.cdx.json", "eu-training-summary.json", "eu-annex-xi.json", "china-filing.json"),
}


def test_they_are_written_from_the_manifests_and_the_same_each_time(
    catenary: Catenary, signed: Path, tmp_path: Path
) -> None:
    for folder in ("one", "two"):
        said = catenary(signed, "documents", "kind", "--to", str(tmp_path / folder), "--json")
        assert said.code == 0, said.err
        assert set(said.json["files"]) >= MADE
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes(), path.name
    made = ids(catenary, signed)
    card = (tmp_path / "one" / "model-card.en.md").read_text("utf-8")
    data = (tmp_path / "one" / "data-card.en.md").read_text("utf-8")
    assert made["releases.kind"][:12] in card
    for licence in ("MIT", "CC0-1.0"):
        assert licence in data
    bom = json.loads((tmp_path / "one" / "bom.cdx.json").read_text("utf-8"))
    assert bom["specVersion"] == "1.6"
    assert made["releases.kind"] in json.dumps(bom)
    for path in (tmp_path / "one").iterdir():
        text = path.read_text("utf-8")
        assert str(signed) not in text
        assert "Traceback" not in text


def test_bill_and_filings_are_as_their_schemas_say(catenary: Catenary, signed: Path, tmp_path: Path) -> None:
    assert catenary(signed, "documents", "kind", "--to", str(tmp_path)).code == 0
    bom = (tmp_path / "bom.cdx.json").read_text("utf-8")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(bom) is None
    for name in ("eu-training-summary", "eu-annex-xi", "china-filing"):
        jsonschema.validate(json.loads((tmp_path / f"{name}.json").read_text("utf-8")), schema_of("filing"))


def test_what_is_no_release_has_none(catenary: Catenary, made: Path, tmp_path: Path) -> None:
    model = ids(catenary, made)["models.kind"]
    assert catenary(made, "documents", model[:12], "--to", str(tmp_path)).code == 2
    assert list(tmp_path.iterdir()) == []
