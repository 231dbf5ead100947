"""What is there is reused; one changed setting runs only what stands on it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.cli.conftest import Catenary, ids
from tests.stages.mail import CHAIN, command, environment, write_chain

LINKS = [
    "sources.folders",
    "sources.table",
    "datasets.mail",
    "tokenizers.words",
    "models.bigram",
    "models.linear",
    "models.base",
    "models.kind",
    "evaluations.quality",
    "releases.kind",
]


def to_run(catenary: Catenary, folder: Path, *settings: str) -> list[str]:
    arguments = [part for one in settings for part in ("--set", one)]
    planned = catenary(folder, "plan", "--json", *arguments).json
    return [link["link"] for link in planned["links"] if not link["reused"]]


def test_the_plan_of_a_new_chain_knows_every_id(catenary: Catenary, made: Path, tmp_path: Path) -> None:
    write_chain(tmp_path)
    assert to_run(catenary, tmp_path) == LINKS
    assert ids(catenary, tmp_path) == ids(catenary, made)
    said = catenary(tmp_path, "plan")
    assert "10 of 10 links would run" in said.flat


def test_the_second_run_runs_nothing(catenary: Catenary, copy: Path) -> None:
    before = catenary(copy, "status", "--json").json
    said = catenary(copy, "run")
    assert said.code == 0
    assert "Everything was made before; nothing ran." in said.out
    assert said.out.count(" reused") == len(LINKS)
    assert catenary(copy, "status", "--json").json == before
    assert "Everything is made; nothing would run." in catenary(copy, "plan").out


def test_a_setting_runs_only_what_stands_on_it(catenary: Catenary, made: Path) -> None:
    assert to_run(catenary, made) == []
    assert to_run(catenary, made, "models.bigram.order=3") == ["models.bigram"]
    assert to_run(catenary, made, "models.linear.min_df=3") == [
        "models.linear",
        "evaluations.quality",
        "releases.kind",
    ]
    assert to_run(catenary, made, "models.kind.epochs=4") == LINKS[-3:]
    assert to_run(catenary, made, "vars.seed=18") == LINKS[2:]
    assert to_run(catenary, made, "serve.port=9000", "project.description=mail") == []


def test_the_reason_is_told(catenary: Catenary, made: Path) -> None:
    said = catenary(made, "plan", "--set", "models.kind.epochs=4")
    assert "changed: epochs 3 → 4" in said.flat
    assert "stands on" in said.flat


def test_a_setting_that_the_chain_does_not_have(catenary: Catenary, made: Path) -> None:
    said = catenary(made, "plan", "--set", "models.nothing.epochs=4")
    assert said.code == 2
    assert "models.kind" in said.err
    assert catenary(made, "plan", "--set", "models.kind.epochs").code == 2


def test_a_changed_file_runs_what_stands_on_it(catenary: Catenary, copy: Path) -> None:
    with (copy / "mail.csv").open("a", encoding="utf-8") as file:
        file.write("A sentence that was not here before.,docs\n")
    assert to_run(catenary, copy) == LINKS[1:]


def test_a_file_moved_with_its_folder_changes_nothing(catenary: Catenary, copy: Path) -> None:
    (copy / "mail" / "docs" / "000.txt").touch()
    assert to_run(catenary, copy) == []


def test_one_link_runs_with_what_it_stands_on_and_nothing_else(catenary: Catenary, copy: Path) -> None:
    said = catenary(copy, "run", "bigram", "--set", "models.bigram.order=1", "--json")
    assert said.code == 0, said.err
    ran = {link["link"]: link["reused"] for link in said.json["links"]}
    assert ran == {**dict.fromkeys([*LINKS[:4]], True), "models.bigram": False}


def test_an_unknown_link(catenary: Catenary, made: Path) -> None:
    said = catenary(made, "run", "models.bgram")
    assert said.code == 3
    assert "models.bigram" in said.err


def test_an_ambiguous_link(catenary: Catenary, made: Path) -> None:
    said = catenary(made, "run", "kind")
    assert said.code == 3
    assert "models.kind, releases.kind" in said.err


def test_a_stage_that_fails_says_why_and_keeps_what_was_made(catenary: Catenary, tmp_path: Path) -> None:
    write_chain(tmp_path, CHAIN.replace("{valid: 0.1, test: 0.2, seed", "{valid: 0.1, test: 0.0, seed"))
    said = catenary(
        tmp_path,
        "run",
        "quality",
        "--set",
        "evaluations.quality.of=[linear]",
        "--set",
        "releases.kind.gates=[]",
    )
    assert said.code == 2
    assert "There are no documents to evaluate on." in said.err
    status = {link["link"]: link for link in catenary(tmp_path, "status", "--json").json["links"]}
    assert status["models.linear"]["made"]
    assert status["evaluations.quality"]["last_run"]["outcome"] == "failed"
    assert "failed" in catenary(tmp_path, "status").out


def test_the_lock_says_what_every_link_resolved_to(catenary: Catenary, made: Path) -> None:
    import json

    locked = json.loads((made / "catenary.lock").read_text("utf-8"))["links"]
    assert {name: link["id"] for name, link in locked.items()} == ids(catenary, made)
    assert locked["models.base"]["settings"]["hidden_size"] == 16
    assert locked["datasets.mail"]["settings"]["split"]["seed"] == 17


def test_two_runs_at_once_make_everything_once(catenary: Catenary, made: Path, tmp_path: Path) -> None:
    write_chain(tmp_path)
    both = [
        subprocess.Popen(command("run", "bigram"), cwd=tmp_path, env=environment(), stdout=subprocess.DEVNULL)
        for _ in range(2)
    ]
    assert [one.wait() for one in both] == [0, 0]
    for name in LINKS[:5]:
        shown = catenary(tmp_path, "show", name, "--json").json
        assert shown["id"] == ids(catenary, made)[name]
        assert [run["outcome"] for run in shown["runs"]].count("done") == 1
    assert catenary(tmp_path, "verify").code == 0
