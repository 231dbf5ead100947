"""What a served answer leaves behind.

A receipt names everything that made the answer: the release and its status, the model's digest, the input
(its SHA-256 always, its text where the endpoint keeps it), the scores, the guard's verdicts. It is stored
before the answer leaves, so no answer is out in the world without one.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

ReleaseStatus = Literal["released", "unreleased"]

RECEIPT_ID = re.compile(r"rcpt_[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class ClassifiedText:
    """One text of a request and what the model said; `text` is None where texts are not kept."""

    sha256: str
    text: str | None
    label: str
    scores: Mapping[str, float]
    tokens: int
    truncated: bool


@dataclass(frozen=True, slots=True)
class Receipt:
    """The receipt of one request. `at` is UTC in ISO 8601; `seconds` is the engine's time; `app` is None for
    a direct call.
    """

    id: str
    at: str
    task: str
    endpoint: str
    release: str
    status: ReleaseStatus
    model_digest: str
    app: str | None
    texts: tuple[ClassifiedText, ...]
    tokens: int
    seconds: float
    guard: tuple[Mapping[str, Any], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, as stored and as shown."""
        told = asdict(self)
        told["texts"] = [dict(text) for text in told["texts"]]
        told["guard"] = [dict(verdict) for verdict in told["guard"]]
        return told


def new_receipt_id() -> str:
    """`rcpt_` and 128 random bits: not to be guessed, so knowing one is knowing the answer."""
    return f"rcpt_{secrets.token_hex(16)}"
