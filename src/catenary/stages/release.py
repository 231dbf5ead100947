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
DECODERS = (ChatStageSettings, PreferenceStageSettings)
WRITER_STAGES = ("chat", "preference", "seq2seq", "tune_seq2seq")
PARITY_TEXTS = 5000  # held-out documents that trained and exported model both answer
PARITY_TALKS = 100  # and that both read, place by place, where the model writes


class ReleaseSettings(Settings):
    """What is released, how it is compressed, what it must pass, who must sign."""

    from_: Annotated[str, Ref("models")] = Field(alias="from")
    quantise: Literal["none", "int8", "int4"] = "int8"
    formats: list[Literal["safetensors", "onnx", "openvino"]] = Field(
        default=["safetensors", "onnx"], min_length=1
    )
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
    model = stands_on["from"]
    if isinstance(model, WRITERS):
        _check_writer(settings, decoder=isinstance(model, DECODERS))
    elif settings.quantise == "int4" or "openvino" in settings.formats:
        raise InvalidInput(
            "What does not write is released as safetensors and ONNX, with int8 weights or as it is.",
            got=f"{settings.quantise}, {', '.join(settings.formats)}",
            expected="`quantise: int8` or `none`, and `formats` of safetensors and onnx",
        )
    for gate in settings.gates:
        for name in (gate.metric, gate.better_than) if isinstance(gate, MetricGate) else ():
            if name is None:
                continue
            evaluation, _, figure = name.partition(".")
            asked = stands_on[f"evaluation.{evaluation}"]
            assert isinstance(asked, EvaluateSettings)
            of, _, metric = figure.partition(".")
            measured = [
                f"{one}.{metric}"
                for one in asked.of
                for metric in asked.metrics or METRICS
                if metric != "confusion"
            ]
            if of not in asked.of or metric == "confusion" or not asked.measures(metric):
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
    from catenary.compress import FORMATS, export

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
    if writes:
        _write_whole(work, model)
    else:
        formats = [name for name in FORMATS if name in settings.formats]
        export(
            model.path, work.out, formats=formats, quantise=None if settings.quantise == "none" else "int8"
        )
    work.progress.advance(1)
    lineage = [*work.ancestors(model.id), model]
    facts = Facts(
        metrics=_metrics(work.inputs),
        comparisons=_comparisons(work.inputs),
        parity=cache(lambda: _token_parity(work, lineage) if writes else _parity(work, lineage)),
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


def _check_writer(settings: ReleaseSettings, *, decoder: bool) -> None:
    formats = set(settings.formats)
    allowed = {"safetensors", "openvino"} if decoder else {"safetensors"}
    small = settings.quantise != "none"
    if not formats <= allowed or (small and "openvino" not in formats):
        raise InvalidInput(
            "A decoder is released as safetensors (as it was trained) and openvino (int8, int4 or as it was trained); "
            "an encoder–decoder as safetensors.",
            got=f"{settings.quantise}, {', '.join(settings.formats)}",
            expected="`quantise: int8` with `formats: [openvino]`"
            if decoder
            else "`quantise: none` and `formats: [safetensors]`",
        )
    if "openvino" not in formats and any(isinstance(gate, ParityGate) for gate in settings.gates):
        raise InvalidInput(
            "The gate parity compares an export with the trained model; a writer's safetensors are the trained model.",
            got="parity",
        )


def _write_whole(work: Work[ReleaseSettings], model: Artifact) -> None:
    """The model as Hugging Face lays it out, any adapter folded in, with its tokenizer and template; what OpenVINO
    serves it from beside it or in place of its weights."""
    from catenary.models import copy_companions, save

    whole = open_model(work, model)
    save(whole, work.out)
    copy_companions(model.path, work.out)
    settings = work.settings
    if "openvino" in settings.formats:
        from catenary.inference.openvino.convert import write_openvino

        write_openvino(whole, work.out, "f32" if settings.quantise == "none" else settings.quantise)
    if "safetensors" not in settings.formats:
        for file in work.out.glob("*.safetensors*"):
            file.unlink()


def _token_parity(work: Work[ReleaseSettings], lineage: Sequence[Artifact]) -> Mapping[str, Any]:
    """How often the export that is served finds the same token likeliest, on held-out conversations."""
    from catenary.compress import token_parity
    from catenary.inference.generator_folder import open_generator
    from catenary.stages.dialogues import preferences_of, talks_of

    trained = work.inputs["from"]
    dataset = next(artifact for artifact in lineage if artifact.id == trained.manifest.inputs["from"])
    talks = []
    for split in ("test", "valid"):
        if trained.stage == "preference":
            held_out = preferences_of(dataset.path, split)
            talks += [[*prompt, {"role": "assistant", "content": reply}] for prompt, reply, _ in held_out]
        else:
            talks += talks_of(dataset.path, split)
    if not talks:
        raise InvalidInput(
            "There are no held-out documents to compare the exported model on.",
            where=work.link,
            expected="a dataset whose `split:` gives `test` or `valid` a share",
        )
    opened = open_generator(work.out)
    texts = [
        list(opened.tokenizer.encode(opened.template.render(talk), add_special_tokens=False).ids)
        for talk in talks[:PARITY_TALKS]
    ]
    return asdict(token_parity(open_model(work, trained), work.out, texts))


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
