"""distil: a teacher, a smaller student of the same vocabulary and raw text → a student that has learnt from both.

    models:
      small: {init: tiny, task: distil, from: news, teacher: large, distil: {temperature: 2.0, weight: 0.5}}

Chat models and translators learn from a teacher by `teacher:` in their own links (`chat.py`, `seq2seq.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from catenary.chain.stage import Ref, Stage, Work
from catenary.data.texts import texts_of
from catenary.stages.chat import estimate
from catenary.stages.open_model import open_model
from catenary.stages.pictures import draw_losses
from catenary.stages.settings import part_of
from catenary.stages.sizes import GOING_ON, dialled
from catenary.train.settings import TrainSettings
from catenary.train.text_settings import DistilSettings


class DistilStageSettings(TrainSettings):
    """The student to start from, the teacher, what both read, and how (TrainSettings, DistilSettings)."""

    init: Annotated[str, Ref("models")]
    task: Literal["distil"]
    from_: Annotated[str, Ref("datasets")] = Field(alias="from")
    teacher: Annotated[str, Ref("models")]
    distil: DistilSettings = DistilSettings()

    @model_validator(mode="before")
    @classmethod
    def _dial(cls, raw: Any) -> Any:
        return dialled(raw, GOING_ON) if isinstance(raw, dict) else raw


def run(work: Work[DistilStageSettings]) -> Mapping[str, Any]:
    from catenary.train import distil_texts

    dataset, init = work.inputs["from"].path, work.inputs["init"]
    report = distil_texts(
        open_model(work, init, "clm"),
        init.path,
        open_model(work, work.inputs["teacher"], "clm"),
        list(texts_of(dataset, "train")),
        part_of(work.settings, TrainSettings),
        work.out,
        distil=work.settings.distil,
        valid=list(texts_of(dataset, "valid")),
        state=work.state,
        progress=work.progress,
    )
    draw_losses(report, work.out)
    headline = {
        "parameters": report["parameters"],
        "steps": report["steps"],
        "loss": round(report["curve"][-1][1], 3),
    }
    if report["valid"]:
        headline["perplexity"] = round(report["valid"]["perplexity"], 3)
    return {"headline": headline, **report}


DISTIL = Stage(
    name="distil",
    version=1,
    section="models",
    kind="model",
    owner="training_engineer",
    settings=DistilStageSettings,
    run=run,
    takes=lambda raw: "init" in raw and raw.get("task") == "distil",
    estimate=estimate,
)
