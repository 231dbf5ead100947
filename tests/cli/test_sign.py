"""Nothing is answered before those who must sign have signed; and what they signed is what answers."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

from catenary.chain.spec import load
from catenary.config import Home
from catenary.stages import STAGES
from catenary.stages.standing import findings, standing
from catenary.store import Store
from tests.cli.conftest import Catenary, ids, object_folder
from tests.stages.mail import OFFER, QUESTION, SIGNERS


def test_unsigned_is_refused_with_the_next_command(catenary: Catenary, made: Path) -> None:
    said = catenary(made, "ask", "kind", OFFER)
    assert (said.code, said.out) == (4, "")
    assert "unsigned: waits for compliance, data_engineer" in said.err
    assert "catenary sign kind --as compliance" in said.err
    assert catenary(made, "serve", "--port", "0").code == 4


def test_unreleased_answers_and_the_receipt_says_so(catenary: Catenary, copy: Path) -> None:
    receipt = catenary(copy, "ask", "kind", OFFER, "--unreleased", "--json").json
    assert receipt["status"] == "unreleased"
    assert receipt["release"] == ids(catenary, copy)["releases.kind"]
    assert "UNRELEASED" in catenary(copy, "ask", "kind", OFFER, "--unreleased").out
    assert "UNRELEASED" in catenary(copy, "trace", receipt["id"]).out


def test_all_sign_then_it_answers(catenary: Catenary, copy: Path) -> None:
    first = catenary(copy, "sign", "kind", "--as", "compliance")
    assert first.code == 0
    assert "unsigned: waits for data_engineer" in first.out
    assert catenary(copy, "ask", "kind", OFFER).code == 4
    last = catenary(copy, "sign", "kind", "--as", "data_engineer", "--json").json
    assert (last["released"], last["missing"]) == (True, [])
    receipt = catenary(copy, "ask", "kind", OFFER, "--json").json
    assert receipt["status"] == "released"
    [text] = receipt["texts"]
    assert set(text["scores"]) == {"docs", "offer"}
    assert abs(sum(text["scores"].values()) - 1) < 1e-4
    assert "released: all gates passed" in catenary(copy, "status").out


def test_the_same_question_has_the_same_answer(catenary: Catenary, signed_copy: Path) -> None:
    one, other = (catenary(signed_copy, "ask", "kind", QUESTION, "--json").json for _ in range(2))
    assert one["id"] != other["id"]
    assert one["texts"] == other["texts"]


def test_a_role_that_is_not_asked_for_and_one_that_is_none(catenary: Catenary, made: Path) -> None:
    said = catenary(made, "sign", "kind", "--as", "business")
    assert said.code == 4
    assert "compliance, data_engineer" in said.err
    said = catenary(made, "sign", "kind", "--as", "complience")
    assert said.code == 2
    assert "compliance" in said.err


def test_signing_twice_says_where_it_stands(catenary: Catenary, signed: Path) -> None:
    said = catenary(signed, "sign", "kind", "--as", "compliance")
    assert said.code == 0
    assert "released" in said.out


def test_what_is_no_release_cannot_be_signed(catenary: Catenary, made: Path) -> None:
    assert catenary(made, "sign", "nothing", "--as", "compliance").code in (2, 3)
    model = ids(catenary, made)["models.kind"]
    assert catenary(made, "sign", model, "--as", "compliance").code == 2


def test_a_chain_that_was_changed_since_is_not_signed(catenary: Catenary, signed_copy: Path) -> None:
    file = signed_copy / "catenary.yaml"
    file.write_text(file.read_text("utf-8").replace("epochs: 3", "epochs: 4"), "utf-8")
    for command in (("sign", "kind", "--as", "compliance"), ("ask", "kind", OFFER)):
        said = catenary(signed_copy, *command)
        assert said.code == 3
        assert "catenary run releases.kind" in said.err


def test_roles_kept_apart_once_there_are_two_people(catenary: Catenary, copy: Path) -> None:
    alone = catenary(copy, "roles", "--grant", "ada", "compliance", "--json").json
    assert ["ada", "compliance"] in alone["held"]
    me = next(person for person, _ in alone["held"] if person != "ada")
    assert catenary(copy, "roles", "--revoke", me, "compliance").code == 0
    said = catenary(copy, "sign", "kind", "--as", "compliance")
    assert said.code == 4, said.out
    assert catenary(copy, "sign", "kind", "--as", "data_engineer").code == 0
    assert "ada" in catenary(copy, "roles").out


def test_a_gate_that_fails_refuses_the_release(catenary: Catenary, copy: Path) -> None:
    file = copy / "catenary.yaml"
    file.write_text(file.read_text("utf-8").replace("at_least: 0.3", "at_least: 1.01"), "utf-8")
    said = catenary(copy, "run")
    assert said.code == 0
    assert "catenary show releases.kind" in said.out
    for command in (("sign", "kind", "--as", "compliance"), ("ask", "kind", OFFER)):
        refused = catenary(copy, *command)
        assert refused.code == 4
        assert "at least 1.01" in refused.err


def edit_manifest(folder: Path, old: str, new: str) -> Path:
    """Change the release's manifest, and make the catalog believe it, as one with all rights on the machine could."""
    import sqlite3

    from catenary.store.manifest import manifest_sha256

    lock = json.loads((folder / "catenary.lock").read_text("utf-8"))
    id = lock["links"]["releases.kind"]["id"]
    path = object_folder(folder, id) / "manifest.json"
    text = path.read_text("utf-8")
    assert old in text
    writable(path)
    path.write_text(text.replace(old, new), "utf-8")
    with sqlite3.connect(folder / ".catenary" / "catalog.db") as catalog:
        catalog.execute(
            "update artifacts set manifest_sha256 = ? where id = ?", (manifest_sha256(path.read_bytes()), id)
        )
    catalog.close()
    return path


def writable(path: Path) -> None:
    for one in (path.parent, path):
        one.chmod(one.stat().st_mode | stat.S_IWUSR)


def test_changed_evidence_voids_the_sign_offs(catenary: Catenary, signed_copy: Path) -> None:
    edit_manifest(signed_copy, '"at_least": 0.3', '"at_least": 0.2')
    said = catenary(signed_copy, "ask", "kind", OFFER)
    assert said.code in (4, 5), said.out
    assert "Traceback" not in said.err
    assert catenary(signed_copy, "verify").code == 5


def test_a_changed_sentence_of_a_gate_voids_the_sign_offs(catenary: Catenary, signed_copy: Path) -> None:
    edit_manifest(signed_copy, "licences of the sources: MIT", "licences of the sources: Apache-2.0")
    said = catenary(signed_copy, "ask", "kind", OFFER)
    assert said.code in (4, 5)
    if said.code == 4:
        assert "unsigned: waits for" in said.err
        chain = load(signed_copy / "catenary.yaml", STAGES)
        with Store.open(Home.of(chain.folder)) as store:
            release = store.get(ids(catenary, signed_copy)["releases.kind"])
            assert not standing(store, release).released
            assert len(findings(store, release)) == len(SIGNERS)


def test_a_changed_byte_of_the_model_is_not_loaded(catenary: Catenary, signed_copy: Path) -> None:
    model = object_folder(signed_copy, ids(catenary, signed_copy)["releases.kind"]) / "model.onnx"
    writable(model)
    data = bytearray(model.read_bytes())
    data[len(data) // 2] ^= 1
    times = model.stat()
    model.write_bytes(data)
    os.utime(model, ns=(times.st_atime_ns, times.st_mtime_ns))
    for command in (("ask", "kind", OFFER), ("ask", "kind", OFFER, "--unreleased"), ("serve", "--port", "0")):
        said = catenary(signed_copy, *command)
        assert said.code == 5
        assert "model.onnx" in said.err
    found = catenary(signed_copy, "verify", "--json")
    assert found.code == 5
    assert any("model.onnx" in problem for problem in found.json["problems"])


def test_an_endpoint_that_is_not_there(catenary: Catenary, made: Path) -> None:
    said = catenary(made, "ask", "kid", OFFER)
    assert said.code == 3
    assert "one of: kind" in said.err


def test_what_was_made_with_an_override_is_signed_and_asked_with_it(
    catenary: Catenary, signed_copy: Path
) -> None:
    override = "releases.kind.sign_off=[compliance]"
    told = catenary(signed_copy, "run", "--set", override)
    assert f"catenary sign kind --as compliance --set '{override}'" in told.flat
    asked = ("ask", "kind", "free money", "--set", override)
    assert "unsigned" in catenary(signed_copy, *asked).err
    assert catenary(signed_copy, "sign", "kind", "--as", "compliance", "--set", override).code == 0
    assert catenary(signed_copy, *asked).code == 0
