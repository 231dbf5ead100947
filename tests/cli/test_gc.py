"""What is needed stays; what nothing needs goes; what is damaged or half made is told."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from tests.cli.conftest import Catenary, ids, object_folder
from tests.cli.test_sign import writable


def test_a_chain_in_use_has_nothing_to_remove(catenary: Catenary, copy: Path) -> None:
    for arguments in (("--dry-run",), ()):
        removed = catenary(copy, "gc", "--json", *arguments).json
        assert (removed["removed"], removed["bytes"]) == ([], 0)
    assert catenary(copy, "verify").code == 0


def test_what_a_changed_setting_left_behind_is_removed(catenary: Catenary, copy: Path) -> None:
    before = ids(catenary, copy)
    file = copy / "catenary.yaml"
    file.write_text(file.read_text("utf-8").replace("order: 2", "order: 1"), "utf-8")
    assert catenary(copy, "run", "bigram").code == 0
    old = before["models.bigram"]
    asked = catenary(copy, "gc", "--dry-run", "--json").json
    assert asked["removed"] == [old]
    assert asked["bytes"] > 0
    assert object_folder(copy, old).is_dir()
    assert catenary(copy, "gc", "--json").json == {**asked, "dry_run": False}
    assert not list((copy / ".catenary" / "objects").glob(f"*/{old}"))
    assert catenary(copy, "verify").code == 0
    after = ids(catenary, copy)
    assert {name: id for name, id in before.items() if name != "models.bigram"} == {
        name: id for name, id in after.items() if name != "models.bigram"
    }


def test_a_signed_release_is_kept_though_the_chain_moved_on(catenary: Catenary, signed_copy: Path) -> None:
    release = ids(catenary, signed_copy)["releases.kind"]
    file = signed_copy / "catenary.yaml"
    text = file.read_text("utf-8")
    head, tail = text.index("releases:"), text.index("apps:")
    file.write_text(text[:head] + text[tail:], "utf-8")
    assert catenary(signed_copy, "run").code == 0
    assert catenary(signed_copy, "gc", "--json").json["removed"] == []
    assert object_folder(signed_copy, release).is_dir()
    assert catenary(signed_copy, "trace", "--last").code == 0


def test_doctor_finds_nothing_in_a_sound_store(catenary: Catenary, copy: Path) -> None:
    assert catenary(copy, "doctor", "--json").json == {"actions": []}
    assert "Nothing needed repair." in catenary(copy, "doctor").out
    assert catenary(copy, "verify").out.startswith("10 artifacts")


def test_doctor_puts_a_damaged_artifact_aside_and_run_makes_it_again(catenary: Catenary, copy: Path) -> None:
    id = ids(catenary, copy)["models.bigram"]
    path = max(object_folder(copy, id).iterdir(), key=lambda file: file.stat().st_size)
    before = path.read_bytes()
    writable(path)
    path.write_bytes(before[:-1])
    found = catenary(copy, "verify")
    assert found.code == 5
    assert path.name in found.out
    assert "catenary doctor" in found.err
    assert catenary(copy, "doctor").code == 0
    assert catenary(copy, "run", "bigram").code == 0
    assert path.read_bytes() == before
    assert catenary(copy, "verify").code == 0


def test_an_edited_audit_log_is_found(catenary: Catenary, signed_copy: Path) -> None:
    sound = catenary(signed_copy, "audit", "verify", "--json")
    assert sound.code == 0
    assert sound.json["findings"] == []
    anchor = catenary(signed_copy, "audit", "anchor").out.strip()
    assert catenary(signed_copy, "audit", "verify", "--anchor", anchor).code == 0
    log = catenary(signed_copy, "audit", "log", "--json").json
    assert [entry["action"] for entry in log].count("release.sign") == 2
    with closing(sqlite3.connect(signed_copy / ".catenary" / "catalog.db")) as catalog:
        for (name,) in catalog.execute("select name from sqlite_master where type = 'trigger'").fetchall():
            catalog.execute(f"drop trigger {name}")
        catalog.execute("update audit set actor = 'mallory' where action = 'release.sign'")
        catalog.commit()
    said = catenary(signed_copy, "audit", "verify")
    assert said.code == 5
    assert "The audit log was altered" in said.err
