"""match: nothing learnt → the control of every reader: what stands beside the stretch most like the question.

models:
  nearest: {family: match, task: read}
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

from catenary.chain.stage import Estimate, Settings, Stage, Work
from catenary.files import write_whole


class MatchSettings(Settings):
    """Nothing to choose."""

    family: Literal["match"]
    task: Literal["read"] = "read"


def run(work: Work[MatchSettings]) -> Mapping[str, Any]:
    config = json.dumps({"family": "match", "format": 1}, indent=2)
    write_whole(work.out / "config.json", (config + "\n").encode())
    return {"headline": {"parameters": 0}}


MATCH = Stage(
    name="match",
    version=1,
    section="models",
    kind="model",
    owner="researcher",
    settings=MatchSettings,
    run=run,
    families=("match",),
    takes=lambda raw: raw.get("family") == "match",
    estimate=lambda settings, sizes: Estimate(0.1),
)
