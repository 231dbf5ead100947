"""Releases in an MLflow registry: files, tags and aliases, read back with MLflow's own client."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import mlflow.artifacts
import pytest
import yaml
from mlflow import MlflowClient

from tests.cli.conftest import Catenary, ids

NAME = "mail.kind"


@pytest.fixture(params=["sqlite", "file"])
def client(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MlflowClient:
    """A registry of its own, that the commands are told of too."""
    folder = tmp_path / "registry"
    folder.mkdir()
    uri = f"sqlite:///{folder}/mlflow.db" if request.param == "sqlite" else folder.as_uri()
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("CATENARY_REPORT_TO", "mlflow")
    monkeypatch.chdir(folder)
    return MlflowClient()


def only_version(client: MlflowClient) -> Any:
    [version] = client.search_model_versions(f"name = '{NAME}'")
    return version


def test_a_release_with_its_files_and_where_it_stands(
    catenary: Catenary, signed_copy: Path, client: MlflowClient
) -> None:
    said = catenary(signed_copy, "register", "kind", "--json")
    assert said.code == 0, said.err
    release = ids(catenary, signed_copy)["releases.kind"]
    assert said.json == {"registered": [{"release": release, "name": NAME, "version": "1"}]}
    version = only_version(client)
    folder = Path(mlflow.artifacts.download_artifacts(version.source))
    kept = signed_copy / ".catenary/objects/release" / release
    for path in kept.rglob("*"):
        if path.is_file():
            assert (folder / path.relative_to(kept)).read_bytes() == path.read_bytes()
    told = yaml.safe_load((folder / "MLmodel").read_text())
    assert [one["name"] for one in json.loads(told["signature"]["inputs"])] == ["text"]
    assert [one["name"] for one in json.loads(told["signature"]["outputs"])] == ["label", "score"]
    tags = version.tags
    assert tags["catenary.release"] == release
    assert (tags["catenary.state"], tags["catenary.served"]) == ("dev", "yes")
    assert tags["catenary.outcome"] in ("passed", "warned")
    assert json.loads(tags["catenary.missing"]) == []
    assert json.loads(tags["catenary.signed"])
    assert json.loads(tags["catenary.licences"])
    catenary(signed_copy, "register")  # once more, and all of them: it is the same version
    assert only_version(client).version == version.version


def test_moves_are_followed(catenary: Catenary, signed_copy: Path, client: MlflowClient) -> None:
    def aliases() -> dict[str, str]:
        return {name: str(one) for name, one in client.get_registered_model(NAME).aliases.items()}

    said = catenary(signed_copy, "move", "kind", "staging", "--json")
    assert said.json["to"] == "staging"
    assert f"Registered in MLflow as {NAME}, version 1." in said.err
    assert aliases() == {"staging": "1"}
    catenary(signed_copy, "move", "kind", "production")
    assert aliases() == {"production": "1"}
    catenary(signed_copy, "sign", "kind", "--revoke", "1", "--why", "a mistake")
    assert only_version(client).tags["catenary.served"] == "no"
    catenary(signed_copy, "move", "kind", "withdrawn", "--why", "wrong licence")
    assert aliases() == {}
    assert only_version(client).tags["catenary.state"] == "withdrawn"


def test_nothing_is_registered_unasked(
    catenary: Catenary, signed_copy: Path, client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CATENARY_REPORT_TO")
    said = catenary(signed_copy, "move", "kind", "staging")
    assert (said.code, said.err) == (0, "")
    assert client.search_registered_models() == []


def test_a_registry_that_is_away_stops_no_release(
    catenary: Catenary, signed_copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as taken:  # nobody answers here
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{taken.getsockname()[1]}")
        monkeypatch.setenv("CATENARY_REPORT_TO", "mlflow")
        said = catenary(signed_copy, "move", "kind", "staging")
    assert said.code == 0
    assert "Moved" in said.out
    assert "MLflow was not told" in said.err
    assert "catenary register" in said.err
    assert catenary(signed_copy, "move", "kind", "production", "--json").json["from"] == "staging"


def test_files_that_are_encrypted_stay_here(
    catenary: Catenary,
    signed_copy: Path,
    client: MlflowClient,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    catenary(signed_copy, "encrypt", "key", str(tmp_path / "key"))
    monkeypatch.setenv("CATENARY_OBJECT_KEY_FILE", str(tmp_path / "key"))
    assert catenary(signed_copy, "encrypt", "on").code == 0
    assert catenary(signed_copy, "register", "kind").code == 0
    folder = Path(mlflow.artifacts.download_artifacts(only_version(client).source))
    assert [path.name for path in folder.iterdir()] == ["MLmodel"]
