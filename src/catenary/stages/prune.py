"""prune: a model → the same with fewer heads, neurons and layers; a link that goes on from it trains
what was lost back.

    models:
      thin:  {prune: sentiment, heads: 0.25, neurons: 0.5, layers: 1, from: reviews}
      small: {init: thin, task: classify, from: reviews, epochs: 1}          # recovery training

What matters is seen on training documents of `from`; the teacher of the recovery may be the whole model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from catenary.chain.stage import Estimate, Ref, Settings, Stage, Work
from catenary.data.texts import texts_of
from catenary.stages.open_model import open_model


class PruneSettings(Settings):
    """Which model, how much of it goes, and the dataset on which is seen what matters."""

    prune: Annotated[str, Ref("models")]
    from_: Annotated[str, Ref("datasets")] = Field(alias="from")
    heads: float = Field(0.0, ge=0, lt=1, description="share of the heads of each layer")
    neurons: float = Field(0.0, ge=0, lt=1, description="share of the neurons of each layer")
    layers: int = Field(0, ge=0, description="how many layers")
    weights: float = Field(0.0, ge=0, lt=1, description="share of single weights that become zero")
    texts: int = Field(64, ge=1, description="training documents that are looked at")


def run(work: Work[PruneSettings]) -> Mapping[str, Any]:
    from catenary.compress.prune import Pruning, prune
    from catenary.inference.folder import read_tokenizer
    from catenary.models import copy_companions, save

    settings, model = work.settings, work.inputs["prune"]
    whole = open_model(work, model)
    tokenizer = read_tokenizer(model.path)
    texts = [text for text in texts_of(work.inputs["from"].path, "train") if text.strip()][: settings.texts]
    longest = whole.config.max_position_embeddings
    rows = [ids for text in texts if (ids := list(tokenizer.encode(text).ids)[:longest])]
    how = Pruning(settings.heads, settings.neurons, settings.weights, settings.layers)
    made = prune(whole, rows, how)
    save(made.model, work.out)
    copy_companions(model.path, work.out)
    return {
        "headline": {"parameters": made.parameters_after, "parameters before": made.parameters_before},
        "parameters": made.parameters_after,
        "parameters_before": made.parameters_before,
        "layers": list(made.layers),
        "heads": [list(one) for one in made.heads],
        "neurons_per_layer": made.neurons_per_layer,
        "zeros": made.zeros,
        "labels": list(whole.labels or ()),
    }


PRUNE = Stage(
    name="prune",
    version=1,
    section="models",
    kind="model",
    owner="training_engineer",
    settings=PruneSettings,
    run=run,
    takes=lambda raw: "prune" in raw,
    estimate=lambda settings, sizes: Estimate(10.0, 1000 << 20, max(sizes, default=0)),
)
