"""What would run and what is reused, and why."""

from __future__ import annotations

from pathlib import Path

from catenary.chain.plan import Plan, plan
from catenary.chain.run import run
from catenary.chain.spec import load
from catenary.config import Home
from catenary.store import Store
from tests.chain.craft import CHAIN, STAGES, Quiet, write_chain


def planned(folder: Path, text: str = CHAIN, *overrides: str, then_run: bool = False) -> Plan:
    chain = load(write_chain(folder, text), STAGES, overrides)
    with Store.open(Home.of(folder, {})) as store:
        made = plan(chain, store)
        if then_run:
            run(made, store, Quiet())
    return made


def ids(made: Plan) -> dict[str, str]:
    return {step.link.full_name: step.id for step in made.steps}


def test_nothing_is_there_at_first_and_everything_afterwards(tmp_path: Path) -> None:
    before = planned(tmp_path, then_run=True)
    assert [step.reason for step in before.steps] == ["new"] * 5
    after = planned(tmp_path)
    assert not after.to_run
    assert ids(after) == ids(before)


def test_ids_do_not_depend_on_where_the_chain_lies(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    assert ids(planned(tmp_path / "one")) == ids(planned(tmp_path / "two"))


def test_ids_do_not_depend_on_the_names_of_links(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    renamed = planned(
        tmp_path / "two",
        CHAIN.replace("loud:", "noisy:").replace("loud", "noisy").replace("noisyer", "louder"),
    )
    assert ids(renamed)["datasets.noisy"] == ids(planned(tmp_path / "one"))["datasets.loud"]


def test_one_setting_moves_only_what_stands_on_it(tmp_path: Path) -> None:
    planned(tmp_path, then_run=True)
    changed = planned(tmp_path, CHAIN, "datasets.louder.times=3")
    assert {step.link.full_name: step.reason for step in changed.to_run} == {
        "datasets.louder": "changed: times 2 → 3",
        "models.both": "stands on datasets.louder, which runs again",
    }


def test_a_changed_source_runs_everything_again(tmp_path: Path) -> None:
    planned(tmp_path, then_run=True)
    chain = load(write_chain(tmp_path), STAGES)
    (tmp_path / "text.txt").write_text("other\n", "utf-8")
    with Store.open(Home.of(tmp_path, {})) as store:
        assert len(plan(chain, store).to_run) == 5


def test_a_new_version_of_a_stage_says_so(tmp_path: Path) -> None:
    planned(tmp_path, then_run=True)
    newer = [
        stage if stage.name != "count" else stage.__class__(**{**vars(stage), "version": 2})
        for stage in STAGES
    ]
    with Store.open(Home.of(tmp_path, {})) as store:
        made = plan(load(tmp_path / "catenary.yaml", newer), store)
    assert {step.reason for step in made.to_run} == {"the stage has a new version"}


def test_what_a_link_took_here_it_is_expected_to_take_again(tmp_path: Path) -> None:
    slow = CHAIN.replace("loud: {from: text}", "loud: {from: text, pause: 0.2}")
    planned(tmp_path, slow, then_run=True)
    with Store.open(Home.of(tmp_path, {})) as store:
        [took] = store.runs(link="datasets.loud")
        chain = load(write_chain(tmp_path, slow), STAGES)
        (tmp_path / "text.txt").write_text("other\n", "utf-8")
        expected = plan(chain, store)["datasets.loud"].estimate
    assert took.seconds is not None
    assert took.seconds > 0.5
    assert (expected.seconds, expected.memory_bytes) == (took.seconds, took.peak_memory_bytes)
