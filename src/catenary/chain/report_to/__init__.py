"""Metrics to where a team looks at them, beside the catalog: TensorBoard and MLflow, where they are installed.

    CATENARY_REPORT_TO=tensorboard,mlflow catenary run

It is the environment that says so, for it is no part of what is made. TensorBoard's files stand in
`.catenary/tensorboard/<link>/<run>`; MLflow goes where MLFLOW_TRACKING_URI says.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from catenary.errors import InvalidInput

VARIABLE = "CATENARY_REPORT_TO"


@dataclass(frozen=True)
class Reported:
    """The run that metrics belong to."""

    chain: str
    link: str
    run_id: int
    artifact_id: str
    settings: Mapping[str, Any]
    home: Path


class Sink(Protocol):
    """Where metrics go."""

    def metric(self, name: str, value: float, step: int | None) -> None:
        """One figure; called often."""

    def close(self, outcome: str) -> None:
        """The run has ended: done, failed or interrupted."""


def sinks(run: Reported, environ: Mapping[str, str] | None = None) -> list[Sink]:
    """What the environment asks for. Raises InvalidInput for a name that is not known or a package that is missing."""
    asked = (os.environ if environ is None else environ).get(VARIABLE, "")
    return [_made(name.strip(), run) for name in asked.split(",") if name.strip()]


def _tensorboard(run: Reported) -> Sink:
    from catenary.chain.report_to.tensorboard import TensorBoard

    return TensorBoard(run)


def _mlflow(run: Reported) -> Sink:
    from catenary.chain.report_to.mlflow import MLflow

    return MLflow(run)


EXTRAS = {"tensorboard": "metrics", "mlflow": "mlflow"}
SINKS: dict[str, Callable[[Reported], Sink]] = {"tensorboard": _tensorboard, "mlflow": _mlflow}


def _made(name: str, run: Reported) -> Sink:
    if name not in SINKS:
        raise InvalidInput(
            "Metrics cannot be reported to this.", got=f"{VARIABLE}={name}", expected=", ".join(SINKS)
        )
    try:
        return SINKS[name](run)
    except ImportError as error:
        raise InvalidInput(
            "{name} is not installed.",
            name=name,
            where=VARIABLE,
            got=str(error),
            next=f"pip install 'catenary[{EXTRAS[name]}]'",
        ) from error
