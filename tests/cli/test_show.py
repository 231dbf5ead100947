"""Where every link stands, and what each artifact is."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Catenary, ids, object_folder


def test_status_of_a_made_chain(catenary: Catenary, made: Path) -> None:
    status = catenary(made, "status", "--json").json
    assert status["project"] == "mail"
    assert {link["link"]: link["id"] for link in status["links"]} == ids(catenary, made)
    assert all(link["made"] and link["last_run"]["outcome"] == "done" for link in status["links"])
    assert status["endpoints"] == {"kind": "unsigned: waits for compliance, data_engineer"}
    assert "endpoint kind: unsigned" in catenary(made, "status").out


def test_status_before_anything_runs(catenary: Catenary, tmp_path: Path) -> None:
    from tests.stages.mail import write_chain

    write_chain(tmp_path)
    status = catenary(tmp_path, "status", "--json").json
    assert not any(link["made"] or link["last_run"] for link in status["links"])
    assert status["endpoints"] == {"kind": "the release is not made yet"}


def test_a_link_and_its_artifact_id_show_the_same(catenary: Catenary, made: Path) -> None:
    by_name = catenary(made, "show", "models.kind", "--json").json
    assert by_name == catenary(made, "show", by_name["id"], "--json").json
    assert by_name == catenary(made, "show", by_name["id"][:12], "--json").json
    assert by_name["stage"] == "finetune"
    assert by_name["settings"]["epochs"] == 3
    assert by_name["inputs"]["init"] == ids(catenary, made)["models.base"]
    assert by_name["links"] == ["mail: models.kind"]
    assert by_name["report"]["labels"] == ["docs", "offer"]
    assert Path(by_name["path"]) == object_folder(made, by_name["id"])


def test_a_release_is_meant_where_a_model_has_its_name(catenary: Catenary, made: Path) -> None:
    assert catenary(made, "show", "kind", "--json").json["kind"] == "release"


def test_every_link_shows_for_people(catenary: Catenary, made: Path) -> None:
    for name, id in ids(catenary, made).items():
        said = catenary(made, "show", name)
        assert said.code == 0, said.err
        assert said.out.startswith(id)
    assert "loss.svg" in catenary(made, "show", "models.kind").out


def test_the_dataset_says_what_was_dropped(catenary: Catenary, made: Path) -> None:
    report = catenary(made, "show", "datasets.mail", "--json").json["report"]
    dropped = report["dropped"]
    assert report["documents"] == report["kept"] + sum(dropped.values())
    assert dropped["dedup:exact"] >= 2
    assert dropped["dedup:near"] >= 1
    assert dropped["read:empty"] == 1
    assert dropped["read:not_text"] == 1


def test_an_evaluation_says_how_quickly_each_model_answered(catenary: Catenary, made: Path) -> None:
    said = catenary(made, "show", "quality", "--json").json
    assert said["figures"].keys() == {
        f"{what}.{name}" for what in ("speed", "cost") for name in ("linear", "kind")
    }
    assert min(said["figures"].values()) > 0
    assert "speed" not in str(said["report"])
    assert "speed.kind" in catenary(made, "show", "quality").out


def test_what_is_not_there(catenary: Catenary, made: Path) -> None:
    assert catenary(made, "show", "nothing").code in (2, 3)
    assert catenary(made, "show", "0123456789ab").code == 3
    said = catenary(made, "show", "models.kind", "--json")
    assert said.code == 0
