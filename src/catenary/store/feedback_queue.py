"""From what users said of answers to text that a model may learn from: a queue, a decision, a correction.

Feedback whose giver agreed to more than being read waits in the queue until a person accepts or rejects it. What comes
out is what people wrote or vouched for: an edit as the answer it puts right, an answer that was praised as it stands.
What a model said and nobody judged never comes out; nor does what the receipt holds no longer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from catenary.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from catenary.store.receipts import Feedback
    from catenary.store.store import Store

REVIEW = "review"
Decision = Literal["accepted", "rejected"]
USES = ("evaluation", "training")  # what a giver may agree to; training is not evaluation


@dataclass(frozen=True, slots=True)
class Waiting:
    """One thing said of an answer, with what was asked and answered; `decision` is None while it waits."""

    id: int
    receipt: str
    kind: str
    value: Any
    comment: str | None
    consent: str
    licence: str
    question: str | None
    answer: str | None
    messages: tuple[Mapping[str, Any], ...] | None
    app: str | None
    decision: Decision | None
    by: str | None


def queue(store: Store) -> list[Waiting]:
    """All feedback that may be used for something, in the order it came."""
    rows = store.feedback()
    decisions = {row.body["of"]: row for row in rows if row.kind == REVIEW}
    return [
        _waiting(store, row, decisions.get(row.id))
        for row in rows
        if row.consent in USES and row.kind != REVIEW
    ]


def decide(store: Store, number: int, decision: Decision, by: str) -> None:
    """Keep a person's decision; a later one counts. Raises NotFound where no such feedback may be used."""
    row = next((one for one in store.feedback() if one.id == number), None)
    if row is None or row.kind == REVIEW or row.consent not in USES:
        raise NotFound(
            "There is no feedback of this number that may be used.",
            got=str(number),
            expected="a number that `catenary feedback list` shows",
        )
    if not by.strip():
        raise InvalidInput("A decision names who made it.", expected="--by NAME")
    body = {"of": number, "decision": decision, "by": by}
    store.add_feedback(row.receipt_id, kind=REVIEW, body=body, consent="none", licence="")


def corrections(store: Store, use: str = "training") -> Iterator[dict[str, Any]]:
    """Conversations with the answer that people want: what was accepted, and agreed to be used so, under a licence."""
    for one in queue(store):
        if one.decision != "accepted" or one.consent != use or not one.licence or one.messages is None:
            continue
        wanted = wanted_answer(one)
        if wanted is not None:
            told = [
                {"role": message["role"], "content": message["content"]}
                for message in one.messages
                if message.get("role") in ("user", "assistant")
            ]
            yield {
                "messages": [*told, {"role": "assistant", "content": wanted}],
                "licence": one.licence,
                "consent": one.consent,
                "receipt": one.receipt,
                "feedback": one.id,
            }


def wanted_answer(one: Waiting) -> str | None:
    """The edit; or the answer itself, where it was praised. None: it says only that the answer is wrong."""
    if one.kind == "edit":
        return one.value if isinstance(one.value, str) and one.value.strip() else None
    praised = (one.kind == "thumb" and one.value in (True, 1, "up")) or (
        one.kind == "rating" and isinstance(one.value, int | float) and one.value >= 4
    )
    return one.answer if praised else None


def _waiting(store: Store, row: Feedback, review: Feedback | None) -> Waiting:
    body = store.receipt(row.receipt_id).body
    messages = (body.get("asked") or {}).get("messages")
    conversation = messages[0] if messages and isinstance(messages[0], list) else None
    held = body.get("outcome") in ("held", "refused")  # what was told there is no answer
    answers = [{}] if held else body.get("answers") or [{}]
    asked = [str(one.get("content")) for one in conversation or () if one.get("role") == "user"]
    return Waiting(
        id=row.id,
        receipt=row.receipt_id,
        kind=row.kind,
        value=row.body.get("value"),
        comment=row.body.get("comment"),
        consent=row.consent,
        licence=row.licence,
        question=asked[-1] if asked else None,
        answer=answers[0].get("text"),
        messages=None if conversation is None else tuple(conversation),
        app=body.get("app"),
        decision=None if review is None else review.body["decision"],
        by=None if review is None else review.body["by"],
    )
