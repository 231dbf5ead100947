"""What lets a release out: the sign-offs of the roles that answer for it.

Values in, values out: where sign-offs are kept and who holds which role is told by the caller.

    from datetime import UTC, datetime
    from pathlib import Path

    from catenary.access import own_key
    from catenary.govern import DigestSet, sign_off, verify_sign_offs

    digests = DigestSet(release="11", model="22", data="33", evidence="44", profile="55")
    key = own_key(Path("keys"), "owner")
    envelope = sign_off(
        digests, role_name="compliance", person="ada", key=key, at=datetime.now(UTC), single_user=False
    )
    approval = verify_sign_offs(
        [],  # what is kept beside the release: the envelope, and whose it is
        digests,
        required=["compliance"],
        keys={},  # those that the catalog knows
        holds=lambda person, role: (person, role) == ("ada", "compliance"),
        single_user=False,
    )
    assert approval.missing == ("compliance",)
"""

from catenary.govern.signing import (
    Approval,
    DigestSet,
    KeptSignOff,
    Signature,
    pae,
    require_may_sign,
    sign_off,
    verify_sign_offs,
)

__all__ = [
    "Approval",
    "DigestSet",
    "KeptSignOff",
    "Signature",
    "pae",
    "require_may_sign",
    "sign_off",
    "verify_sign_offs",
]
