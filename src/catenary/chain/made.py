"""What a link of the chain has become."""

from __future__ import annotations

from catenary.chain.plan import plan
from catenary.chain.spec import Chain
from catenary.errors import NotFound
from catenary.store import Artifact, Store


def made(chain: Chain, store: Store, name: str, section: str | None = None) -> Artifact:
    """The artifact of a link as the chain file declares it now, or of an id; `section` is where short names are.

    Raises NotFound where there is no such link, or it has not been made.
    """
    links = {link.full_name for link in chain.links}
    found = next((one for one in (name, f"{section}.{name}") if one in links), None)
    if found is None:
        return store.get(name)
    step = plan(chain, store)[found]
    if not step.reused:
        raise NotFound(
            "This link has not been made yet.",
            got=found,
            expected="a link that `catenary status` shows as made",
            next=f"catenary run {found}",
        )
    return store.get(step.id)
