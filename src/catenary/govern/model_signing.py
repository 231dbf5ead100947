"""A folder signed as the OpenSSF's model-signing tool does it, and verified before anything in it is loaded.

    bundle = sign_folder(folder, key, name="sentiment")         # the text of `model.sig`
    verify_folder(folder, bundle, public_pem)                   # raises Damaged for any other byte, file or key

A Sigstore bundle (v0.3) with a DSSE envelope over an in-toto statement whose predicate is
https://model_signing/signature/v1.0: each file's SHA-256, in the order of their names, and over all of
these one digest.
The key is ECDSA on P-256, which that tool takes; `model_signing verify key` reads what is written here
(tests/govern/test_model_signing.py keeps a bundle that it wrote). github.com/sigstore/model-transparency
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from catenary.digest import file_sha256
from catenary.errors import Damaged, InvalidInput
from catenary.files import make_folder, write_whole
from catenary.govern.signing import pae

BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://model_signing/signature/v1.0"
SIGNATURE = "model.sig"
IGNORED = (".git", ".gitattributes", ".github", ".gitignore", SIGNATURE)
PRIVATE, PUBLIC = "model-signing.key", "model-signing.pub"


def own_model_key(folder: Path, passphrase: str | None = None) -> tuple[ec.EllipticCurvePrivateKey, str]:
    """This home's key for models and its public half (PEM), made when first needed. Raises Damaged where it is none."""
    path = folder / PRIVATE
    if not path.exists():
        make_folder(folder)
        fresh = ec.generate_private_key(ec.SECP256R1())
        protect: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if passphrase:
            protect = serialization.BestAvailableEncryption(passphrase.encode())
        pem = fresh.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protect)
        beside = folder / f".{PRIVATE}.{os.getpid()}"
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
            os.fsync(file.fileno())
        try:
            os.link(beside, path)  # the first of several processes wins
        except FileExistsError:
            pass
        finally:
            beside.unlink()
    data = path.read_bytes()
    try:
        encrypted = b"ENCRYPTED" in data
        key = serialization.load_pem_private_key(
            data, passphrase.encode() if encrypted and passphrase else None
        )
    except (ValueError, TypeError) as error:
        raise Damaged("The key cannot be read.", where=str(path), got=str(error)) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise Damaged("The key cannot be read.", where=str(path), expected="ECDSA on P-256")
    public = pem_of(key.public_key())
    if not (folder / PUBLIC).exists():
        write_whole(folder / PUBLIC, public.encode())
    return key, public


def pem_of(key: ec.EllipticCurvePublicKey) -> str:
    """A public key as PEM."""
    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()


def digests_in(folder: Path) -> dict[str, str]:
    """path → SHA-256 of every file below `folder`, by name. Raises InvalidInput for a link."""
    found = {}
    for path in sorted(folder.rglob("*"), key=lambda one: one.relative_to(folder).as_posix()):
        name = path.relative_to(folder).as_posix()
        if name.split("/")[0] in IGNORED:
            continue
        if path.is_symlink():
            raise InvalidInput("A signed folder holds plain files only.", got=str(path))
        if path.is_file():
            found[name] = file_sha256(path)
    return found


def statement(name: str, digests: Mapping[str, str]) -> dict[str, Any]:
    """The in-toto statement over files."""
    over = hashlib.sha256(b"".join(bytes.fromhex(sha) for sha in digests.values())).hexdigest()
    return {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": name, "digest": {"sha256": over}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "serialization": {
                "method": "files",
                "hash_type": "sha256",
                "allow_symlinks": False,
                "ignore_paths": list(IGNORED),
            },
            "resources": [
                {"name": path, "algorithm": "sha256", "digest": sha} for path, sha in digests.items()
            ],
        },
    }


def sign_folder(folder: Path, key: ec.EllipticCurvePrivateKey, *, name: str) -> str:
    """The bundle over all files of `folder`, as the text of `model.sig`."""
    payload = json.dumps(statement(name, digests_in(folder)), sort_keys=True).encode()
    signature = key.sign(pae(PAYLOAD_TYPE, payload), ec.ECDSA(hashes.SHA256()))
    hint = hashlib.sha256(pem_of(key.public_key()).encode()).hexdigest()
    bundle = {
        "mediaType": BUNDLE_TYPE,
        "verificationMaterial": {"publicKey": {"hint": hint}, "tlogEntries": []},
        "dsseEnvelope": {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [{"sig": base64.b64encode(signature).decode(), "keyid": ""}],
        },
    }
    return json.dumps(bundle, sort_keys=True) + "\n"


def verify_folder(folder: Path, bundle: str, public_pem: str) -> None:
    """Raise Damaged unless this key signed exactly the files that lie in `folder`."""
    signed = _signed(bundle, public_pem)
    found = digests_in(folder)
    if found != signed:
        wrong = sorted(path for path in found.keys() | signed.keys() if found.get(path) != signed.get(path))
        raise Damaged(
            "A file of the model is not what was signed, so it is not loaded.",
            where=str(folder),
            got=", ".join(wrong[:5]),
            next="catenary verify",
        )


def _signed(bundle: str, public_pem: str) -> dict[str, str]:
    """path → SHA-256 that a bundle's signature covers. Raises Damaged for any flaw."""
    try:
        key = serialization.load_pem_public_key(public_pem.encode())
        raw = json.loads(bundle)
        envelope = raw["dsseEnvelope"]
        (signature,) = envelope["signatures"]
        payload = base64.b64decode(envelope["payload"], validate=True)
        if not isinstance(key, ec.EllipticCurvePublicKey) or raw["mediaType"] != BUNDLE_TYPE:
            raise ValueError(raw["mediaType"])
        if envelope["payloadType"] != PAYLOAD_TYPE:
            raise ValueError(envelope["payloadType"])
        sig = base64.b64decode(signature["sig"], validate=True)
        key.verify(sig, pae(PAYLOAD_TYPE, payload), ec.ECDSA(hashes.SHA256()))
        told = json.loads(payload)
        resources = told["predicate"]["resources"]
        digests = {one["name"]: one["digest"] for one in resources}
        over = hashlib.sha256(b"".join(bytes.fromhex(one["digest"]) for one in resources)).hexdigest()
        intact = (
            told["_type"] == STATEMENT_TYPE
            and told["predicateType"] == PREDICATE_TYPE
            and told["subject"][0]["digest"]["sha256"] == over
            and len(told["subject"]) == 1
            and len(digests) == len(resources)
            and all(one["algorithm"] == "sha256" for one in resources)
        )
    except InvalidSignature as error:
        raise Damaged("The model's signature does not hold, so it is not loaded.") from error
    except (ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
        raise Damaged(
            "The model's signature cannot be read, so it is not loaded.", got=repr(error)[:200]
        ) from error
    if not intact:
        raise Damaged("The model's signature does not hold, so it is not loaded.")
    return digests
