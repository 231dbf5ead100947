"""finetune_tag: a pretrained encoder and documents whose words have tags → a tagger of entities or parts of speech.

    models:
      names: {init: base, task: tag, from: news, entities: [nr, ns, nt], join: [nr], units: characters}

Documents carry `tokens` and `tags` (docs/data-columns.md). Tags are learnt as they are, BIO or BIOES or parts of
speech; or, with `entities`, words with these parts of speech become entities (tagged.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from catenary.chain.stage import Ref, Stage, Work
from catenary.stages.finetune import estimate, headline_of
from catenary.stages.launched import LaunchedSettings
from catenary.stages.pictures import draw_losses
from catenary.stages.settings import part_of
from catenary.stages.sizes import TAGGING, dialled
from catenary.stages.tagged import TagViewSettings, tagged_of
from catenary.stages.watched import watched
from catenary.train.head_settings import TagSettings
from catenary.train.settings import TrainSettings


class FinetuneTagSettings(LaunchedSettings, TagSettings, TagViewSettings):
    """What to start from, which tags to learn (TagViewSettings), and how (TrainSettings, TagSettings)."""

    init: Annotated[str, Ref("models")]
    task: Literal["tag"]
    from_: Annotated[str, Ref("datasets")] = Field(alias="from")

    @model_validator(mode="before")
    @classmethod
    def _dial(cls, raw: Any) -> Any:
        return dialled(raw, TAGGING) if isinstance(raw, dict) else raw


def run(work: Work[FinetuneTagSettings]) -> Mapping[str, Any]:
    from catenary.train import Session, finetune_tagger

    dataset, view = work.inputs["from"].path, work.settings.view
    train, valid = tagged_of(dataset, "train", view), tagged_of(dataset, "valid", view)
    report = finetune_tagger(
        work.inputs["init"].path,
        train.words,
        train.tags,
        part_of(work.settings, TrainSettings),
        work.out,
        tagging=part_of(work.settings, TagSettings),
        valid=(valid.words, valid.tags),
        session=Session(work.state, work.progress, launch=work.settings.train),
    )
    draw_losses(report, work.out)
    labels = sorted({tag for row in train.tags for tag in row})
    return {"headline": headline_of(report, "f1", "accuracy"), "labels": labels, **report}


FINETUNE_TAG = Stage(
    name="finetune_tag",
    version=1,
    section="models",
    kind="model",
    owner="training_engineer",
    settings=FinetuneTagSettings,
    run=run,
    takes=lambda raw: "init" in raw and raw.get("task") == "tag",
    estimate=estimate,
    forecast=watched,
)
