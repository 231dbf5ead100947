"""The documents of a release, from its manifest and those of all it was made from."""

from __future__ import annotations

from catenary import __version__
from catenary.errors import InvalidInput
from catenary.govern.documents import Dossier, Made, documents
from catenary.store import Artifact, Store


def dossier_of(store: Store, release: Artifact) -> Dossier:
    """What documents are made of. Raises InvalidInput for what is no release."""
    if release.kind != "release":
        raise InvalidInput(
            "This artifact is no release.", got=release.kind, expected="a release's name or id"
        )
    names = sorted(link.link for link in store.links_to(release.id) if link.link.startswith("releases."))
    name = names[0].removeprefix("releases.") if names else release.id[:12]
    lineage = [_made(store.get(row.id)) for row in store.ancestors(release.id)]
    return Dossier(name, _made(release), lineage, __version__)


def documents_of(store: Store, release: Artifact) -> dict[str, str]:
    """file name → text; the same bytes each time."""
    return documents(dossier_of(store, release))


def _made(artifact: Artifact) -> Made:
    manifest = artifact.manifest
    return Made(
        artifact.id,
        artifact.kind,
        artifact.stage,
        manifest.settings,
        manifest.inputs,
        {path: (entry.sha256, entry.bytes) for path, entry in manifest.files.items()},
        manifest.report,
    )
