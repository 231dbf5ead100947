"""Answering, without HTTP: run the engine, make the receipt, store it, answer. In this order.

`catenary ask` and the HTTP route both call `answer`; what the one leaves behind, the other does too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from catenary.digest import text_sha256
from catenary.errors import InvalidInput
from catenary.inference import Classifier, Scores, Stop, never
from catenary.serve.receipts import ClassifiedText, Receipt, ReleaseStatus, new_receipt_id

SaveReceipt = Callable[[Receipt], None]
"""Returns when the receipt is stored durably; raises if it cannot be."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A name that answers, and what stands behind it. `created` is in Unix seconds."""

    name: str
    classifier: Classifier
    release: str
    status: ReleaseStatus
    model_digest: str
    created: int = 0
    keep_texts: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """One `Scores` a text, and the receipt that is already stored."""

    scores: tuple[Scores, ...]
    receipt: Receipt


def answer(
    endpoint: Endpoint,
    texts: Sequence[str],
    *,
    save_receipt: SaveReceipt,
    app: str | None = None,
    stop: Stop = never,
) -> Answer:
    """Classify `texts` and leave a receipt.

    Raises InvalidInput for a text that cannot be read, Interrupted when `stop` says so; whatever
    `save_receipt` raises passes through, and then there is no answer.
    """
    for number, text in enumerate(texts, start=1):
        if not text.strip():
            raise InvalidInput("Text {number} is empty.", number=number, expected="some text to classify")
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    started = time.perf_counter()
    scores = tuple(endpoint.classifier.classify(texts, stop=stop))
    receipt = Receipt(
        id=new_receipt_id(),
        at=at,
        task="classify",
        endpoint=endpoint.name,
        release=endpoint.release,
        status=endpoint.status,
        model_digest=endpoint.model_digest,
        app=app,
        texts=tuple(
            ClassifiedText(
                sha256=text_sha256(text),
                text=text if endpoint.keep_texts else None,
                label=told.label,
                scores=told.probabilities,
                tokens=told.tokens,
                truncated=told.truncated,
            )
            for text, told in zip(texts, scores, strict=True)
        ),
        tokens=sum(told.tokens for told in scores),
        seconds=round(time.perf_counter() - started, 6),
    )
    save_receipt(receipt)
    return Answer(scores, receipt)
