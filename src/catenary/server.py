"""The composition root of serving: joins the chain's endpoints, the store and serve.

with Store.open(home) as store:
    endpoint = open_endpoint(chain, store, "sentiment")        # refused unless it is released
    answer(endpoint, ["…"], save_receipt=save_receipt_in(store))   # what `catenary ask` does
    run(gateway(chain, store), port=8000)                      # what `catenary serve` does
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from catenary import store as stores
from catenary.access import api_key_rows
from catenary.chain.declared import declared
from catenary.chain.plan import plan
from catenary.chain.serve_settings import CacheSettings, EndpointSettings, GuardRule, UpstreamSettings
from catenary.chain.spec import Chain
from catenary.chain.trace import trace
from catenary.digest import digest
from catenary.errors import InvalidInput, NotFound, Refused
from catenary.inference import Classifier, Scores
from catenary.inference.port import Stop, Text, never
from catenary.serve import Endpoint, Limits, Receipt, SaveReceipt
from catenary.serve.receipts import ReleaseStatus
from catenary.stages.held import told as told_answer
from catenary.stages.lifecycle import still_served
from catenary.stages.nearest import nearest
from catenary.stages.seal import check_files, check_seal
from catenary.stages.standing import standing
from catenary.store import Artifact, Store
from catenary.store.held import Held

if TYPE_CHECKING:
    from fastapi import FastAPI

    from catenary.serve.engine import Engine
    from catenary.serve.gateway import Gateway
    from catenary.serve.guard import Guard
    from catenary.serve.semantic_cache import SemanticCache
    from catenary.serve.served import Served

KEY_VARIABLE = "CATENARY_API_KEY"
"""The environment variable with the key that a service elsewhere is asked with."""

NO_KEY = "-"
"""Stands for the key in what a service without keys counts."""


def gateway(chain: Chain, store: Store, *, unreleased: bool = False, launch: bool = False) -> Gateway:
    """All endpoints of a chain, ready to be run. Raises what `open_endpoint` raises.

    `launch`: the models' processes are started at once, and load while all else is set up.
    """
    settings = chain.serve
    if not settings.endpoints and not chain.apps:
        raise NotFound(
            "The chain declares no endpoint.",
            expected="`serve: {endpoints: {name: {release: …}}}`, or `apps:`",
            next="catenary schema",
        )
    served = {
        name: open_served(chain, store, name, unreleased=unreleased, launch=launch)
        for name in settings.endpoints
    }
    # Read when the processes are on their way: what answers HTTP takes its time to be imported.
    from catenary.serve.admission import Admission
    from catenary.serve.cache import Cache
    from catenary.serve.callers import Callers, KeySource
    from catenary.serve.gateway import Gateway
    from catenary.serve.label import Label
    from catenary.serve.ledger import Ledger
    from catenary.serve.metrics import Metrics

    guard = _guard(chain, served)
    apps = _open_apps(chain, store, served, guard, unreleased=unreleased) if chain.apps else []
    limits = replace(Limits(), **settings.limits.model_dump(exclude_none=True))
    made = Gateway(
        endpoints={**served, **{one.name: one for one in apps}},
        ledger=Ledger(save_answers_in(store)),
        get_receipt=lambda id: told_answer(store, id),
        trace=lambda id: trace(
            store,
            store.receipt(id).id,
            standing=lambda release: standing(store, release).sentence,
            nearest=nearest,
        ).to_json(),
        limits=limits,
        admission=Admission(limits),
        callers=Callers(KeySource(lambda: _api_keys(store), lambda day: _spent(store, day))),
        metrics=Metrics(),
        guard=guard,
        cache=None if settings.cache is None else Cache(settings.cache.megabytes << 20),
        semantic_cache=_semantic_cache(settings.cache, served),
        label=None if settings.label is None else Label(settings.label.producer, settings.label.visible),
        add_feedback=lambda receipt, kind, body, consent, licence: store.add_feedback(
            receipt, kind=kind, body=body, consent=consent, licence=licence
        ),
        read_usage=lambda since, until: usage_table(chain, store, since=since, until=until),
        forget_receipt=store.forget_texts_of,
    )
    if settings.retention_days is not None:
        days = timedelta(days=settings.retention_days)
        made.forget_texts = lambda: store.forget_texts(datetime.now(UTC) - days)
    return made


def _open_apps(
    chain: Chain, store: Store, served: Mapping[str, Served], guard: Guard, *, unreleased: bool
) -> list[Served]:
    from catenary.applications import open_app

    return [open_app(chain, store, name, served, guard=guard, unreleased=unreleased) for name in chain.apps]


@dataclass(frozen=True, slots=True)
class _Behind:
    """What stands behind an endpoint."""

    artifact: Artifact
    status: ReleaseStatus
    model_digest: str
    created: int


def open_endpoint(chain: Chain, store: Store, name: str, *, unreleased: bool = False) -> Endpoint:
    """The endpoint of this name, its release checked and loaded in this process.

    Raises NotFound for an unknown endpoint or a release that is not made; Refused for one that a gate refused or that
    is not signed, unless `unreleased`; Damaged where a file of the release is not what was signed; InvalidInput for an
    endpoint that labels nothing.
    """
    from catenary.inference import load
    from catenary.inference.does import does

    behind = _behind(chain, store, name, unreleased=unreleased)
    found = does(behind.artifact.path)
    if found != "classify":
        raise InvalidInput(
            "This endpoint labels nothing.",
            got=f"{name}: {found}",
            expected="an endpoint of a classifier; others answer over HTTP",
            next="catenary serve",
        )
    return Endpoint(
        name=name,
        classifier=_Following(load(behind.artifact.path), _check(store, behind, unreleased=unreleased)),
        release=behind.artifact.id,
        status=behind.status,
        model_digest=behind.model_digest,
        created=behind.created,
        keep_texts=chain.serve.endpoints[name].keep_texts,
    )


def _check(store: Store, behind: _Behind, *, unreleased: bool) -> Callable[[], None]:
    """What is asked before each answer: whether the release may still be served. A bare model never is one."""
    if behind.artifact.kind != "release":
        return lambda: None
    return still_served(store, behind.artifact, unreleased=unreleased)


class _Following:
    """A classifier that answers only as long as its release may be served: looked up before each answer."""

    def __init__(self, classifier: Classifier, check: Callable[[], None]) -> None:
        self._classifier = classifier
        self._check = check

    @property
    def labels(self) -> Sequence[str]:
        return self._classifier.labels

    def classify(self, texts: Sequence[Text], *, stop: Stop = never) -> list[Scores]:
        self._check()
        return self._classifier.classify(texts, stop=stop)


def open_served(
    chain: Chain, store: Store, name: str, *, unreleased: bool = False, launch: bool = False
) -> Served:
    """The endpoint of this name, its release checked, with an engine that starts with the service, or now (`launch`).

    Raises what `open_endpoint` raises, but serves whatever a model here does.
    """
    from catenary.inference.does import does
    from catenary.serve.balance import Balanced
    from catenary.serve.following import Following
    from catenary.serve.local_engine import LocalEngine, command_for
    from catenary.serve.served import Served

    settings = chain.serve.endpoints[name]
    if settings.upstream is not None:
        return _open_upstream(store, name, settings, settings.upstream)
    behind = _behind(chain, store, name, unreleased=unreleased)
    found = does(behind.artifact.path)
    if found == "read":
        raise InvalidInput(
            "Models that find answers in passages are not served by this version.",
            got=name,
            expected="a model that writes, labels, tags or makes vectors",
        )
    chosen = settings.engine
    if chosen == "auto" and found == "generate" and settings.model is not None:
        chosen = "openvino"  # what is not released may be converted; a release is served as it was signed
    task = "generate" if found == "translate" else found
    command = command_for(
        behind.artifact.path,
        task,
        engine=chosen,
        threads=settings.threads,
        pieces_per_second=settings.pieces_per_second,
    )
    engines = [LocalEngine(command, name=f"{name}/{at}") for at in range(settings.replicas)]
    if launch:
        for engine in engines:
            engine.launch()
    check = _check(store, behind, unreleased=unreleased)
    return Served(
        name=name,
        task=found,
        engine=Following(engines[0] if len(engines) == 1 else Balanced(engines), check),
        check=check,
        held=lambda: store.has(behind.artifact.id),
        release=behind.artifact.id,
        status=behind.status,
        model_digest=behind.model_digest,
        created=behind.created,
        keep_texts=settings.keep_texts,
    )


def _behind(chain: Chain, store: Store, name: str, *, unreleased: bool) -> _Behind:
    if name not in chain.serve.endpoints:
        raise NotFound(
            "The chain has no endpoint of this name.",
            got=name,
            expected="one of: {names}",
            names=", ".join(chain.serve.endpoints) or "-",
        )
    settings = chain.serve.endpoints[name]
    link = f"models.{settings.model}" if settings.model else f"releases.{settings.release}"
    step = plan(chain, store)[link]
    if not step.reused:
        raise NotFound(
            "The release of this endpoint has not been made yet as the chain file declares it.",
            got=step.link.full_name,
            next=f"catenary run {step.link.full_name}",
        )
    artifact = store.get(step.id)
    if artifact.stage == "release_index":
        raise InvalidInput(
            "This release holds an index of passages, which an application quotes; an endpoint answers by a model.",
            got=f"{name}: {step.link.full_name}",
            expected="`apps: {name: {kind: documents, index: …}}`",
        )
    if artifact.kind == "release":
        where = standing(store, artifact)
        released, got = where.released, where.sentence
        missing = where.missing_roles
    else:
        released, got, missing = False, "a model without a release", ()
    if not released and not unreleased:
        raise Refused(
            "This release may not be served.",
            got=got,
            expected="all gates passed and every required role's sign-off",
            next=f"catenary sign {step.link.name} --as {missing[0]}"
            if missing
            else f"catenary show {step.link.full_name}",
        )
    check_files(artifact)
    if released:
        check_seal(store, artifact)
    row = next(row for row in store.artifacts(artifact.kind) if row.id == artifact.id)
    return _Behind(
        artifact,
        "released" if released else "unreleased",
        digest({path: entry.sha256 for path, entry in artifact.manifest.files.items()}),
        int(row.committed_at.timestamp()),
    )


def _open_upstream(store: Store, name: str, settings: EndpointSettings, upstream: UpstreamSettings) -> Served:
    """Another server under our rules: what answers there is declared, not known, and each receipt says so."""
    import os

    from catenary.serve.balance import Balanced
    from catenary.serve.served import Served
    from catenary.serve.upstream import Upstream

    secret = None
    if upstream.api_key is not None:
        secret = os.environ.get(upstream.api_key.removeprefix("env:"))
        if not secret:
            raise NotFound(
                "The environment holds no such secret.",
                got=upstream.api_key,
                expected="an environment variable of this name",
            )
    declared = upstream_artifact(store, upstream)
    engines: list[Engine] = [
        Upstream(
            url,
            upstream.model,
            secret=secret,
            timeout_seconds=upstream.timeout_seconds,
            retries=upstream.retries,
        )
        for url in upstream.urls
    ]
    return Served(
        name=name,
        task=upstream.task,
        engine=engines[0] if len(engines) == 1 else Balanced(engines),
        release=declared,
        status="unreleased",
        model_digest="",
        keep_texts=settings.keep_texts,
        upstream=", ".join(upstream.urls),
    )


def upstream_artifact(store: Store, upstream: UpstreamSettings) -> str:
    """The id of the artifact that says which server and model answer: receipts lead to it."""
    recipe = {"urls": sorted(upstream.urls), "model": upstream.model}
    text = f"{upstream.model}\n" + "\n".join(sorted(upstream.urls)) + "\n"
    return declared(store, "upstream", recipe, text, {"model": upstream.model})


def _guard(chain: Chain, served: Mapping[str, Served]) -> Guard:
    from catenary.serve.guard import Guard, Rule
    from catenary.serve.guard import rules as kinds

    def made(rule: GuardRule) -> Rule:
        from catenary.data.keyword_lists import LISTS

        name, settings = rule.rule
        if name == "keywords":
            unknown = [one for one in settings.lists if one not in LISTS]
            if unknown:
                raise InvalidInput(
                    "There is no such list of keywords.",
                    got=", ".join(unknown),
                    expected="one of: {names}",
                    names=", ".join(LISTS),
                )
            words = {**{one: LISTS[one] for one in settings.lists}, **settings.words}
            return kinds.Keywords(words, settings.do, settings.at_least)
        if name == "redact":
            return kinds.PersonalData(settings.kinds, settings.do)
        if name == "injection":
            return kinds.Injection(settings.do, settings.threshold)
        if name == "length":
            return kinds.Length(settings.most, settings.do)
        if name == "topics":
            return kinds.Topics(settings.topics, settings.only, settings.at_least, settings.do)
        judge = served[settings.endpoint]
        if judge.task != "classify":
            raise InvalidInput("This endpoint labels nothing.", got=f"{judge.name}: {judge.task}")

        async def classify(text: str) -> Mapping[str, float]:
            [told] = await judge.engine.classify([text])
            return told.scores

        return kinds.Classifier(judge.name, frozenset(settings.labels), settings.above, classify, settings.do)

    return Guard(
        input=tuple(made(rule) for rule in chain.serve.guard.input),
        output=tuple(made(rule) for rule in chain.serve.guard.output),
        passages=tuple(made(rule) for rule in chain.serve.guard.passages),
    )


def _semantic_cache(settings: CacheSettings | None, served: Mapping[str, Served]) -> SemanticCache | None:
    from catenary.serve.semantic_cache import SemanticCache

    if settings is None or settings.semantic is None:
        return None
    wanted = settings.semantic
    vectors = served.get(wanted.endpoint)
    if vectors is None or vectors.task != "embed":
        raise InvalidInput(
            "This endpoint makes no vectors.",
            where="serve.cache.semantic.endpoint",
            got=wanted.endpoint if vectors is None else f"{wanted.endpoint}: {vectors.task}",
            expected="an endpoint of a model that makes vectors",
        )
    return SemanticCache(
        wanted.endpoint,
        threshold=wanted.threshold,
        scope=wanted.scope,
        sampled=wanted.sampled,
        most_bytes=settings.megabytes << 20,
    )


def _api_keys(store: Store) -> list[Any]:
    with store.reading() as connection:
        return api_key_rows(connection)


def _spent(store: Store, day: date) -> Mapping[str, int]:
    spent: Counter[str] = Counter()
    for row in store.usage(since=day, until=day):
        spent[row.key_id] += row.input_tokens + row.output_tokens
    return spent


def usage_table(
    chain: Chain, store: Store, *, since: date | None = None, until: date | None = None
) -> list[dict[str, Any]]:
    """What keys used of models, a day each, with what it costs by each key's plan: plain values."""
    with store.reading() as connection:
        keys = {key.id: key for key in api_key_rows(connection)}
    told = []
    for row in store.usage(since=since, until=until):
        key = keys.get(row.key_id)
        plan_name = "" if key is None else key.plan
        price = chain.serve.plans.get(plan_name)
        cost = None
        if price is not None:
            cost = round(
                row.input_tokens / 1000 * price.input_per_1000
                + row.output_tokens / 1000 * price.output_per_1000
                + row.requests * price.per_request,
                6,
            )
        told.append(
            {
                "day": row.day.isoformat(),
                "key": row.key_id,
                "name": "" if key is None else key.name,
                "model": row.model,
                "plan": plan_name,
                "requests": row.requests,
                "input_tokens": row.input_tokens,
                "output_tokens": row.output_tokens,
                "cost": cost,
                "currency": "" if price is None else price.currency,
            }
        )
    return told


def save_receipt_in(store: Store) -> SaveReceipt:
    """Keeps a receipt in the catalog; returns when it is there for good."""
    save = save_answers_in(store)
    return lambda receipt: save([receipt])


def save_answers_in(store: Store) -> Callable[[Sequence[Receipt]], None]:
    """Keeps receipts and what they cost in the catalog, in one transaction; returns when they are there for good."""

    def save(receipts: Sequence[Receipt]) -> None:
        requests: Counter[tuple[date, str, str]] = Counter()
        read: Counter[tuple[date, str, str]] = Counter()
        written: Counter[tuple[date, str, str]] = Counter()
        for receipt in receipts:
            day = datetime.fromisoformat(receipt.at).astimezone(UTC).date()
            of = (day, receipt.key or NO_KEY, receipt.endpoint)
            requests[of] += 1
            read[of] += receipt.tokens if receipt.input_tokens is None else receipt.input_tokens
            written[of] += receipt.output_tokens
        store.add_answers(
            [_stored(receipt) for receipt in receipts],
            [stores.Usage(*of, count, read[of], written[of]) for of, count in sorted(requests.items())],
            [_held(receipt) for receipt in receipts if receipt.draft is not None],
        )

    return save


def _held(receipt: Receipt) -> Held:
    """The answer that waits for a person under this receipt."""
    return Held(
        receipt.id,
        datetime.fromisoformat(receipt.at),
        receipt.app or receipt.endpoint,
        str(receipt.made["held"]["role"]),
        receipt.draft,
    )


def _stored(receipt: Receipt) -> stores.Receipt:
    return stores.Receipt(
        id=receipt.id,
        at=datetime.fromisoformat(receipt.at),
        endpoint=receipt.endpoint,
        app=receipt.app,
        release_id=receipt.release,
        unreleased=receipt.status != "released",
        key_id=receipt.key,
        body=receipt.to_json(),
    )


def console(
    chain: Chain,
    store: Store,
    *,
    overrides: Sequence[str] = (),
    gateway: Gateway | None = None,
    service: str | None = None,
    closing: Callable[[], bool] = never,
) -> FastAPI:
    """The console over a chain file, read again whenever it changes, and its store; with a gateway, over that too.

    `service`: without a gateway, the address of the service that the playground asks.
    """
    import os

    from catenary.chain.spec import load
    from catenary.console.app import console_app
    from catenary.console.desk import Desk
    from catenary.console.desk import Endpoint as EndpointNow
    from catenary.console.service import Answering, Service, service_at
    from catenary.stages import STAGES

    def endpoints() -> list[EndpointNow]:
        assert gateway is not None
        return [
            EndpointNow(
                served.name,
                served.task,
                served.release,
                served.status,
                served.engine.state.ready,
                served.engine.state.load,
                served.engine.state.restarts,
            )
            for served in gateway.endpoints.values()
        ]

    asked = None if service is None else service_at(service, os.environ.get(KEY_VARIABLE))
    if gateway is not None:
        from catenary.serve.app import create_app
        from catenary.serve.inside import inside

        there = gateway
        asked = Service(
            lambda: [Answering(one.name, one.task, one.status) for one in there.endpoints.values()],
            inside(create_app(there)),
        )
    return console_app(
        Desk(
            path=chain.path,
            store=store,
            load=lambda overrides: load(chain.path, STAGES, overrides),
            read_usage=lambda chain, since, until: usage_table(chain, store, since=since, until=until),
            overrides=tuple(overrides),
            endpoints=None if gateway is None else endpoints,
            service=asked,
            closing=closing,
        )
    )


def run(
    gateway: Gateway,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    allow_remote: bool = False,
    pages: FastAPI | None = None,
    on_listening: Callable[[str], None] | None = None,
) -> None:
    """Serve until a signal ends it, with the console at / where `pages` is one; see `catenary.serve.listen.listen`."""
    from catenary.serve.app import create_app
    from catenary.serve.listen import listen

    listen(
        create_app(gateway, pages), host=host, port=port, allow_remote=allow_remote, on_listening=on_listening
    )
