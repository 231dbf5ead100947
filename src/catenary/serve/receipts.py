"""What a served answer leaves behind.

A receipt names everything that made the answer: the release and its status, the model's digest, the input
(its SHA-256 always, its text where the endpoint and the key keep it), what was answered, the settings, the guard's
verdicts, what it cost. It is stored before the answer leaves, so no answer is out in the world without one.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

ReleaseStatus = Literal["released", "unreleased"]
Outcome = Literal["complete", "blocked", "cut", "held", "refused"]

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

    Of a classifier `texts` says what was asked and told. Of a writer `asked` holds the conversation's digest and, where
    it is kept, its text, and the settings; `answers` each answer's digest, text, why it ended. `outcome` is cut where
    the client left or the engine failed: what was written until then is told and billed. `cache` says that the answer
    was known, and `cached`, where the question was not the same to the letter, the receipt that it was first given
    under, and how near that question is; `attempt` above 0 that the client tried before.
    `made` is what an application says of its answer: template, passages, citations. `outcome` is held while the answer
    waits for a person: it is in the `draft`, which is kept elsewhere; refused, once he did not sign it.
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
    key: str | None = None
    request: str | None = None
    attempt: int = 0
    asked: Mapping[str, Any] = field(default_factory=dict)
    answers: tuple[Mapping[str, Any], ...] = ()
    input_tokens: int | None = None
    output_tokens: int = 0
    cached_tokens: int = 0
    first_token_seconds: float | None = None
    outcome: Outcome = "complete"
    cache: Literal["exact", "semantic"] | None = None
    cached: Mapping[str, Any] = field(default_factory=dict)
    upstream: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    made: Mapping[str, Any] = field(default_factory=dict)
    draft: Mapping[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, as stored and as shown: all but the draft."""
        told = asdict(replace(self, draft=None))
        del told["draft"]
        told["texts"] = [dict(text) for text in told["texts"]]
        told["guard"] = [dict(verdict) for verdict in told["guard"]]
        told["answers"] = [dict(answer) for answer in told["answers"]]
        return told


def answer_id(prefix: str, receipt_id: str) -> str:
    """An id from which the receipt's follows."""
    return f"{prefix}{receipt_id.removeprefix('rcpt_')}"


def new_receipt_id() -> str:
    """`rcpt_` and 128 random bits: not to be guessed, so knowing one is knowing the answer."""
    return f"rcpt_{secrets.token_hex(16)}"
