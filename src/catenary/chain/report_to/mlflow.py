"""Metrics as an MLflow run, many at a time: each request may cross a network."""

from __future__ import annotations

import json
import time

from mlflow import MlflowClient
from mlflow.entities import Metric, Param

from catenary.chain.report_to import Reported

AT_ONCE = 500  # MLflow takes at most 1000 metrics a request
SECONDS = 5.0
PARAM_LENGTH = 500  # what older tracking servers take
STATUS = {"done": "FINISHED", "failed": "FAILED", "interrupted": "KILLED"}


class MLflow:
    """An experiment a chain, a run a run."""

    def __init__(self, run: Reported) -> None:
        self.client = MlflowClient()
        known = self.client.get_experiment_by_name(run.chain)
        experiment = known.experiment_id if known else self.client.create_experiment(run.chain)
        tags = {"catenary.link": run.link, "catenary.artifact": run.artifact_id}
        self.id = self.client.create_run(
            experiment, run_name=f"{run.link} {run.run_id}", tags=tags
        ).info.run_id
        params = [
            Param(name, json.dumps(value, ensure_ascii=False)[:PARAM_LENGTH])
            for name, value in run.settings.items()
        ]
        self.client.log_batch(self.id, params=params)
        self.pending: list[Metric] = []
        self.written = time.monotonic()

    def metric(self, name: str, value: float, step: int | None) -> None:
        """A figure, sent with those around it."""
        self.pending.append(Metric(name, value, int(time.time() * 1000), step or 0))
        if len(self.pending) >= AT_ONCE or time.monotonic() - self.written > SECONDS:
            self._send()

    def close(self, outcome: str) -> None:
        """Send what is pending and say how it ended."""
        self._send()
        self.client.set_terminated(self.id, STATUS[outcome])

    def _send(self) -> None:
        self.client.log_batch(self.id, metrics=self.pending)
        self.pending = []
        self.written = time.monotonic()
