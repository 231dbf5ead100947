"""Who may do what, and who did what: roles, keys, and the audit log.

Roles and keys are given and taken through a `recording` of the audit log, so that no change goes unsaid; signing and
verifying a release (`govern/signing.py`) takes its keys and roles from here.

    from pathlib import Path

    from catenary.access import add_key, claim, own_key, recording, verify_audit
    from catenary.config import Home
    from catenary.store import Store

    home = Home.of(Path("."))
    store = Store.open(home)
    with recording(store.engine, home) as log:
        claim(log, "ada")
        add_key(log, own_key(home.keys, "owner").public, "ada", by="ada")
    assert verify_audit(store.engine, home) == []
"""

from catenary.access.api_keys import (
    CALLER,
    ApiKey,
    any_api_key,
    api_key_rows,
    api_key_with,
    make_api_key,
    revoke_api_key,
    secret_sha256,
)
from catenary.access.audit import Anchor, Entry, Recorder, entries, record, recording
from catenary.access.audit import accept as accept_audit
from catenary.access.audit import anchor as audit_anchor
from catenary.access.audit import verify as verify_audit
from catenary.access.keys import (
    PublicKey,
    SigningKey,
    own_key,
    passphrase_from_environment,
    public_key,
    trusted_keys,
)
from catenary.access.people import (
    Grant,
    KnownKey,
    add_key,
    claim,
    contradictions,
    grant,
    grants,
    known_key,
    known_keys,
    local_person,
    require,
    require_role,
    revoke_key,
    revoke_role,
    roles_of,
    single_user,
)
from catenary.access.roles import CONFLICTS, ROLES, Role, conflict, role

__all__ = [
    "CALLER",
    "CONFLICTS",
    "ROLES",
    "Anchor",
    "ApiKey",
    "Entry",
    "Grant",
    "KnownKey",
    "PublicKey",
    "Recorder",
    "Role",
    "SigningKey",
    "accept_audit",
    "add_key",
    "any_api_key",
    "api_key_rows",
    "api_key_with",
    "audit_anchor",
    "claim",
    "conflict",
    "contradictions",
    "entries",
    "grant",
    "grants",
    "known_key",
    "known_keys",
    "local_person",
    "make_api_key",
    "own_key",
    "passphrase_from_environment",
    "public_key",
    "record",
    "recording",
    "require",
    "require_role",
    "revoke_api_key",
    "revoke_key",
    "revoke_role",
    "role",
    "roles_of",
    "secret_sha256",
    "single_user",
    "trusted_keys",
    "verify_audit",
]
