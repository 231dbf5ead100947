"""Answers that wait for a person: who may sign them, what is signed, and that only what was signed is told.

    decide(store, "rcpt_…", "approved")                       # by the person at this machine, in the role
    decide(store, "rcpt_…", "edited", text="…", why="dose")   # the receipt holds it from now on, and who signed
    told(store, "rcpt_…")                                     # what its asker may read: checked anew each time

A decision is a statement in a DSSE envelope (`govern/signing.py`) over the digests of the question, the draft and the
answer. Who writes to the catalog past it gets nothing told.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from typing import Any, Literal

from sqlalchemy import Connection

from catenary.access import (
    KnownKey,
    add_key,
    api_key_rows,
    claim,
    conflict,
    known_key,
    local_person,
    own_key,
    passphrase_from_environment,
    recording,
    require_role,
    single_user,
)
from catenary.db import now
from catenary.digest import text_sha256
from catenary.errors import Damaged, InvalidInput, NotFound, Refused
from catenary.govern.signing import envelope_of, signature_holds, statement_of
from catenary.stages.held_text import moved
from catenary.store import Receipt, Store, releases
from catenary.store.held import Held, held_row, keep_decision
from catenary.store.receipts import receipt as receipt_row
from catenary.store.receipts import stands_on

PAYLOAD_TYPE = "application/vnd.catenary.held-answer.v1+json"
Choice = Literal["approved", "edited", "refused"]


def held_named(store: Store, name: str) -> Held:
    """The held answer whose receipt's id begins so. Raises NotFound, InvalidInput where several do."""
    found = store.held_answers(prefix=name) if name else []
    if len(found) > 1:
        raise InvalidInput("Several held answers begin so.", got=name, expected="more of the id")
    if not found:
        raise NotFound(
            "No answer is held under this id.",
            got=name,
            expected="the id of a receipt, as `catenary held list` shows it",
            next="catenary held list",
        )
    return found[0]


def decide(
    store: Store,
    receipt_id: str,
    choice: Choice,
    *,
    why: str = "",
    text: str | None = None,
    person: str | None = None,
    key_name: str = "owner",
) -> Receipt:
    """Sign for an answer as it stands (approved), for `text` in its place (edited), or that it is not given (refused).

    Raises NotFound where none is held under this id; Refused where it waits no more, for who may not sign it, and where
    what it stands on was withdrawn or erased; InvalidInput where an edit or a refusal gives no reason.
    """
    if choice != "approved" and not why.strip():
        raise InvalidInput("Why is it not given as it is?", expected="a reason: who asked will read it")
    if (choice == "edited") != (text is not None) or (text is not None and not text.strip()):
        raise InvalidInput("An edited answer has a text, and no other decision has.", expected="some text")
    who = person or local_person()
    key = own_key(store.home.keys, key_name, passphrase_from_environment())
    with recording(store.engine, store.home) as log:
        held = held_row(log.connection, receipt_id)
        if held is None:
            raise NotFound("No answer is held under this id.", got=receipt_id, next="catenary held list")
        if not held.waits or held.draft is None:
            raise Refused("This answer waits no more.", got=held.decision, next="catenary held list")
        receipt = receipt_row(log.connection, receipt_id)
        claim(log, who)
        _require_may_sign(log.connection, receipt, held.role, who)
        if choice != "refused":
            _require_stands(store, receipt)
        add_key(log, key.public, who, by=who)
        body = _decided(receipt.body, held.draft, choice, text)
        statement = {
            "receipt": receipt_id,
            "app": held.app,
            "role": held.role,
            "person": who,
            "decision": choice,
            "why": why.strip(),
            "asked": receipt.body["asked"]["sha256"],
            "draft": text_sha256(held.draft["text"]),
            "answer": body["answers"][0]["sha256"],
            "at": now().astimezone(UTC).isoformat(),
            "single_user": single_user(log.connection) is not None,
        }
        body["made"]["sign_off"] = {**statement, "key": key.public.id}
        kept = keep_decision(
            log.connection,
            receipt_id,
            decision=choice,
            person=who,
            key_id=key.public.id,
            envelope=envelope_of(statement, PAYLOAD_TYPE, key),
            why=why.strip(),
            body=body,
        )
        if not kept:  # another process was quicker
            raise Refused("This answer waits no more.", next="catenary held list")
        names = ("receipt", "app", "role", "decision", "answer")
        log.append(who, "answer.sign", {name: statement[name] for name in names})
    return store.receipt(receipt_id)


def told(store: Store, receipt_id: str) -> Mapping[str, Any]:
    """The receipt as whoever asked may read it. Raises NotFound; Damaged where an answer is not what was signed."""
    with store.reading() as connection:
        body = receipt_row(connection, receipt_id).body
        held = held_row(connection, receipt_id)
        key = None if held is None or held.key_id is None else known_key(connection, held.key_id)
    if held is None:
        made = body.get("made") or {}
        sound = "held" not in made and "sign_off" not in made
    elif held.person is None:
        sound = body["outcome"] == "held"
    else:
        sound = key is not None and _is_signed(body, held, key)
    if not sound:
        raise Damaged(
            "This answer is not what a person has signed, or the signing key was revoked, so it is not told.",
            where=receipt_id,
            next="catenary audit verify",
        )
    return body


def _is_signed(body: Mapping[str, Any], held: Held, key: KnownKey) -> bool:
    """Whether the receipt says what the person has signed, by a key of his that stands."""
    if key.revoked_at is not None or not signature_holds(held.envelope or {}, PAYLOAD_TYPE, key):
        return False
    statement = statement_of(held.envelope or {})
    [answer] = body["answers"]
    return (
        body["made"].get("sign_off") == {**statement, "key": key.id}
        and (statement["receipt"], statement["person"]) == (held.receipt_id, key.person)
        and answer["sha256"] == statement["answer"]
        and (answer["text"] is None or text_sha256(answer["text"]) == statement["answer"])
    )


def _require_may_sign(connection: Connection, receipt: Receipt, role: str, who: str) -> None:
    """Raise Refused unless this person holds the role, did not ask, and signed for no excluding role before."""
    require_role(connection, who, role)
    if single_user(connection) is not None:
        return
    asked = next((one.name for one in api_key_rows(connection) if one.id == receipt.key_id), None)
    if asked == who:
        raise Refused("Who asked may not sign the answer.", got=who, expected="another person with the role")
    signed = {
        row.role
        for id in stands_on(receipt)
        for row in releases.sign_off_rows(connection, id)
        if row.person == who and row.revoked_at is None
    }
    if excluded := conflict({*signed, role}):
        raise Refused(
            "One person may not sign a release in one of these roles and its answers in the other.",
            got=", ".join(excluded),
            expected="another person with the role",
        )


def _require_stands(store: Store, receipt: Receipt) -> None:
    """Raise Refused where what the answer stands on was erased or withdrawn since."""
    for id in stands_on(receipt):
        if not store.has(id) or store.release_state(id) == "withdrawn":
            raise Refused(
                "What this answer stands on was withdrawn or erased, so it can only be refused.", got=id[:12]
            )


def _decided(
    body: Mapping[str, Any], draft: Mapping[str, Any], choice: Choice, text: str | None
) -> dict[str, Any]:
    """The receipt once somebody has decided."""
    said = {"approved": draft["text"], "edited": text, "refused": ""}[choice]
    reason = {"approved": draft["finish_reason"], "edited": "stop", "refused": "content_filter"}[choice]
    made = {name: value for name, value in body["made"].items() if name != "held"}
    if choice != "refused":
        made = {**made, **draft["made"]}
    if choice == "edited" and "citations" in made:
        made["citations"] = moved(made["citations"], draft["text"], said)
    answer = {**body["answers"][0], "text": said, "sha256": text_sha256(said), "finish_reason": reason}
    outcome = "refused" if choice == "refused" else "complete"
    return {**body, "outcome": outcome, "answers": [answer], "made": made}
