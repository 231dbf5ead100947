"""ensemble: several classifiers → one that gives the mean of their probabilities.

models:
  together: {family: ensemble, of: [linear, sentiment]}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from catenary.chain.stage import Estimate, Ref, Settings, Stage, Work


class EnsembleSettings(Settings):
    """Which models; they must have the same labels."""

    family: Literal["ensemble"]
    task: Literal["classify"] = "classify"
    of: Annotated[list[str], Ref("models")] = Field(min_length=2)


def run(work: Work[EnsembleSettings]) -> Mapping[str, Any]:
    from catenary.inference import load
    from catenary.inference.ensemble import write_ensemble

    members = [work.inputs[f"of.{name}"].path for name in work.settings.of]
    write_ensemble(work.out, members)
    labels = list(load(work.out).labels)  # refuses members that do not go together
    return {"headline": {"members": len(members)}, "labels": labels}


ENSEMBLE = Stage(
    name="ensemble",
    version=1,
    section="models",
    kind="model",
    owner="training_engineer",
    settings=EnsembleSettings,
    run=run,
    families=("ensemble",),
    takes=lambda raw: raw.get("family") == "ensemble",
    estimate=lambda settings, sizes: Estimate(1.0 + sum(sizes) / 1e8, 300 << 20, sum(sizes)),
)
