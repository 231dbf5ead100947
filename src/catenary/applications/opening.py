"""An application of the chain, ready to be served."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from catenary.applications.engine import AppEngine
from catenary.applications.files import all_declared, app_artifact, read_files
from catenary.applications.indexes import open_histories, open_index, open_knowledge, passage_json
from catenary.applications.making import StandsOn, make_of, screen_of
from catenary.chain.app_settings import AppSettings, named_by
from catenary.chain.spec import Chain
from catenary.digest import digest
from catenary.errors import InvalidInput, Refused
from catenary.serve.engine import Engine
from catenary.serve.following import Following
from catenary.serve.guard import OPEN, Guard
from catenary.serve.served import Served
from catenary.stages.released_index import index_release
from catenary.store import Store

PREFIX = "app/"
"""Stands before an application's name where a model's is asked for."""


def open_app(
    chain: Chain,
    store: Store,
    name: str,
    endpoints: Mapping[str, Served],
    *,
    guard: Guard = OPEN,
    unreleased: bool = False,
) -> Served:
    """The application of this name over these endpoints.

    It is released where every model and the index are. Raises what `open_index` and `index_release` raise;
    Refused where no release stands behind it, unless `unreleased`.
    """
    settings = chain.apps[name]
    needs = tuple(wanted for _, section, wanted in named_by(settings) if section == "endpoints")
    models = [endpoints[one] for one in needs]
    _check_tasks(settings, endpoints)
    _check_kept(name, settings, models)
    wanted = getattr(settings, "index", None)
    if not models and wanted is None and not unreleased:
        raise Refused(
            "No release stands behind this application: neither a model nor an index that was signed.",
            got=name,
            expected="`model:` with the endpoint of a release, or `--unreleased`",
            next="catenary serve --unreleased",
        )
    on = _stands_on(chain, store, settings)
    signed = [one.status == "released" for one in models]
    releases = [one.release for one in models]
    facts: dict[str, Any] = {"app": {"name": name, "kind": settings.kind}, **on.ids}
    if on.histories is not None:
        facts["histories_files"] = {path: one.sha256 for path, one in on.histories.manifest.files.items()}
    own = [] if on.index is None or on.index.engine is None else [on.index.engine]
    engine: Engine = AppEngine(PREFIX + name, make_of(settings, on, screen_of(guard)), endpoints, own, facts)
    if wanted is not None and on.index is not None:
        quoted = index_release(chain, store, wanted, on.index.artifact, unreleased=unreleased)
        signed.append(quoted is not None and quoted.released)
        if quoted is not None:
            releases.append(quoted.artifact.id)
            facts["index_release"] = quoted.artifact.id
            engine = Following(engine, quoted.check)
    ids = on.ids.get("index", ""), on.ids.get("histories")
    graph = [] if on.knowledge is None else [on.knowledge.id]
    return Served(
        name=PREFIX + name,
        task="generate",
        engine=engine,
        release=releases[0] if releases else ids[0] or app_artifact(store, name, settings, on.file),
        status="released" if signed and all(signed) else "unreleased",
        model_digest=digest(
            [
                all_declared(settings, on.file),
                *ids,
                *graph,
                *(one.model_digest or one.release for one in models),
            ]
        ),
        keep_texts=all(one.keep_texts for one in models),
        app=name,
        needs=needs,
        passage=None if on.index is None else partial(passage_json, on.index.index),
        held=lambda: all(store.has(one) for one in (ids[0], *graph) if one),
        sign_off=settings.sign_off,
    )


def _stands_on(chain: Chain, store: Store, settings: AppSettings) -> StandsOn:
    index, histories = (getattr(settings, name, None) for name in ("index", "histories"))
    graph = getattr(settings, "knowledge", None)
    opened = None if index is None else open_index(chain, store, index)
    return StandsOn(
        opened,
        None if histories is None else open_histories(chain, store, histories),
        read_files(chain, settings),
        None if graph is None or opened is None else open_knowledge(chain, store, graph, opened),
    )


def _check_kept(name: str, settings: AppSettings, models: Sequence[Served]) -> None:
    """Raises InvalidInput where answers have to wait for a person and are not kept until then."""
    unkept = [one.name for one in models if not one.keep_texts]
    if settings.sign_off is not None and unkept:
        raise InvalidInput(
            "Answers that wait for a person have to be kept, and an endpoint of the application keeps no texts.",
            where=f"apps.{name}.sign_off",
            got=f"serve.endpoints.{unkept[0]}.keep_texts: false",
            expected="`keep_texts: true` there, or no `sign_off:`",
        )


def _check_tasks(settings: AppSettings, endpoints: Mapping[str, Served]) -> None:
    """Raises InvalidInput for an endpoint that does something else than the application needs."""
    for key, section, name in named_by(settings):
        if section != "endpoints":
            continue
        does = ("classify",) if key in ("classifier", "sentiment", "rerank") else ("generate", "translate")
        if endpoints[name].task not in does:
            raise InvalidInput(
                "This endpoint does not do what the application needs.",
                got=f"{key}: {name} ({endpoints[name].task})",
                expected=" | ".join(does),
            )
