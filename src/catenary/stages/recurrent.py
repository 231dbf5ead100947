"""recurrent: a dataset's training split → an LSTM or GRU, a language model or a classifier: a neural control.

    models:
      gru: {family: gru, from: reviews, tokenizer: zh}                       # beside the Transformer that writes
      lstm: {family: lstm, task: classify, from: reviews, tokenizer: zh}     # beside the one that classifies

`size:` is a dial as for other models. A language model's perplexity is of the same tokens as the n-gram's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from catenary.chain.stage import Estimate, Ref, Stage, Work
from catenary.data.texts import labelled_texts_of, texts_of
from catenary.errors import InvalidInput
from catenary.stages.pictures import draw_losses
from catenary.stages.settings import part_of
from catenary.stages.sizes import Size, dialled
from catenary.stages.watched import watched
from catenary.train.settings import RecurrentSettings, TrainSettings

BYTES_PER_SECOND = 20e3  # of a dataset's Parquet files and one pass
TOKENS_PER_SECOND = 8e3

SHAPES: Mapping[str, Mapping[str, Any]] = {
    "nano": {"embedding_size": 256, "hidden_size": 256, "num_hidden_layers": 1},
    # The medium and the large model of Zaremba et al. 2014, §4.1
    "small": {"embedding_size": 650, "hidden_size": 650, "num_hidden_layers": 2},
    "base": {"embedding_size": 1500, "hidden_size": 1500, "num_hidden_layers": 2},
}
WRITING: Mapping[str, Any] = {
    "epochs": 4,
    "least_steps": 600,
    "batch_tokens": 512,
    "learning_rate": 4e-3,
    "dropout": 0.3,
}
CLASSIFYING: Mapping[str, Any] = {
    "epochs": 4,
    "least_steps": 300,
    "batch_size": 32,
    "learning_rate": 2e-3,
    "dropout": 0.3,
}


class RecurrentLinkSettings(TrainSettings, RecurrentSettings):
    """The model's shape (RecurrentSettings), how it is trained (TrainSettings), what it learns and from what."""

    family: Literal["lstm", "gru"]
    task: Literal["clm", "classify"] = "clm"
    size: Size = "nano"
    from_: Annotated[str, Ref("datasets")] = Field(alias="from")
    tokenizer: Annotated[str, Ref("tokenizers")]

    @model_validator(mode="before")
    @classmethod
    def _dial(cls, raw: Any) -> Any:
        if not isinstance(raw, dict) or raw.get("size", "nano") not in SHAPES:
            return raw
        training = CLASSIFYING if raw.get("task") == "classify" else WRITING
        return dialled(raw, {**training, **SHAPES[raw.get("size", "nano")]})

    @model_validator(mode="after")
    def _fits_task(self) -> RecurrentLinkSettings:
        stray = "bidirectional" if self.task == "clm" else "tie_word_embeddings"
        if stray in self.model_fields_set:
            raise InvalidInput(
                "This setting does not go with the task {task}.",
                task=self.task,
                got=stray,
                expected="bidirectional with classify, tie_word_embeddings with clm",
            )
        return self


def run(work: Work[RecurrentLinkSettings]) -> Mapping[str, Any]:
    return _classifier(work) if work.settings.task == "classify" else _language_model(work)


def _language_model(work: Work[RecurrentLinkSettings]) -> Mapping[str, Any]:
    from catenary.models.baselines import Recurrent
    from catenary.tokenizer import load
    from catenary.train import train_recurrent_lm

    dataset, settings = work.inputs["from"].path, work.settings
    held_out = list(texts_of(dataset, "valid"))
    report: dict[str, Any] = {
        **train_recurrent_lm(
            list(texts_of(dataset, "train")),
            work.inputs["tokenizer"].path,
            settings.family,
            part_of(settings, TrainSettings),
            work.out,
            shape=part_of(settings, RecurrentSettings),
            valid=held_out,
            state=work.state,
            progress=work.progress,
        )
    }
    draw_losses(report, work.out)
    headline = {"parameters": report["parameters"], "steps": report["steps"]}
    if held_out:
        totals = Recurrent.load(work.out).totals(load(work.out).encode_batch(held_out))
        figures = {
            "perplexity": round(totals.perplexity, 3),
            "bits per byte": round(totals.bits_per_byte(sum(len(text.encode()) for text in held_out)), 4),
        }
        headline |= figures
        report["valid"] = {
            **report["valid"],
            **figures,
            "tokens": totals.tokens,
            "documents": totals.sequences,
        }
    return {"headline": headline, **report}


def _classifier(work: Work[RecurrentLinkSettings]) -> Mapping[str, Any]:
    from catenary.train import train_recurrent_classifier

    dataset, settings = work.inputs["from"].path, work.settings
    texts, labels = labelled_texts_of(dataset, "train")
    report = train_recurrent_classifier(
        texts,
        labels,
        work.inputs["tokenizer"].path,
        settings.family,
        part_of(settings, TrainSettings),
        work.out,
        shape=part_of(settings, RecurrentSettings),
        valid=labelled_texts_of(dataset, "valid"),
        state=work.state,
        progress=work.progress,
    )
    draw_losses(report, work.out)
    headline: dict[str, Any] = {"parameters": report["parameters"], "steps": report["steps"]}
    if report["valid"]:
        headline["valid accuracy"] = round(report["valid"]["accuracy"], 4)
    return {"headline": headline, "labels": sorted(set(labels)), **report}


def estimate(settings: RecurrentLinkSettings, sizes: Sequence[int]) -> Estimate:
    """By the passes over the dataset, or the steps and their tokens; width counts squared."""
    slower = max(1.0, (settings.hidden_size / 256) ** 2 * settings.num_hidden_layers)
    seconds = sizes[0] * (settings.epochs or 1) / BYTES_PER_SECOND
    if settings.steps and settings.batch_tokens:
        seconds = settings.steps * settings.batch_tokens / TOKENS_PER_SECOND
    return Estimate(5 + seconds * slower, 1400 << 20, 64 << 20)


RECURRENT = Stage(
    name="recurrent",
    version=1,
    section="models",
    kind="model",
    owner="researcher",
    settings=RecurrentLinkSettings,
    run=run,
    families=("lstm", "gru"),
    takes=lambda raw: raw.get("family") in ("lstm", "gru"),
    estimate=estimate,
    forecast=watched,
)
