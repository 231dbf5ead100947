"""The JSON Schema of the chain file, made from the stages' own settings: what `catenary schema` prints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from catenary.chain.app_settings import KINDS
from catenary.chain.serve_settings import ServeSettings
from catenary.chain.spec import NAME, SCHEMA, SECTIONS, Project
from catenary.chain.stage import Stage


def json_schema(stages: Sequence[Stage[Any]]) -> dict[str, Any]:
    """JSON Schema 2020-12; a section with several stages accepts the settings of any of them."""
    definitions: dict[str, Any] = {}

    def of(settings: Any) -> dict[str, Any]:
        made: dict[str, Any] = settings.model_json_schema(by_alias=True, ref_template="#/$defs/{model}")
        definitions.update(made.pop("$defs", {}))
        return made

    sections: dict[str, Any] = {}
    for section in SECTIONS:
        arms = [of(stage.settings) | {"title": stage.name} for stage in stages if stage.section == section]
        sections[section] = {
            "type": "object",
            "propertyNames": {"pattern": f"^{NAME.pattern.removesuffix(chr(92) + 'Z')}$"},
            "additionalProperties": arms[0] if len(arms) == 1 else {"anyOf": arms},
        }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "catenary.yaml",
        "type": "object",
        "required": ["schema", "project"],
        "additionalProperties": False,
        "properties": {
            "schema": {"const": SCHEMA},
            "project": of(Project),
            "vars": {"type": "object"},
            **sections,
            "serve": of(ServeSettings),
            "apps": {
                "type": "object",
                "propertyNames": {"pattern": f"^{NAME.pattern.removesuffix(chr(92) + 'Z')}$"},
                "additionalProperties": {"anyOf": [of(app) | {"title": kind} for kind, app in KINDS.items()]},
            },
        },
        "$defs": definitions,
    }
