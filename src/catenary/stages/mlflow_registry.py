"""Releases in an MLflow model registry, for teams that look for their models there.

    with open_store(chain) as store:
        registered(store, release)       # "reviews.sentiment", version "3"

A release is a version of the registered model `<chain>.<release>`: its files and what goes in and comes out (MLmodel),
and as tags its digests, where it stands, its gates, who signed and is missing, and its licences. `staging` and
`production` are aliases of the version that was moved there. Done again, it brings a version up to what is true now.

`CATENARY_REPORT_TO=mlflow` asks for it at each commit, signature and move of a release (`report`); MLFLOW_TRACKING_URI
and MLFLOW_REGISTRY_URI say where. The catalog is what holds: MLflow that is away stops nothing. Files that are
encrypted at rest stay here.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import yaml
from sqlalchemy.exc import SQLAlchemyError

from catenary.errors import CatenaryError, InvalidInput
from catenary.messages import say
from catenary.stages.release_facts import licences
from catenary.stages.standing import digests_of, released_id, standing
from catenary.store import Artifact, Store

NAME = "mlflow"
ALIASES = ("staging", "production")
TAG = "catenary."
TAG_LENGTH = 5000  # MLflow's limit for tags of a version
# A release must not wait for minutes on a server that is away: MLflow's own are 7 tries of 120 seconds. And standard
# output is ours: its client would print where a run is to be seen.
MANNERS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
_ONE = threading.Lock()  # two who sign at once would each make a version
Columns = dict[str, str]
# The stage that made what is released → its columns in, its columns out.
SIGNATURES: dict[str, tuple[Columns, Columns]] = {
    "finetune": ({"text": "string"}, {"label": "string", "score": "double"}),
    "finetune_tag": ({"text": "string"}, {"entities": "string"}),
    "chat": ({"messages": "string"}, {"content": "string"}),
    "preference": ({"messages": "string"}, {"content": "string"}),
    "index_passages": ({"question": "string"}, {"passages": "string"}),
}
FROM_TEXT_TO_TEXT: tuple[Columns, Columns] = ({"text": "string"}, {"text": "string"})


def asked(environ: Mapping[str, str] | None = None) -> bool:
    """Whether the environment wants releases told to MLflow."""
    told = (os.environ if environ is None else environ).get("CATENARY_REPORT_TO", "")
    return NAME in [one.strip() for one in told.split(",")]


def report(store: Store, release: Artifact) -> str | None:
    """Register where that is asked for; the sentence to show, None where it is not.

    A registry that is away or refuses is told of in that sentence, and raises nothing.
    """
    if not asked():
        return None
    try:
        name, version = registered(store, release)
    except _expected() as error:
        told = error.got or error if isinstance(error, CatenaryError) else str(error) or type(error).__name__
        first = str(told).splitlines()[0][:200]
        return say("MLflow was not told ({error}); `catenary register` tells it later.", error=first)
    return say("Registered in MLflow as {name}, version {version}.", name=name, version=version)


def registered(store: Store, release: Artifact) -> tuple[str, str]:
    """(name, version) of the release in the registry, where it is now as it is here.

    Raises InvalidInput without MLflow, and whatever its client raises.
    """
    with _ONE, _manners():
        client = _client()
        name = registered_name(store, release)
        tags = _tags(store, release)
        versions = _versions(client, name)
        version = next(
            (one for one, told in versions.items() if told.get(f"{TAG}release") == release.id), None
        )
        if version is None:
            version = _made(client, store, release, name, tags)
        else:
            for key, value in tags.items():
                if versions[version].get(key) != value:
                    client.set_model_version_tag(name, version, key, value)
        versions[version] = {**versions.get(version, {}), **tags}
        _point(client, name, version, versions)
    return name, version


def registered_name(store: Store, release: Artifact) -> str:
    """`<chain>.<release>` as it was last made; its id where no chain has it any more."""
    rows = [row for row in store.links_to(release.id) if row.link.startswith("releases.")]
    if not rows:
        return f"catenary.{release.id[:12]}"
    return f"{rows[-1].chain}.{rows[-1].link.partition('.')[2]}"


def _expected() -> tuple[type[Exception], ...]:
    """What a registry that is away, broken or of another mind ends in: errors of MLflow, the network, its database."""
    ours = (CatenaryError, OSError, SQLAlchemyError)
    try:
        from mlflow.exceptions import MlflowException
    except ImportError:
        return ours
    return (*ours, MlflowException)


def _client() -> Any:
    try:
        from mlflow import MlflowClient
    except ImportError as error:
        raise InvalidInput(
            "{name} is not installed.", name="MLflow", got=str(error), next="pip install 'catenary[mlflow]'"
        ) from error
    return MlflowClient()


@contextmanager
def _manners() -> Iterator[None]:
    ours = {name: value for name, value in MANNERS.items() if name not in os.environ}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name in ours:
            os.environ.pop(name, None)


def _tags(store: Store, release: Artifact) -> dict[str, str]:
    stands = standing(store, release)
    digests = digests_of(store, release)
    lineage = [store.get(row.id) for row in store.ancestors(release.id)]
    told: dict[str, object] = {
        "release": release.id,
        "digest": digests.release,
        "model": digests.model,
        "data": digests.data,
        "state": stands.state or "dev",
        "served": "yes" if stands.released else "no",
        "outcome": release.manifest.report["outcome"],
        "gates": [[gate["sentence"], gate["outcome"]] for gate in release.manifest.report["gates"]],
        "signed": {
            row.role: row.person
            for row in store.sign_offs(release.id)
            if row.revoked_at is None and row.role in stands.approval.signed
        },
        "missing": list(stands.approval.missing),
        "licences": sorted(licences(lineage)),
    }
    return {
        f"{TAG}{name}": (
            value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
        )[:TAG_LENGTH]
        for name, value in told.items()
    }


def _versions(client: Any, name: str) -> dict[str, dict[str, str]]:
    """The tags of each version, by its number; the registered model is made where it is missing."""
    if not client.search_registered_models(f"name = '{name}'", max_results=1):
        client.create_registered_model(name, tags={f"{TAG}chain": name.partition(".")[0]})
    found: dict[str, dict[str, str]] = {}
    token = None
    while True:
        page = client.search_model_versions(f"name = '{name}'", page_token=token)
        found |= {str(one.version): dict(one.tags) for one in page}
        token = page.token
        if not token:
            return found


def _made(client: Any, store: Store, release: Artifact, name: str, tags: Mapping[str, str]) -> str:
    """A new version, after its files are there: one that failed on the way leaves a run, and no version."""
    experiment = client.get_experiment_by_name(name.partition(".")[0])
    where = experiment.experiment_id if experiment else client.create_experiment(name.partition(".")[0])
    run = client.create_run(where, run_name=f"{name} {release.id[:12]}", tags={f"{TAG}release": release.id})
    try:
        made_by = store.get(released_id(release)).stage
        client.log_text(run.info.run_id, _mlmodel(release, made_by, run.info.run_id), "model/MLmodel")
        encrypted = store.encryption()
        if encrypted is None or not encrypted.on:
            client.log_artifacts(run.info.run_id, str(release.path), "model")
        client.set_terminated(run.info.run_id, "FINISHED")
    except BaseException:
        client.set_terminated(run.info.run_id, "FAILED")
        raise
    source = f"{run.info.artifact_uri}/model"
    made = client.create_model_version(name, source, run.info.run_id, tags=dict(tags))
    return str(made.version)


def _mlmodel(release: Artifact, made_by: str, run: str) -> str:
    """MLflow's own description of a model: mlflow.org/docs/latest/ml/model (storage format, signatures)."""
    report, settings = release.manifest.report, release.manifest.settings
    columns_in, columns_out = SIGNATURES.get(made_by, FROM_TEXT_TO_TEXT)
    return yaml.safe_dump(
        {
            "flavors": {
                "catenary": {
                    "release": release.id,
                    "formats": list(settings.get("formats", ())),
                    "labels": report.get("labels", []),
                }
            },
            "signature": {"inputs": _json(columns_in), "outputs": _json(columns_out), "params": None},
            "run_id": run,
            "model_uuid": release.id[:32],
        },
        allow_unicode=True,
    )


def _json(columns: Columns) -> str:
    return json.dumps([{"type": kind, "name": name, "required": True} for name, kind in columns.items()])


def _point(client: Any, name: str, version: str, versions: Mapping[str, Mapping[str, str]]) -> None:
    """Each alias names the version that was moved there last; none where no version is there any more."""
    aliases = client.get_registered_model(name).aliases
    for alias in ALIASES:
        there = [one for one, tags in versions.items() if tags.get(f"{TAG}state") == alias]
        now = str(aliases[alias]) if alias in aliases else None
        wanted = version if version in there else now if now in there else max(there, key=int, default=None)
        if wanted is not None and wanted != now:
            client.set_registered_model_alias(name, alias, wanted)
        elif wanted is None and now is not None:
            client.delete_registered_model_alias(name, alias)
