"""Whether sign-offs, states of releases, closed erasures and signed answers are as the audit log says.

Who can write to the catalog could clear a sign-off's revocation, or drop the row that says a release was withdrawn.
Signatures do not tell of it; the log does. What the log itself is worth is `access/audit.py`'s to say.
"""

from __future__ import annotations

import json

from sqlalchemy import Connection, select

from catenary.access import entries
from catenary.findings import Finding
from catenary.store.tables import erasure_closings, held_answers, release_states, sign_offs

_Said = dict[str, tuple[object, ...]]


def contradictions(connection: Connection) -> list[Finding]:
    """Sign-offs, moves of releases, closings of erasures and signed answers that are not as the audit log says."""
    said, stand = _said(connection), _stand(connection)
    return [
        Finding("This is not as the audit log says.", name)
        for name in sorted(said.keys() | stand.keys())
        if said.get(name) != stand.get(name)
    ]


def _said(connection: Connection) -> _Said:
    said: _Said = {}
    for entry in entries(connection):
        if not entry.action.startswith(("release.", "document.close", "answer.sign")):
            continue
        detail = json.loads(entry.detail)
        if entry.action == "document.close":
            said[f"erasure closing {detail['closing']}"] = (detail["document"], detail["role"], entry.actor)
        if entry.action == "answer.sign":
            said[f"answer {detail['receipt']}"] = (detail["decision"], detail["role"], entry.actor)
        if entry.action == "release.sign":
            said[f"sign-off {detail['sign_off']}"] = (detail["release"], detail["role"], entry.actor, False)
        elif entry.action == "release.unsign":
            name = f"sign-off {detail['sign_off']}"
            said[name] = (*said.get(name, ("", "", "", False))[:3], True)
        elif entry.action == "release.move":
            name = f"states of {detail['release'][:12]}"
            said[name] = (*said.get(name, ()), detail["to"], entry.actor)
    return said


def _stand(connection: Connection) -> _Said:
    stand: _Said = {
        f"sign-off {row.id}": (row.release_id, row.role, row.person, row.revoked_at is not None)
        for row in connection.execute(select(sign_offs))
    }
    for row in connection.execute(select(erasure_closings)):
        stand[f"erasure closing {row.id}"] = (row.document_id, row.role, row.person)
    for row in connection.execute(select(held_answers).where(held_answers.c.person.is_not(None))):
        stand[f"answer {row.receipt_id}"] = (row.decision, row.role, row.person)
    for row in connection.execute(select(release_states).order_by(release_states.c.id)):
        name = f"states of {row.release_id[:12]}"
        stand[name] = (*stand.get(name, ()), row.state, row.person)
    return stand
