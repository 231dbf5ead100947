"""release: a trained model → a compressed, exported, judged artifact that people sign: the only thing that is served.

    releases:
      sentiment:
        from: sentiment
        quantise: int8
        formats: [safetensors, onnx]
        gates: [{metric: quality.sentiment.accuracy, at_least: 0.80}, {parity: 0.995}, {licences: [MIT]}]
        sign_off: [data_engineer, training_engineer, compliance]

The gates judge facts that are gathered here: figures of evaluations, agreement of each export with the trained model on
held-out documents, the licences of every source, personal data left in the training text. Their evidence is part of
the artifact; the sign-offs, over its digests, are not. `standing.py` says whether a release may be served.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, field_validator

from catenary.access.roles import role
from catenary.chain.gates import AnyGate, Comparison, Facts, Metric, MetricGate, ParityGate, judge, verdict
from catenary.chain.stage import Estimate, Ref, Settings, Stage, Work, references
from catenary.data.texts import texts_of
from catenary.errors import InvalidInput
from catenary.stages.chat import ChatStageSettings, PreferenceStageSettings
from catenary.stages.evaluate import METRICS, EvaluateSettings
from catenary.stages.open_model import open_model
from catenary.stages.seq2seq import NewSeq2SeqSettings, TunedSeq2SeqSettings
from catenary.store import Artifact

WRITERS = (ChatStageSettings, PreferenceStageSettings, NewSeq2SeqSettings, TunedSeq2SeqSettings)
WRITER_STAGES = ("chat", "preference", "seq2seq", "tune_seq2seq")
PARITY_TEXTS = 5000  # held-out documents that trained and exported model both answer


class ReleaseSettings(Settings):
    """What is released, how it is compressed, what it must pass, who must sign."""

    from_: Annotated[str, Ref("models")] = Field(alias="from")
    quantise: Literal["none", "int8"] = "int8"
    formats: list[Literal["safetensors", "onnx"]] = Field(default=["safetensors", "onnx"], min_length=1)
    gates: list[AnyGate] = Field(default=[])
    sign_off: list[str] = Field(default=["training_engineer", "compliance"], min_length=1)

    @field_validator("sign_off")
    @classmethod
    def _roles(cls, value: list[str]) -> list[str]:
        return sorted({role(name).name for name in value})


def inputs(settings: ReleaseSettings) -> Mapping[str, str]:
    """The model, and every evaluation that a gate speaks of (`quality.sentiment.accuracy`)."""
    evaluations = {
        name.split(".")[0]
        for gate in settings.gates
        if isinstance(gate, MetricGate)
        for name in (gate.metric, gate.better_than)
        if name is not None
    }
    return references(settings) | {
        f"evaluation.{name}": f"evaluations.{name}" for name in sorted(evaluations)
    }


def check(settings: ReleaseSettings, stands_on: Mapping[str, BaseModel]) -> None:
    """Every figure that a gate speaks of is one that its evaluation will measure; what writes is released whole."""
    if isinstance(stands_on["from"], WRITERS):
        _check_writer(settings)
    for gate in settings.gates:
        for name in (gate.metric, gate.better_than) if isinstance(gate, MetricGate) else ():
            if name is None:
                continue
            evaluation, _, figure = name.partition(".")
            asked = stands_on[f"evaluation.{evaluation}"]
            assert isinstance(asked, EvaluateSettings)
            model, _, metric = figure.partition(".")
            measured = [
                f"{model}.{metric}"
                for model in asked.of
                for metric in asked.metrics or METRICS
                if metric != "confusion"
            ]
            if model not in asked.of or metric == "confusion" or not asked.measures(metric):
                raise InvalidInput(
                    "A gate asks for a metric that was not measured.",
                    got=name,
                    expected="one of: {names}",
                    names=", ".join(f"{evaluation}.{one}" for one in measured),
                )


def recipe(settings: ReleaseSettings) -> Mapping[str, Any]:
    """The roles are part of it: another set of signers is another release."""
    return {
        "quantise": settings.quantise,
        "formats": sorted(settings.formats),
        "gates": [gate.model_dump(mode="json", exclude_none=True) for gate in settings.gates],
        "sign_off": settings.sign_off,
    }


def run(work: Work[ReleaseSettings]) -> Mapping[str, Any]:
    from catenary.compress import export

    settings = work.settings
    model = work.inputs["from"]
    writes = model.stage in WRITER_STAGES
    if model.stage != "finetune" and not writes:
        raise InvalidInput(
            "Models of this kind are not released by this version.",
            where=work.link,
            got=f"{work.names['from']} ({model.stage})",
            expected="a model with `init:` and a `task:` of classify, chat, preference, translate or summarise",
        )
    work.progress.begin("exporting", total=2 + len(settings.gates), unit="steps")
    quantise = None if settings.quantise == "none" else settings.quantise
    if writes:
        _write_whole(work, model)
    else:
        export(model.path, work.out, formats=settings.formats, quantise=quantise)
    work.progress.advance(1)
    lineage = [*work.ancestors(model.id), model]
    facts = Facts(
        metrics=_metrics(work.inputs),
        comparisons=_comparisons(work.inputs),
        parity=cache(lambda: _parity(work, lineage)),
        licences=_licences(lineage),
        personal_data=cache(lambda: _personal_data(lineage)),
    )
    results = []
    for gate in settings.gates:
        results += judge([gate], facts)
        work.progress.advance(1)
    sizes = {path.name: path.stat().st_size for path in sorted(work.out.iterdir())}
    outcome = verdict(results)
    return {
        "headline": {"gates": outcome, "size": sum(sizes.values()), "trained size": model.manifest.size},
        "gates": [asdict(result) for result in results],
        "outcome": outcome,
        "sizes": sizes,
        "labels": model.manifest.report.get("labels", []),
    }


def _check_writer(settings: ReleaseSettings) -> None:
    if settings.quantise != "none" or settings.formats != ["safetensors"]:
        raise InvalidInput(
            "A model that writes is released in full precision by this version, its adapter folded in.",
            got=f"{settings.quantise}, {', '.join(settings.formats)}",
            expected="`quantise: none` and `formats: [safetensors]`",
        )
    if any(isinstance(gate, ParityGate) for gate in settings.gates):
        raise InvalidInput(
            "The gate parity compares an exported classifier with the trained one; what writes is exported as it is.",
            got="parity",
        )


def _write_whole(work: Work[ReleaseSettings], model: Artifact) -> None:
    """The model as Hugging Face lays it out, any adapter folded in, with its tokenizer and template."""
    from catenary.models import copy_companions, save

    save(open_model(work, model), work.out)
    copy_companions(model.path, work.out)


def _evaluations(inputs: Mapping[str, Artifact]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for role_name, artifact in inputs.items():
        kind, _, name = role_name.partition(".")
        if kind == "evaluation":
            yield name, artifact.manifest.report


def _metrics(inputs: Mapping[str, Artifact]) -> dict[str, Metric]:
    return {
        f"{evaluation}.{model}.{metric}": Metric(figure["value"], figure["low"], figure["high"], figure["n"])
        for evaluation, report in _evaluations(inputs)
        for model, figures in report["metrics"].items()
        for metric, figure in figures.items()
    }


def _comparisons(inputs: Mapping[str, Artifact]) -> dict[tuple[str, str], Comparison]:
    """Each pair both ways: a gate may name either first."""
    found: dict[tuple[str, str], Comparison] = {}
    for evaluation, report in _evaluations(inputs):
        for row in report["comparisons"]:
            first, second = (f"{evaluation}.{row[side]}.{row['metric']}" for side in ("first", "second"))
            of = row["difference"]
            found[first, second] = Comparison(of["value"], of["low"], of["high"], row["p"], of["n"])
            found[second, first] = Comparison(-of["value"], -of["high"], -of["low"], row["p"], of["n"])
    return found


def _parity(work: Work[ReleaseSettings], lineage: Sequence[Artifact]) -> Mapping[str, Any]:
    """Agreement of the export that is served with the trained model, on the test split of what it was tuned on."""
    from catenary.compress import parity
    from catenary.inference import load

    trained = next(artifact for artifact in lineage if artifact.id == work.inputs["from"].id)
    dataset = next(artifact for artifact in lineage if artifact.id == trained.manifest.inputs["from"])
    texts = [*texts_of(dataset.path, "test"), *texts_of(dataset.path, "valid")][:PARITY_TEXTS]
    if not texts:
        raise InvalidInput(
            "There are no held-out documents to compare the exported model on.",
            where=work.link,
            expected="a dataset whose `split:` gives `test` or `valid` a share",
        )
    return asdict(parity(load(trained.path).classify, load(work.out).classify, texts))


def _licences(lineage: Sequence[Artifact]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for artifact in lineage:
        if artifact.kind == "collection" or artifact.stage == "adopt":
            report = artifact.manifest.report
            found.setdefault(report["licence"], []).append(report["source"])
    return found


def _personal_data(lineage: Sequence[Artifact]) -> Mapping[str, int]:
    """Personal data of every kind that is known, in the training texts of every dataset behind the model."""
    from catenary.data import find

    found: Counter[str] = Counter()
    for artifact in lineage:
        if artifact.kind == "dataset":
            for text in texts_of(artifact.path, "train"):
                found.update(span.kind for span in find(text))
    return dict(sorted(found.items()))


RELEASE = Stage(
    name="release",
    version=1,
    section="releases",
    kind="release",
    owner="training_engineer",
    settings=ReleaseSettings,
    run=run,
    inputs=inputs,
    check=check,
    recipe=recipe,
    estimate=lambda settings, sizes: Estimate(8.0, 1400 << 20, sizes[0] if sizes else 0),
)
