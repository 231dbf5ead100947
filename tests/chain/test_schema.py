"""The JSON Schema that ships with the package, for editors."""

from __future__ import annotations

import json
from importlib.resources import files

from catenary.chain.schema import json_schema
from catenary.chain.spec import SECTIONS
from catenary.stages import STAGES


def test_the_schema_that_ships_is_the_one_that_the_stages_make() -> None:
    shipped = json.loads(files("catenary").joinpath("catenary.schema.json").read_text("utf-8"))
    assert shipped == json.loads(json.dumps(json_schema(STAGES))), (
        "catenary schema > src/catenary/catenary.schema.json"
    )


def test_every_section_and_stage_is_in_it() -> None:
    schema = json_schema(STAGES)
    assert set(SECTIONS) <= schema["properties"].keys()
    models = schema["properties"]["models"]["additionalProperties"]["anyOf"]
    assert {arm["title"] for arm in models} == {stage.name for stage in STAGES if stage.section == "models"}
