"""Taggers, readers and classifiers of every kind: they learn tiny tasks, resume to the same bytes, and answer."""

import json

import numpy as np
import pytest
import torch
from transformers import AutoModelForQuestionAnswering, AutoModelForTokenClassification

from catenary.digest import file_sha256
from catenary.errors import Interrupted, InvalidInput
from catenary.inference import load as load_classifier
from catenary.inference.read import load_reader
from catenary.inference.score import score
from catenary.inference.tag import entities, load_tagger
from catenary.inference.task import read_task
from catenary.models import build, save
from catenary.tokenizer import TokenizerSettings, load, train
from catenary.tokenizer import save as save_tokenizer
from catenary.train import (
    ClassifySettings,
    PerturbSettings,
    Question,
    ReadSettings,
    Session,
    TagSettings,
    finetune_classifier,
    finetune_reader,
    finetune_tagger,
)
from tests.train import cases
from tests.train.test_finetune import StopAt

PLACES, PEOPLE, REST = "北京上海广州", "张王李赵", "今天有人去了看见说好的，。"


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """An encoder that has read nothing, with a tokenizer of characters."""
    folder = tmp_path_factory.mktemp("heads")
    texts = [PLACES + PEOPLE + REST + "谁在哪里？很好太差abc"] * 3
    save_tokenizer(train(texts, TokenizerSettings(kind="char", min_frequency=1)), folder / "tokenizer")
    config = cases.config(folder / "tokenizer")
    save(build(config, "mlm", seed=0), folder / "base")
    save_tokenizer(load(folder / "tokenizer"), folder / "base", frame="encoder")
    return folder / "base"


def sentences(count, seed=0, longest=20):
    """Characters with the tags of the people and places among them."""
    random = np.random.default_rng(seed)
    words, tags = [], []
    for _ in range(count):
        row, told = [], []
        for _ in range(random.integers(3, longest)):
            kind = random.integers(0, 6)
            if kind == 0:
                at = 2 * random.integers(0, 3)
                row += list(PLACES[at : at + 2])
                told += ["B-loc", "I-loc"]
            elif kind == 1:
                row.append(str(random.choice(list(PEOPLE))))
                told.append("B-per")
            else:
                row.append(str(random.choice(list(REST))))
                told.append("O")
        words.append(row)
        tags.append(told)
    return words, tags


def questions(count, seed=0, filler=0):
    """Where is so-and-so? Each person is in one place; some are nowhere."""
    random = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        people = random.permutation(list(PEOPLE))[:2]
        where = [PLACES[2 * i : 2 * i + 2] for i in random.permutation(3)[:2]]
        context = "今天" * filler + f"{people[0]}在{where[0]}，{people[1]}在{where[1]}。"
        asked = random.integers(0, 2)
        start = context.index(str(people[asked])) + 2
        made.append(Question(f"{people[asked]}在哪里？", context, str(where[asked]), start))
    return made


TAG_SETTINGS = {"epochs": 6, "learning_rate": 1e-2, "dropout": 0.0}


def test_a_tagger_learns_and_answers_as_transformers_does(base, tmp_path):
    report = finetune_tagger(
        base, *sentences(200), cases.settings(**TAG_SETTINGS), tmp_path, valid=sentences(40, 1)
    )
    assert report["valid"]["f1"] > 0.95
    words, tags = sentences(20, 2)
    tagger = load_tagger(tmp_path)
    told = tagger.tag(words)
    right = sum(a == b for row, gold in zip(told, tags, strict=True) for a, b in zip(row, gold, strict=True))
    assert right / sum(map(len, tags)) > 0.97
    assert [found.kind for found in entities(tagger, "张去了北京，有李看见上海")] == [
        "per",
        "loc",
        "per",
        "loc",
    ]
    theirs = AutoModelForTokenClassification.from_pretrained(tmp_path).eval()
    ids = torch.tensor([[2, 9, 11, 3]])
    ours = load_tagger(tmp_path)._forward(ids.numpy(), torch.ones_like(ids).numpy())
    assert np.allclose(ours, theirs(ids).logits.detach().numpy(), atol=1e-4)


def test_long_texts_are_tagged_window_by_window_and_every_word_once(base, tmp_path):
    words, tags = sentences(60, 3, longest=90)
    settings = cases.settings(**TAG_SETTINGS)
    finetune_tagger(base, words, tags, settings, tmp_path, tagging=TagSettings(overlap=8))
    told = load_tagger(tmp_path).tag(words)
    assert [len(row) for row in told] == [len(row) for row in tags]
    right = sum(a == b for row, gold in zip(told, tags, strict=True) for a, b in zip(row, gold, strict=True))
    assert right / sum(map(len, tags)) > 0.97
    assert load_tagger(tmp_path).tag([[], ["好"]])[0] == []


def test_a_reader_learns_where_answers_stand(base, tmp_path):
    settings = cases.settings(epochs=120, learning_rate=5e-3, dropout=0.0, batch_size=32)
    report = finetune_reader(base, questions(300), settings, tmp_path, valid=questions(50, 1))
    assert report["curve"][-1][1] < 0.5 * report["curve"][0][1]
    asked = questions(30, 2)
    told = load_reader(tmp_path).answer(
        [one.question for one in asked], [one.context for one in asked], always=True
    )
    assert sum(a.text == q.answer for a, q in zip(told, asked, strict=True)) > 20
    for answer, question in zip(told, asked, strict=True):
        assert question.context[answer.start :].startswith(answer.text)
    assert AutoModelForQuestionAnswering.from_pretrained(tmp_path)


def test_an_answer_beyond_the_first_window_is_seen(base, tmp_path):
    from catenary.inference.windows import question_windows
    from catenary.train.finetune_read import NOWHERE, span_in

    [question] = questions(1, 4, filler=30)
    windows = question_windows(load(base).backend, [question.question], [question.context], 32, 8)[0]
    spans = [span_in(window, question) for window in windows]
    assert len(windows) > 2
    assert sum(span != NOWHERE for span in spans) in (1, 2)
    for window, (first, last) in zip(windows, spans, strict=True):
        assert len(window.ids) <= 32
        if (first, last) != NOWHERE:
            assert question.context[window.spans[first][0] : window.spans[last][1]] == question.answer


def several(count, seed=0):
    random = np.random.default_rng(seed)
    flags = random.integers(0, 2, (count, 2))
    filler = ["".join(random.choice(list(REST), 5)) for _ in range(count)]
    texts = [
        f"{'北京' if a else ''}{text}{'张王' if b else ''}"
        for (a, b), text in zip(flags, filler, strict=True)
    ]
    labels = [[name for name, flag in zip(("place", "person"), row, strict=True) if flag] for row in flags]
    return texts, labels


def test_several_labels_and_their_thresholds(base, tmp_path):
    settings = cases.settings(epochs=25, learning_rate=2e-3, dropout=0.0)
    chosen = ClassifySettings(kind="several", class_weights="balanced")
    report = finetune_classifier(
        base, *several(500), settings, tmp_path, classify=chosen, valid=several(50, 1)
    )
    assert report["valid"]["f1"] > 0.95
    texts, labels = several(50, 2)
    told = score(tmp_path, texts)
    assert sum(set(a) == set(b) for a, b in zip(told.chosen, labels, strict=True)) > 45
    assert set(read_task(tmp_path).thresholds) == {"place", "person"}
    assert json.loads((tmp_path / "config.json").read_text())["problem_type"] == "multi_label_classification"


def test_numbers_in_their_own_unit(base, tmp_path):
    random = np.random.default_rng(0)
    counts = random.integers(0, 10, 300)
    texts = ["好" * int(n) + "的" * int(9 - n) for n in counts]
    numbers = [100.0 + 20 * float(n) for n in counts]
    settings = cases.settings(epochs=10, learning_rate=5e-3, dropout=0.0)
    chosen = ClassifySettings(kind="number")
    report = finetune_classifier(
        base,
        texts[:250],
        numbers[:250],
        settings,
        tmp_path,
        classify=chosen,
        valid=(texts[250:], numbers[250:]),
    )
    assert report["valid"]["mae"] < 15
    told = score(tmp_path, texts[250:]).values[:, 0]
    assert np.abs(told - np.array(numbers[250:])).mean() == pytest.approx(report["valid"]["mae"], rel=0.05)
    with pytest.raises(InvalidInput, match="number"):
        finetune_classifier(base, ["a", "b"], ["1", "x"], settings, tmp_path / "x", classify=chosen)


def test_pairs_of_texts(base, tmp_path):
    random = np.random.default_rng(0)
    places = [PLACES[2 * i : 2 * i + 2] for i in range(3)]
    firsts, seconds = random.integers(0, 3, 400), random.integers(0, 3, 400)
    texts = [(f"去了{places[a]}", f"{places[b]}好") for a, b in zip(firsts, seconds, strict=True)]
    labels = ["there" if b == 0 else "elsewhere" for b in seconds]  # whatever the first text says
    settings = cases.settings(epochs=60, learning_rate=5e-3, dropout=0.0)
    chosen = ClassifySettings(class_weights="balanced", oversample=True, mlm_weight=0.1)
    finetune_classifier(base, texts[:350], labels[:350], settings, tmp_path, classify=chosen)
    told = [chosen for (chosen,) in score(tmp_path, texts[350:]).chosen]
    assert sum(a == b for a, b in zip(told, labels[350:], strict=True)) > 45
    alone = load_classifier(tmp_path).classify(texts[350:])  # what is served says the same
    assert [one.label for one in alone] == told
    with pytest.raises(InvalidInput, match="no pairs"):
        load_classifier(tmp_path, engine="openvino").classify(texts[350:])


@pytest.mark.parametrize("method", ["fgm", "freelb"])
@pytest.mark.parametrize("kind", ["tag", "read", "classify"])
def test_interrupted_and_resumed_each_head_makes_the_same_bytes(base, tmp_path, kind, method):
    adversarial = PerturbSettings(method=method, steps=2)
    settings = cases.settings(epochs=2)

    def make(out, session):
        if kind == "tag":
            told = TagSettings(adversarial=adversarial, class_weights="balanced", focal=1.0)
            return finetune_tagger(base, *sentences(60), settings, out, tagging=told, session=session)
        if kind == "read":
            told = ReadSettings(adversarial=adversarial)
            return finetune_reader(base, questions(60), settings, out, reading=told, session=session)
        told = ClassifySettings(adversarial=adversarial, focal=2.0, shots=25, mlm_weight=0.5)
        return finetune_classifier(
            base,
            *cases.reviews(100),
            settings,
            out,
            classify=told,
            state=session.state,
            progress=session.progress,
        )

    whole = make(tmp_path / "whole", Session())
    session = Session(tmp_path / "state", StopAt(3))
    with pytest.raises(Interrupted):
        make(tmp_path / "resumed", session)
    assert make(tmp_path / "resumed", Session(tmp_path / "state")) == whole
    weights = [file_sha256(tmp_path / name / "model.safetensors") for name in ("whole", "resumed")]
    assert weights[0] == weights[1]


def test_tags_that_do_not_fit_are_refused(base, tmp_path):
    settings, strange = cases.settings(), TagSettings(class_weights={"B-x": 2.0})
    with pytest.raises(InvalidInput, match="one tag"):
        finetune_tagger(base, [["a"]], [["O", "O"]], settings, tmp_path)
    with pytest.raises(InvalidInput, match="two tags"):
        finetune_tagger(base, [["a"]], [["O"]], settings, tmp_path)
    with pytest.raises(InvalidInput, match="class_weights"):
        finetune_tagger(base, *sentences(5), settings, tmp_path, tagging=strange)
    with pytest.raises(InvalidInput, match="do not go"):
        ClassifySettings(kind="number", shots=3)


@pytest.mark.parametrize("quantise", [None, "int8"])
def test_a_tagger_is_exported_and_tags_as_before(base, tmp_path, quantise):
    from catenary.compress import export

    finetune_tagger(base, *sentences(150), cases.settings(**TAG_SETTINGS), tmp_path / "trained")
    export(tmp_path / "trained", tmp_path / "release", quantise=quantise)
    words, _ = sentences(30, 2, longest=60)
    trained = load_tagger(tmp_path / "trained").tag(words)
    exported = load_tagger(tmp_path / "release").tag(words)
    same = [
        a == b for one, other in zip(trained, exported, strict=True) for a, b in zip(one, other, strict=True)
    ]
    assert np.mean(same) > 0.99
    assert (tmp_path / "release/model.onnx").is_file()
    assert read_task(tmp_path / "release").name == "tag"
