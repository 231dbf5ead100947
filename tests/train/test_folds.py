"""Cross-validation, ensembles, few shots, oversampling and pseudo-labels."""

import numpy as np
import pyarrow.parquet as pq
import pytest

from catenary.digest import file_sha256
from catenary.errors import Damaged, Interrupted, InvalidInput
from catenary.inference import load
from catenary.inference.ensemble import write_ensemble
from catenary.train.folds import cross_validate
from catenary.train.pseudo_label import Unlabelled, finetune_with_teacher
from catenary.train.sampling import few_shots, folds_of, oversampled
from tests.train import cases
from tests.train.test_finetune import StopAt


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("folds")
    cases.pretrained(folder)
    return folder


def test_every_label_is_spread_evenly_over_the_folds():
    labels = ["a"] * 50 + ["b"] * 23
    fold_N = folds_of(labels, 5, seed=0)
    assert np.bincount(fold_N).tolist() in ([15, 15, 15, 14, 14], sorted([15, 15, 15, 14, 14]))
    assert np.bincount(fold_N[:50]).tolist() == [10] * 5
    assert (folds_of(labels, 5, seed=1) != fold_N).any()
    with pytest.raises(InvalidInput, match="folds"):
        folds_of(["a", "a", "b"], 2, seed=0)


def test_few_shots_and_oversampling_balance_the_labels():
    labels = ["a"] * 50 + ["b"] * 20 + ["c"] * 7
    rows = few_shots(labels, 5, seed=0)
    assert [sum(labels[row] == label for row in rows) for label in "abc"] == [5, 5, 5]
    assert rows.tolist() == few_shots(labels, 5, seed=0).tolist() != few_shots(labels, 5, seed=1).tolist()
    again = oversampled(labels, seed=0)
    assert [sum(labels[row] == label for row in again) for label in "abc"] == [50, 50, 50]
    assert set(again.tolist()) == set(range(77))
    with pytest.raises(InvalidInput, match="shots"):
        few_shots(labels, 8, seed=0)


def validated(made, folder, **rest):
    texts, labels = cases.reviews(150)
    return cross_validate(
        made / "base",
        texts,
        labels,
        cases.settings(epochs=3),
        folder / "out",
        folds=3,
        state=folder / "state",
        **{"keep": "ensemble", **rest},
    )


def test_folds_are_measured_on_what_they_have_not_seen_and_answer_together(made, tmp_path):
    report = validated(made, tmp_path)
    spread = report["cross_validation"]["accuracy"]
    assert len(spread["folds"]) == 3
    assert spread["low"] < spread["mean"] < spread["high"]
    assert spread["mean"] == pytest.approx(np.mean(spread["folds"]))
    texts, labels = cases.reviews(40, seed=2)
    together = load(tmp_path / "out").classify(texts)
    members = [load(tmp_path / f"out/members/{n}").classify(texts) for n in range(3)]
    for place, scores in enumerate(together):
        for label, probability in scores.probabilities.items():
            mean = np.mean([one[place].probabilities[label] for one in members])
            assert probability == pytest.approx(mean)
    assert sum(s.label == y for s, y in zip(together, labels, strict=True)) > 30


def test_a_killed_cross_validation_goes_on_to_the_same_bytes(made, tmp_path):
    whole = validated(made, tmp_path / "a", keep="all")
    (tmp_path / "b").mkdir()
    with pytest.raises(Interrupted):
        validated(made, tmp_path / "b", keep="all", progress=StopAt(25))  # within the second fold or later
    assert validated(made, tmp_path / "b", keep="all") == whole
    files = [tmp_path / side / "out/model.safetensors" for side in "ab"]
    assert file_sha256(files[0]) == file_sha256(files[1])


def test_an_ensemble_needs_its_members_and_equal_labels(made, tmp_path):
    cases.finetuned(made, out=tmp_path / "one", epochs=1)
    write_ensemble(tmp_path / "both", [tmp_path / "one", tmp_path / "one"])
    assert load(tmp_path / "both").labels == load(tmp_path / "one").labels
    (tmp_path / "both/members/1").rename(tmp_path / "elsewhere")
    with pytest.raises(Damaged, match="members"):
        load(tmp_path / "both")


def test_a_teacher_labels_what_it_is_sure_of_and_the_record_says_which(made, tmp_path):
    texts, labels = cases.reviews(30)
    more, truth = cases.reviews(200, seed=5)
    unlabelled = Unlabelled([f"d{n}" for n in range(200)], more)
    cases.finetuned(made, out=tmp_path / "teacher")
    report = finetune_with_teacher(
        made / "base",
        tmp_path / "teacher",
        texts,
        labels,
        unlabelled,
        cases.settings(epochs=3),
        tmp_path / "out",
        confidence=0.6,
        rounds=2,
        valid=cases.reviews(50, seed=1),
        state=tmp_path / "state",
    )
    assert list(report["rounds"]) == ["round 1", "round 2"]
    assert report["valid"]["accuracy"] > 0.9
    told = pq.read_table(tmp_path / "out/pseudo_labels.parquet").to_pylist()
    assert len(told) == report["rounds"]["round 2"]["pseudo-labelled"] > 100
    assert all(row["confidence"] >= 0.6 and row["round"] == 2 for row in told)
    right = sum(truth[int(row["document"][1:])] == row["label"] for row in told)
    assert right / len(told) > 0.9
    with pytest.raises(InvalidInput, match="no unlabelled document"):
        finetune_with_teacher(
            made / "base",
            tmp_path / "teacher",
            texts,
            labels,
            unlabelled,
            cases.settings(),
            tmp_path / "x",
            confidence=1.0,
            state=tmp_path / "y",
        )
