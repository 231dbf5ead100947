"""What a release is told: its model, precision and formats, what it must pass, who must sign; and what
goes together."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field, model_validator

from catenary.access.roles import role
from catenary.chain.gates import AnyGate, Gate, MetricGate, ParityGate, simple_gates
from catenary.chain.stage import Ref, Settings, references
from catenary.errors import InvalidInput
from catenary.stages.chat import ChatStageSettings, PreferenceStageSettings
from catenary.stages.evaluate import METRICS, EvaluateSettings
from catenary.stages.evaluate_index import EvaluateIndexSettings
from catenary.stages.finetune_tag import FinetuneTagSettings
from catenary.stages.seq2seq import NewSeq2SeqSettings, TunedSeq2SeqSettings

WRITERS = (ChatStageSettings, PreferenceStageSettings, NewSeq2SeqSettings, TunedSeq2SeqSettings)
DECODERS = (ChatStageSettings, PreferenceStageSettings)
Precision = Literal["none", "bf16", "fp16", "int8", "int8-static", "int4"]
Format = Literal["safetensors", "onnx", "openvino", "gguf", "exported"]
CHOICE = re.compile(r"smallest within (\d+(?:\.\d+)?) ?%")

# What each format holds, of classifiers and of decoders.
_HALVES: frozenset[Precision] = frozenset({"none", "bf16", "fp16"})
CLASSIFIER: Mapping[Format, frozenset[Precision]] = {
    "safetensors": _HALVES | {"int8", "int8-static"},
    "onnx": _HALVES | {"int8", "int8-static", "int4"},
    "openvino": frozenset({"none", "int8", "int4"}),
    "exported": frozenset({"none"}),
}
DECODER: Mapping[Format, frozenset[Precision]] = {
    "safetensors": frozenset({"none", "bf16", "fp16", "int8", "int4"}),  # beside others: as it was trained
    "openvino": frozenset({"none", "int8", "int4"}),
    "gguf": _HALVES | {"int8", "int4"},
    "exported": frozenset({"none"}),
}
ENCODER_DECODER: Mapping[Format, frozenset[Precision]] = {
    "safetensors": _HALVES | {"int8", "int4"},  # beside openvino: as it was trained
    "openvino": frozenset({"none", "int8", "int4"}),
}
SMALL_FORMATS = {"openvino", "gguf"}


def _roles(names: list[str]) -> list[str]:
    return sorted({role(name).name for name in names})


Signers = Annotated[list[str], AfterValidator(_roles)]
"""The roles that must sign."""


class ReleaseSettings(Settings):
    """What is released, how it is compressed, what it must pass, who must sign."""

    from_: Annotated[str, Ref("models")] = Field(alias="from")
    quantise: Precision = "int8"
    choose: str | None = Field(
        None,
        description="smallest within 1 %: every precision is tried, and the smallest that is as good is released",
    )
    formats: list[Format] = Field(default=["safetensors", "onnx"], min_length=1)
    evidence: str | None = Field(
        None, description="a folder of <requirement>.jsonl files, which profile gates count"
    )
    gates: list[AnyGate] = Field(default=[])
    sign_off: Signers = Field(default=["training_engineer", "compliance"], min_length=1)

    @model_validator(mode="after")
    def _one_choice(self) -> ReleaseSettings:
        if self.choose is None:
            return self
        if not CHOICE.fullmatch(self.choose.strip()):
            raise InvalidInput(
                "This is no way to choose a release's precision.",
                got=self.choose,
                expected="`choose: smallest within 1 %`",
            )
        if "quantise" in self.model_fields_set:
            raise InvalidInput("Say `quantise:`, or let it be chosen by `choose:`.", got=self.choose)
        return self

    @property
    def loss_allowed(self) -> float | None:
        """0.01 of "smallest within 1 %"; None where the precision is not chosen."""
        found = CHOICE.fullmatch(self.choose.strip()) if self.choose else None
        return float(found[1]) / 100 if found else None


def inputs(settings: ReleaseSettings) -> Mapping[str, str]:
    """The model, and every evaluation that a gate speaks of (`quality.sentiment.accuracy`)."""
    return references(settings) | evaluations_of(settings.gates)


def evaluations_of(gates: Sequence[Gate]) -> dict[str, str]:
    """role → link of every evaluation that a gate speaks of."""
    named = {name.split(".")[0] for name in _named(gates)}
    return {f"evaluation.{name}": f"evaluations.{name}" for name in sorted(named)}


def _named(gates: Sequence[Gate]) -> list[str]:
    """The figures that gates speak of."""
    asked = [gate for gate in simple_gates(gates) if isinstance(gate, MetricGate)]
    return [name for gate in asked for name in (gate.metric, gate.better_than) if name is not None]


def check(settings: ReleaseSettings, stands_on: Mapping[str, BaseModel]) -> None:
    """Every figure that a gate speaks of is one that its evaluation will measure; what writes is released whole."""
    _check_formats(settings, stands_on["from"])
    check_figures(settings.gates, stands_on)


def check_figures(gates: Sequence[Gate], stands_on: Mapping[str, BaseModel]) -> None:
    """Raises InvalidInput for a figure that its evaluation does not measure."""
    for name in _named(gates):
        evaluation, _, figure = name.partition(".")
        asked = stands_on[f"evaluation.{evaluation}"]
        assert isinstance(asked, EvaluateSettings | EvaluateIndexSettings)
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


def holds_of(model: BaseModel) -> Mapping[Format, frozenset[Precision]]:
    """What each format of a release of this model holds."""
    if isinstance(model, DECODERS):
        return DECODER
    return ENCODER_DECODER if isinstance(model, WRITERS) else CLASSIFIER


def _check_formats(settings: ReleaseSettings, model: BaseModel) -> None:
    holds, formats = holds_of(model), settings.formats
    writes, decoder = isinstance(model, WRITERS), isinstance(model, DECODERS)
    fit = all(fmt in holds for fmt in formats)
    if settings.choose is None:
        fit = fit and all(settings.quantise in holds[fmt] for fmt in formats)
    if writes and settings.choose is None and settings.quantise in ("int8", "int4"):
        fit = fit and bool(SMALL_FORMATS & set(formats))
    if settings.choose is not None and ((writes and not decoder) or isinstance(model, FinetuneTagSettings)):
        raise InvalidInput(
            "A precision is chosen for classifiers and for decoders.",
            got=settings.choose,
            expected="`quantise: int8`, or `none`",
        )
    if not fit:
        raise _refused(settings, writes=writes, decoder=decoder)
    served = SMALL_FORMATS & set(formats)
    if writes and not served and any(isinstance(gate, ParityGate) for gate in simple_gates(settings.gates)):
        raise InvalidInput(
            "The gate parity compares an export with the trained model; a writer's safetensors are the trained model.",
            got="parity",
        )


def _refused(settings: ReleaseSettings, *, writes: bool, decoder: bool) -> InvalidInput:
    got = f"{settings.choose or settings.quantise}, {', '.join(settings.formats)}"
    if not writes:
        return InvalidInput(
            "What does not write is released as safetensors (not int4), ONNX, openvino, or exported "
            "(as it was trained).",
            got=got,
            expected="`quantise: int8` or `none`, and `formats` of safetensors, onnx and openvino",
        )
    return InvalidInput(
        "A decoder is released as safetensors (as it was trained), openvino, gguf or exported; "
        "an encoder–decoder as safetensors or openvino.",
        got=got,
        expected="`quantise: int8` with `formats: [openvino]`",
    )
