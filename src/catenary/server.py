"""The composition root of serving: joins the chain's endpoints, the store and serve.

with Store.open(home) as store:
    endpoint = open_endpoint(chain, store, "sentiment")        # refused unless it is released
    answer(endpoint, ["…"], save_receipt=save_receipt_in(store))   # what `catenary ask` does
    run(service(chain, store), port=8000)                      # what `catenary serve` does
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from catenary import store as stores
from catenary.chain.plan import plan
from catenary.chain.spec import Chain
from catenary.chain.trace import trace
from catenary.digest import digest, file_sha256
from catenary.errors import Damaged, NotFound, Refused
from catenary.serve import Endpoint, Limits, Receipt, SaveReceipt
from catenary.stages.nearest import nearest
from catenary.stages.standing import standing
from catenary.store import Artifact, Store


@dataclass(frozen=True, slots=True)
class Service:
    """What the HTTP application stands on. `get_receipt` and `trace` raise NotFound for an unknown id."""

    endpoints: Mapping[str, Endpoint]
    save_receipt: SaveReceipt
    get_receipt: Callable[[str], Mapping[str, Any]]
    trace: Callable[[str], Mapping[str, Any]]


def service(chain: Chain, store: Store, *, unreleased: bool = False) -> Service:
    """All endpoints of a chain. Raises what `open_endpoint` raises."""
    if not chain.serve.endpoints:
        raise NotFound(
            "The chain declares no endpoint.",
            expected="`serve: {endpoints: {name: {release: …}}}`",
            next="catenary schema",
        )
    return Service(
        {name: open_endpoint(chain, store, name, unreleased=unreleased) for name in chain.serve.endpoints},
        save_receipt=save_receipt_in(store),
        get_receipt=lambda id: dict(store.receipt(id).body),
        trace=lambda id: trace(
            store,
            store.receipt(id).id,
            standing=lambda release: standing(store, release).sentence,
            nearest=nearest,
        ).to_json(),
    )


def open_endpoint(chain: Chain, store: Store, name: str, *, unreleased: bool = False) -> Endpoint:
    """The endpoint of this name, its release checked and loaded.

    Raises NotFound for an unknown endpoint or a release that is not made; Refused for one that a gate refused or that
    is not signed, unless `unreleased`; Damaged where a file of the release is not what was signed.
    """
    from catenary.inference import load

    if name not in chain.serve.endpoints:
        raise NotFound(
            "The chain has no endpoint of this name.",
            got=name,
            expected="one of: {names}",
            names=", ".join(chain.serve.endpoints) or "-",
        )
    step = plan(chain, store)[f"releases.{chain.serve.endpoints[name].release}"]
    if not step.reused:
        raise NotFound(
            "The release of this endpoint has not been made yet as the chain file declares it.",
            got=step.link.full_name,
            next=f"catenary run {step.link.full_name}",
        )
    release = store.get(step.id)
    where = standing(store, release)
    if not where.released and not unreleased:
        raise Refused(
            "This release may not be served.",
            got=where.sentence,
            expected="all gates passed and every required role's sign-off",
            next=f"catenary sign {step.link.name} --as {where.missing_roles[0]}"
            if where.missing_roles
            else f"catenary show {step.link.full_name}",
        )
    _check_files(release)
    return Endpoint(
        name=name,
        classifier=load(release.path),
        release=release.id,
        status="released" if where.released else "unreleased",
        model_digest=digest({path: entry.sha256 for path, entry in release.manifest.files.items()}),
        created=int(
            next(row for row in store.artifacts("release") if row.id == release.id).committed_at.timestamp()
        ),
    )


def save_receipt_in(store: Store) -> SaveReceipt:
    """Keeps receipts in the catalog; returns when each is there for good."""

    def save(receipt: Receipt) -> None:
        store.add_receipt(
            stores.Receipt(
                id=receipt.id,
                at=datetime.fromisoformat(receipt.at),
                endpoint=receipt.endpoint,
                app=receipt.app,
                release_id=receipt.release,
                unreleased=receipt.status != "released",
                key_id=None,
                body=receipt.to_json(),
            )
        )

    return save


def _check_files(release: Artifact) -> None:
    """Every file is what the manifest, and so every sign-off, says it is."""
    for name, entry in release.manifest.files.items():
        if file_sha256(release.path / name) != entry.sha256:
            raise Damaged(
                "A file of the release is not what was signed, so it is not loaded.",
                where=str(release.path / name),
                next="catenary verify",
            )


def run(
    service: Service,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    allow_remote: bool = False,
    limits: Limits | None = None,
    on_listening: Callable[[str], None] | None = None,
) -> None:
    """Serve until a signal ends it; see `catenary.serve.listen.listen`."""
    from catenary.serve.app import create_app
    from catenary.serve.listen import listen

    app = create_app(
        service.endpoints,
        save_receipt=service.save_receipt,
        get_receipt=service.get_receipt,
        trace=service.trace,
        limits=limits,
    )
    listen(app, host=host, port=port, allow_remote=allow_remote, limits=limits, on_listening=on_listening)
