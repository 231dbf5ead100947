"""Keys of the served API at the command line: who may make and revoke which."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Catenary
from tests.serve.chains import write_chain


def test_who_may_serve_makes_keys_that_ask_and_none_with_a_role(
    catenary: Catenary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_chain(tmp_path)

    def made(person: str, role: str) -> int:
        monkeypatch.setenv("LOGNAME", person)
        return catenary(folder, "keys", "--make", f"{person}'s {role}", "--role", role, "--json").code

    for person, role in (("dev", "app_developer"), ("officer", "compliance")):
        assert catenary(folder, "roles", "--grant", person, role).code == 0
    assert made("dev", "caller") == 0
    for role in ("app_developer", "compliance", "business"):
        assert made("dev", role) == 4
    assert made("officer", "business") == 0
    assert made("officer", "caller") == 4
    assert made("nobody", "caller") == 4
    keys = catenary(folder, "keys", "--json").json["keys"]
    assert [(one["name"], one["role"]) for one in keys] == [
        ("dev's caller", "caller"),
        ("officer's business", "business"),
    ]
    monkeypatch.setenv("LOGNAME", "officer")
    assert catenary(folder, "keys", "--revoke", keys[0]["id"]).code == 4
    monkeypatch.setenv("LOGNAME", "dev")
    assert catenary(folder, "keys", "--revoke", keys[1]["id"]).code == 0
