"""A signed release's files under an OpenSSF model signature, checked before anything of it is loaded.

    seal(store, release)         # once all have signed: signatures/<id>.sig in the home
    check_seal(store, release)   # raises Damaged for any other byte

The bundle lies beside the objects, not in the release: it is made after the release's id is fixed.
OpenSSF's own tool reads
it: `model_signing verify key <release's folder> --signature <id>.sig --public_key signatures/keys/model-signing.pub`.
"""

from __future__ import annotations

from pathlib import Path

from catenary.access import Recorder, passphrase_from_environment
from catenary.digest import digest, file_sha256
from catenary.errors import Damaged
from catenary.files import make_folder, write_whole
from catenary.govern.model_signing import PUBLIC, own_model_key, sign_folder, verify_folder
from catenary.store import Artifact, Store

FOLDER = "signatures"
KEYS = "signatures/keys"  # not among keys/: those are Ed25519, and trusted to sign the audit log


def seal_path(store: Store, release: Artifact) -> Path:
    """Where the release's bundle lies."""
    return store.home.path / FOLDER / f"{release.id}.sig"


def check_files(release: Artifact) -> None:
    """Raise Damaged unless every file is what the manifest, and so every sign-off, says it is."""
    for name, entry in release.manifest.files.items():
        if file_sha256(release.path / name) != entry.sha256:
            raise Damaged(
                "A file of the release is not what was signed, so it is not loaded.",
                where=str(release.path / name),
                next="catenary verify",
            )


def seal(store: Store, release: Artifact, log: Recorder, person: str) -> None:
    """Sign the release's files, and say so in the audit log. Raises Damaged where one is not as it was committed."""
    check_files(release)
    key, public = own_model_key(store.home.path / KEYS, passphrase_from_environment())
    bundle = sign_folder(release.path, key, name=release.id)
    make_folder(seal_path(store, release).parent)
    write_whole(seal_path(store, release), bundle.encode())
    told = {"release": release.id, "bundle": digest(["bundle", bundle]), "public_key": public}
    log.append(person, "release.seal", told)


def check_seal(store: Store, release: Artifact) -> None:
    """Raise Damaged unless the release's files are the ones that were sealed."""
    path, public = seal_path(store, release), store.home.path / KEYS / PUBLIC
    if not path.is_file() or not public.is_file():
        raise Damaged(
            "The release's model signature is missing, so it is not loaded.",
            where=str(path),
            next="catenary sign <release> --as <role>",
        )
    verify_folder(release.path, path.read_text("utf-8"), public.read_text("utf-8"))
