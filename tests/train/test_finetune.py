"""pretrain and finetune_classifier, from texts to folders."""

import json

import pytest
import torch
from transformers import AutoModelForMaskedLM, AutoModelForSequenceClassification, AutoTokenizer

from catenary.digest import file_sha256
from catenary.errors import Interrupted, InvalidInput
from catenary.inference import load as load_classifier
from catenary.progress import Silent
from catenary.train import ClassifySettings, MaskedLMSettings, finetune_classifier, pretrain

from . import cases


def folder_sha256(folder):
    return {path.name: file_sha256(path) for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A tokenizer, a pretrained and a fine-tuned folder, with their reports."""
    folder = tmp_path_factory.mktemp("made")
    return folder, cases.pretrained(folder), cases.finetuned(folder)


def test_pretraining_learns_and_tells_what_it_did(made):
    folder, report, _ = made
    assert report["curve"][-1][1] < 0.95 * report["curve"][0][1]
    assert report["valid"]["loss"] < report["validations"][0]["loss"]
    assert report["parameters"] == sum(
        p.numel() for p in AutoModelForMaskedLM.from_pretrained(folder / "base").parameters()
    )
    assert report["documents"] == 300
    told = json.loads((folder / "base/training.json").read_text())
    assert told["objective"] == {
        "name": "MaskedLMSettings",
        "mask_rate": 0.2,
        "masking": "dynamic",
        "whole_words": False,
        "pairs": "none",
        "embeddings": "cooccurrence",
    }
    assert json.loads(json.dumps(report)) == report


def test_finetuning_learns_and_its_folder_serves(made):
    folder, _, report = made
    assert report["valid"]["accuracy"] > 0.9
    texts, labels = cases.reviews(50, seed=2)
    scores = load_classifier(folder / "classifier").classify(texts)
    right = sum(one.label == label for one, label in zip(scores, labels, strict=True))
    assert right / len(texts) > 0.9


def test_the_held_out_texts_that_it_finds_easiest_and_hardest_are_named(made):
    report = made[2]
    best, worst = report["samples"]["best"], report["samples"]["worst"]
    assert best[0]["loss"] <= best[-1]["loss"] <= report["valid"]["loss"] <= worst[0]["loss"]
    assert not {one["document"] for one in best} & {one["document"] for one in worst}


def test_transformers_reads_the_folder_and_agrees(made):
    folder, _, _ = made
    texts, _ = cases.reviews(4, seed=3)
    tokenizer = AutoTokenizer.from_pretrained(folder / "classifier")
    model = AutoModelForSequenceClassification.from_pretrained(folder / "classifier").eval()
    with torch.no_grad():
        theirs = model(**tokenizer(texts, padding=True, return_tensors="pt")).logits.softmax(-1)
    for row, scores in zip(theirs, load_classifier(folder / "classifier").classify(texts), strict=True):
        for number, label in model.config.id2label.items():
            assert row[number].item() == pytest.approx(scores.probabilities[label], abs=1e-4)


def test_the_same_recipe_makes_the_same_bytes(made, tmp_path):
    folder, base, classifier = made
    assert cases.pretrained(tmp_path) == base
    assert cases.finetuned(tmp_path) == classifier
    for name in ("base", "classifier"):
        assert folder_sha256(tmp_path / name) == folder_sha256(folder / name)


class StopAt(Silent):
    def __init__(self, step):
        self.left = step

    def advance(self, amount, **figures):
        self.left -= bool(figures)
        if self.left == 0:
            cases.interrupt()


def test_interrupted_and_resumed_it_makes_the_same_bytes(made, tmp_path):
    folder, base, classifier = made
    for make, report in ((cases.pretrained, base), (cases.finetuned, classifier)):
        for step in (3, 10):
            with pytest.raises(Interrupted):
                make(tmp_path, state=tmp_path / make.__name__, progress=StopAt(step))
        assert make(tmp_path, state=tmp_path / make.__name__) == report
    for name in ("base", "classifier"):
        assert folder_sha256(tmp_path / name) == folder_sha256(folder / name)


def test_labels_that_do_not_fit_are_refused(made, tmp_path):
    folder, _, _ = made
    settings = cases.settings()

    def finetune(texts, labels, **rest):
        return finetune_classifier(folder / "base", texts, labels, settings, tmp_path, **rest)

    with pytest.raises(InvalidInput, match="one label"):
        finetune(["a", "b"], ["x"])
    with pytest.raises(InvalidInput, match="two labels"):
        finetune(["a", "b"], ["x", "x"])
    with pytest.raises(InvalidInput, match="no training text has"):
        finetune(["a", "b"], ["x", "y"], valid=(["c"], ["z"]))


def test_pretraining_refuses_no_text_and_too_small_a_vocabulary(made, tmp_path):
    folder, _, _ = made
    tokenizer = folder / "tokenizer"
    with pytest.raises(InvalidInput, match="no text"):
        pretrain([], tokenizer, cases.config(tokenizer), cases.settings(), tmp_path)
    small = cases.config(tokenizer).model_copy(update={"vocab_size": 10})
    with pytest.raises(InvalidInput, match="more tokens"):
        pretrain(["好"], tokenizer, small, cases.settings(), tmp_path)


def test_long_texts_are_read_in_pieces_when_pretraining(made, tmp_path):
    folder, _, _ = made
    tokenizer = folder / "tokenizer"
    config = cases.config(tokenizer)
    text = "".join(cases.reviews(30, seed=5)[0])
    report = pretrain(
        [text], tokenizer, config, cases.settings(epochs=1), tmp_path / "out", masking=MaskedLMSettings()
    )
    pieces = -(-len(text) // (config.max_position_embeddings - 2))
    assert report["tokens"] == len(text) + 2 * pieces


def test_tricks_train_too(made, tmp_path):
    folder, _, _ = made
    report = cases.finetuned(
        folder,
        out=tmp_path / "out",
        classify=ClassifySettings(label_smoothing=0.1, mlm_weight=0.5),
        ema=0.9,
        epochs=6,
        monitor="accuracy",
    )
    assert report["valid"]["accuracy"] > 0.9
