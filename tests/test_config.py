"""The store lies beside the chain file unless the environment says otherwise."""

from __future__ import annotations

from pathlib import Path

from catenary.config import Home


def test_beside_the_chain_file(tmp_path: Path) -> None:
    home = Home.of(tmp_path, {})
    assert home.path == tmp_path / ".catenary"
    assert home.catalog_url == f"sqlite:///{tmp_path}/.catenary/catalog.db"


def test_where_the_environment_says(tmp_path: Path) -> None:
    url = "postgresql://u:secret@host/catalog"
    home = Home.of(tmp_path, {"CATENARY_HOME": "~/store", "CATENARY_CATALOG": url})
    assert home.path == Path.home() / "store"
    assert home.catalog_url == url
    assert "secret" not in repr(home)


def test_a_relative_folder_does_not_change_its_meaning_later() -> None:
    assert Home.of(Path("examples"), {}).path == Path.cwd() / "examples" / ".catenary"
