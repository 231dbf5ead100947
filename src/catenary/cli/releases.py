"""Finding the release that a command speaks of."""

from __future__ import annotations

from catenary.chain.plan import plan
from catenary.chain.spec import Chain
from catenary.errors import InvalidInput, NotFound
from catenary.store import Artifact, Store


def made_release(chain: Chain, store: Store, name: str) -> Artifact:
    """The release of this name as the chain file has it now, or the one with this artifact id.

    Raises NotFound where it is not made yet: what an older chain file made is not what this one declares.
    """
    declared = [
        link for link in chain.links if link.section == "releases" and name in (link.name, link.full_name)
    ]
    if not declared:
        artifact = store.get(name)
        if artifact.kind != "release":
            raise InvalidInput(
                "This artifact is no release.", got=artifact.kind, expected="a release's name or id"
            )
        return artifact
    step = plan(chain, store)[declared[0].full_name]
    if not step.reused:
        raise NotFound(
            "This release has not been made yet as the chain file declares it.",
            got=name,
            next=f"catenary run {declared[0].full_name}",
        )
    return store.get(step.id)
