"""The pictures that a training stage leaves beside its weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any


def draw_losses(report: Mapping[str, Any], folder: Path) -> None:
    """`loss.svg`: the training loss over the steps, and the validation loss where it was measured; `samples.md`: the
    held-out documents with the least loss and with the most."""
    from catenary.evaluate.pictures import curves_picture

    series = {
        "training": [(step, loss) for step, loss in report["curve"]],
        "validation": [(one["step"], one["loss"]) for one in report["validations"]],
    }
    # In one language whatever the user's: an artifact is the same for everybody.
    picture = curves_picture(series, title="Loss", x_label="steps", y_label="loss", lang="en")
    (folder / "loss.svg").write_text(picture, "utf-8")
    if "samples" in report:
        (folder / "samples.md").write_text(_samples(report["samples"]), "utf-8")


def _samples(samples: Mapping[str, Any]) -> str:
    lines = []
    for name in ("worst", "best"):
        lines += [f"## {name}", "", "| loss | document | text |", "| ---: | ---: | --- |"]
        for one in samples[name]:
            text = one["text"].replace("|", "\\|")
            lines.append(f"| {one['loss']:.4f} | {one['document']} | {text} |")
        lines.append("")
    return "\n".join(lines)
