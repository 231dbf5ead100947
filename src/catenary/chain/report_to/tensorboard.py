"""Metrics as TensorBoard's event files. torch is not needed."""

from __future__ import annotations

import time

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from catenary.chain.report_to import Reported


class TensorBoard:
    """A folder a run: `tensorboard --logdir .catenary/tensorboard`."""

    def __init__(self, run: Reported) -> None:
        self.writer = EventFileWriter(str(run.home / "tensorboard" / run.link / f"{run.run_id:06d}"))

    def metric(self, name: str, value: float, step: int | None) -> None:
        """A scalar."""
        summary = Summary(value=[Summary.Value(tag=name, simple_value=value)])
        self.writer.add_event(Event(wall_time=time.time(), step=step or 0, summary=summary))

    def close(self, outcome: str) -> None:
        """Write what is pending."""
        self.writer.close()
