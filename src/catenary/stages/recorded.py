"""Whether sign-offs and states of releases are as the audit log says: someone may have changed the tables past it.

Who can write to the catalog could clear a sign-off's revocation, or drop the row that says a release was withdrawn.
Signatures do not tell of it; the log does. What the log itself is worth is `access/audit.py`'s to say.
"""

from __future__ import annotations

import json

from sqlalchemy import Connection, select

from catenary.access import entries
from catenary.findings import Finding
from catenary.store.tables import release_states, sign_offs

_Said = dict[str, tuple[object, ...]]


def contradictions(connection: Connection) -> list[Finding]:
    """Sign-offs, and moves of releases, that are not as the audit log says."""
    said, stand = _said(connection), _stand(connection)
    return [
        Finding("This is not as the audit log says.", name)
        for name in sorted(said.keys() | stand.keys())
        if said.get(name) != stand.get(name)
    ]


def _said(connection: Connection) -> _Said:
    said: _Said = {}
    for entry in entries(connection):
        if not entry.action.startswith("release."):
            continue
        detail = json.loads(entry.detail)
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
    for row in connection.execute(select(release_states).order_by(release_states.c.id)):
        name = f"states of {row.release_id[:12]}"
        stand[name] = (*stand.get(name, ()), row.state, row.person)
    return stand
