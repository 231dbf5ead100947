"""The label of what a machine wrote: metadata in every answer, and a visible line where it is asked for.

GB 45438-2025 (in force from 2025-09-01; from a secondary source: check the official text before relying on it):
`ProduceID` is our receipt's id, so that a label found in the wild resolves to the release and its sign-offs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Label:
    """`producer` names who answers for the service. `visible`: the text put behind an answer in words, if any."""

    producer: str
    visible: str | None = None

    def metadata(self, receipt_id: str) -> dict[str, Any]:
        """What is put into the answer beside its text."""
        return {
            "AIGC": {
                "Label": "1",
                "ContentProducer": self.producer,
                "ProduceID": receipt_id,
                "ReservedCode1": "",
                "ContentPropagator": "",
                "PropagateID": "",
                "ReservedCode2": "",
            }
        }
