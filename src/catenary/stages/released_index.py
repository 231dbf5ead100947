"""Which release of the chain lets an index of passages be quoted from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from catenary.chain.plan import plan
from catenary.chain.spec import Chain, Link
from catenary.errors import Refused
from catenary.messages import say
from catenary.stages.lifecycle import still_served
from catenary.stages.release_index import check_index
from catenary.stages.seal import check_files, check_seal
from catenary.stages.standing import Standing, standing
from catenary.store import Artifact, Store


@dataclass(frozen=True, slots=True)
class IndexRelease:
    """The release of an index, and whether it may be served. `check` is asked before each answer."""

    artifact: Artifact
    released: bool
    check: Callable[[], None]


def index_release(
    chain: Chain, store: Store, name: str, index: Artifact, *, unreleased: bool = False
) -> IndexRelease | None:
    """The release of the index of this name, one that may be served before others; None where none is made.

    Raises Refused where none may be served, unless `unreleased`; Damaged where a file is not what was signed.
    """
    steps = plan(chain, store)
    links = [
        link
        for link in chain.links
        if link.stage.name == "release_index" and link.inputs["index"] == f"indexes.{name}"
    ]
    made = [(link, store.get(steps[link.full_name].id)) for link in links if steps[link.full_name].reused]
    judged = [(link, release, standing(store, release)) for link, release in made]
    judged.sort(key=lambda one: not one[2].released)
    if not unreleased and not (judged and judged[0][2].released):
        raise _refused(name, links, judged)
    if not judged:
        return None
    _, artifact, where = judged[0]
    check_files(artifact)
    check_index(artifact, index)
    if where.released:
        check_seal(store, artifact)
    return IndexRelease(artifact, where.released, still_served(store, artifact, unreleased=unreleased))


def _refused(name: str, links: Sequence[Link], judged: Sequence[tuple[Link, Artifact, Standing]]) -> Refused:
    if not links:
        got, then = name, "catenary serve --unreleased"
    elif not judged:
        full_name = links[0].full_name
        got, then = say("{link} has not been made", link=full_name), f"catenary run {full_name}"
    else:
        link, _, where = judged[0]
        got, missing = f"{link.full_name}: {where.sentence}", where.missing_roles
        then = (
            f"catenary sign {link.name} --as {missing[0]}" if missing else f"catenary show {link.full_name}"
        )
    return Refused(
        "No release stands behind this application: what it quotes, nobody has signed.",
        got=got,
        expected="`releases: {{{name}: {{index: {name}}}}}`, made and signed, or `--unreleased`",
        name=name,
        next=then,
    )
