"""All documents of a release, by file name."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

from catenary.govern.documents.bom import bill_of_materials
from catenary.govern.documents.cards import data_card, model_card
from catenary.govern.documents.dossier import Dossier
from catenary.govern.documents.filings import FILINGS, as_json, as_markdown, filing
from catenary.govern.documents.words import LANGS


def documents(dossier: Dossier) -> dict[str, str]:
    """file name → text. The same manifests give the same bytes. Of an index's release: its data cards."""
    if dossier.holds_index:
        return {f"data-card.{lang}.md": data_card(dossier, lang) for lang in LANGS}
    made = {"bom.cdx.json": bill_of_materials(dossier)}
    for lang in LANGS:
        made[f"model-card.{lang}.md"] = model_card(dossier, lang)
        made[f"data-card.{lang}.md"] = data_card(dossier, lang)
    for name in FILINGS:
        raw = filing(dossier, name)
        made[f"{name}.json"] = as_json(raw)
        for lang in LANGS:
            made[f"{name}.{lang}.md"] = as_markdown(raw, lang)
    return dict(sorted(made.items()))


def schema_of(name: str) -> dict[str, Any]:
    """The JSON Schema of the filings' JSON files."""
    path = files("catenary.govern.documents") / "schemas" / f"{name}.json"
    return dict(json.loads(path.read_text("utf-8")))
