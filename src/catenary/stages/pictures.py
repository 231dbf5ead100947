"""The pictures that a training stage leaves beside its weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any


def draw_losses(report: Mapping[str, Any], folder: Path) -> None:
    """`loss.svg`: the training loss over the steps, and the validation loss where it was measured."""
    from catenary.evaluate.pictures import curves_picture

    series = {
        "training": [(step, loss) for step, loss in report["curve"]],
        "validation": [(one["step"], one["loss"]) for one in report["validations"]],
    }
    # In one language whatever the user's: an artifact is the same for everybody.
    picture = curves_picture(series, title="Loss", x_label="steps", y_label="loss", lang="en")
    (folder / "loss.svg").write_text(picture, "utf-8")
