"""What fine-tuning an encoder's head can be told, beside how weights are moved."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from catenary.errors import InvalidInput

Weighting = Literal["none", "balanced"] | dict[str, float]


class PerturbSettings(BaseModel):
    """Adversarial training: the embeddings are moved to where the loss rises; see objectives/perturbed.py."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    method: Literal["fgm", "freelb"] = "fgm"
    epsilon: float = Field(0.5, gt=0, description="longest move of a text's embeddings (Frobenius norm)")
    steps: int = Field(3, ge=1, description="ascents of freelb")
    step_size: float = Field(0.2, gt=0, description="length of an ascent of freelb")


class HeadSettings(BaseModel):
    """What every head can be told."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    label_smoothing: float = Field(0.0, ge=0, lt=1, description="Szegedy et al. 2016, §7")
    adversarial: PerturbSettings | None = Field(None, description="train on perturbed embeddings too")


class TagSettings(HeadSettings):
    """How words are tagged."""

    class_weights: Weighting = Field("none", description="balanced, or a weight a label")
    focal: float = Field(0.0, ge=0, description="γ of the focal loss (Lin et al. 2017); 0: none")
    overlap: int = Field(32, ge=0, description="tokens that two windows of a long text share")


class ReadSettings(HeadSettings):
    """How answers are found."""

    overlap: int = Field(64, ge=0, description="tokens that two windows of a long passage share")


class ClassifySettings(HeadSettings):
    """How texts (or pairs of them) are classified; nothing beside plain cross-entropy, by default."""

    kind: Literal["one", "several", "number"] = Field(
        "one", description="one label a text, several or none (column `labels`), or a number (regression)"
    )
    class_weights: Weighting = Field("none", description="balanced, or a weight a label")
    focal: float = Field(0.0, ge=0, description="γ of the focal loss (Lin et al. 2017); 0: none")
    oversample: bool = Field(
        False, description="repeat documents of rare labels as often as the commonest has"
    )
    shots: int | None = Field(None, ge=1, description="train on so many documents of each label, by the seed")
    mlm_weight: float = Field(
        0.0, ge=0, description="weight of a masked-LM loss beside it; 0: nothing is hidden"
    )
    mask_rate: float = Field(
        0.15, gt=0, lt=1, description="share of the ordinary tokens that are hidden, if any"
    )

    @model_validator(mode="after")
    def _fits_kind(self) -> ClassifySettings:
        wrong = {
            "number": ("class_weights", "focal", "oversample", "shots", "label_smoothing", "mlm_weight"),
            "several": ("oversample", "shots", "label_smoothing", "mlm_weight"),
            "one": (),
        }[self.kind]
        given = [name for name in wrong if getattr(self, name) not in (None, False, 0.0, "none")]
        if given:
            raise InvalidInput(
                "These settings do not go with `kind: {kind}`.",
                kind=self.kind,
                got=", ".join(given),
                expected="kind: one, or without them",
            )
        return self
