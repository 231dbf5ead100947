"""What is signed and moved on the console is told to MLflow behind the answer: a real registry, and one that broke."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from tests.console.test_pages import token_of
from tests.serve.chains import serving

pytestmark = pytest.mark.slow


def until(there: Callable[[], Any], seconds: float = 240) -> Any:
    """What it gives once it gives something."""
    end = time.monotonic() + seconds
    while not (found := there()):
        assert time.monotonic() < end
        time.sleep(0.5)
    return found


def test_a_registry_follows_the_console_and_its_failures_stop_nothing(copy: Path, tmp_path: Path) -> None:
    database = tmp_path / "registry.db"
    uri = f"sqlite:///{database}"
    client = MlflowClient(uri, uri)
    release = next((copy / ".catenary/objects/release").iterdir()).name
    page = f"/console/releases/{release}"

    def tags() -> dict[str, str]:
        [version] = client.search_model_versions("name = 'mail.kind'")  # one, however many signed at once
        return dict(version.tags)

    with serving(copy, CATENARY_REPORT_TO="mlflow", MLFLOW_TRACKING_URI=uri) as served, served.http() as http:
        token = token_of(http.get(page).text)

        def post(deed: str, **fields: str) -> int:
            return http.post(f"{page}/{deed}", data={"token": token, **fields}).status_code

        with ThreadPoolExecutor(2) as both:
            roles = ("compliance", "data_engineer")
            assert list(both.map(lambda role: post("sign", role=role), roles)) == [303, 303]
        until(lambda: client.search_model_versions("name = 'mail.kind'"))
        until(lambda: tags()["catenary.served"] == "yes")
        assert post("move", to="staging") == 303
        until(lambda: client.get_registered_model("mail.kind").aliases)
        assert tags()["catenary.state"] == "staging"

        for file in tmp_path.glob("registry.db*"):
            file.write_bytes(b"this is no database " * 400)
        assert post("move", to="dev") == 303
        until(lambda: "MLflow was not told" in served.log)
        assert "Traceback" not in served.log
        assert http.get(page).status_code == 200
