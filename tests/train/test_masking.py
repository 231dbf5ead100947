"""Masked-LM pretraining: static and whole-word masks, next sentence and sentence order."""

import numpy as np
import pytest
import torch
from transformers import AutoModelForPreTraining

from catenary.digest import file_sha256
from catenary.errors import Interrupted, InvalidInput
from catenary.inference.windows import frame
from catenary.models import configure, load
from catenary.tokenizer import TokenizerSettings, save, train
from catenary.tokenizer import load as load_tokenizer
from catenary.train import MaskedLM, MaskedLMSettings, finetune_classifier, pretrain
from catenary.train.sentence_pairs import DOES_NOT, FOLLOWS, marked_rows
from catenary.train.whole_words import tokens_with_words
from tests.train import cases
from tests.train.test_finetune import StopAt

MASK, ORDINARY = 4, tuple(range(7, 200))


def ids(rows=50, seed=0):
    found = torch.randint(7, 200, (rows, 30), generator=torch.Generator().manual_seed(seed))
    found[:, 0], found[:, -1] = 2, 3
    found[::2, -10:] = 0
    return found


def test_static_masks_depend_on_the_row_alone():
    masked = MaskedLM(0.15, MASK, ORDINARY, static_seed=3)
    rows = ids()
    one, _ = masked.mask(rows, torch.Generator().manual_seed(1))
    other, places = masked.mask(rows, torch.Generator().manual_seed(2))
    assert torch.equal(one, other)
    longer = torch.cat([rows[:5], torch.zeros(5, 8, dtype=torch.int64)], dim=1)  # padded to another length
    assert torch.equal(masked.mask(longer, torch.Generator())[0][:, :30], one[:5])
    assert not torch.equal(
        MaskedLM(0.15, MASK, ORDINARY, static_seed=4).mask(rows, torch.Generator())[0], one
    )
    assert set((one != rows).flatten().nonzero()[:, 0].tolist()) <= set(places.tolist())


def test_all_tokens_of_a_word_share_its_fate():
    rows = ids(400)
    marks = (
        (torch.arange(30) % 3 == 1).long().expand_as(rows).clone()
    )  # words of three tokens from the second on
    masked, places = MaskedLM(0.15, MASK, ORDINARY).mask(rows, torch.Generator().manual_seed(0), marks)
    chosen = torch.zeros(rows.numel(), dtype=torch.bool)
    chosen[places] = True
    words = chosen.view_as(rows)[1::2, 1:28].reshape(-1, 3)  # rows without padding
    assert ((words.sum(1) == 0) | (words.sum(1) == 3)).all()
    hidden = (masked == MASK)[1::2, 1:28].reshape(-1, 3)
    assert ((hidden.sum(1) == 0) | (hidden.sum(1) == 3)).all()
    assert words.float().mean() == pytest.approx(0.15, abs=0.02)


def test_words_of_chinese_and_english_over_any_tokens(tmp_path):
    texts = ["他在北京大学读书。", "The unbelievable truth, he said."] * 3
    for kind in ("char", "bpe", "wordpiece"):
        tokenizer = train(texts, TokenizerSettings(kind=kind, vocab_size=80, min_frequency=1))
        chinese, english = tokens_with_words(tokenizer, texts[:2], whole_words=True)
        assert 1 <= sum(chinese[1]) <= 6  # a token of several words begins the first
        assert len(chinese[0]) == len(chinese[1])
        assert sum(english[1]) <= 7  # a mark may stand with its word's end
        assert chinese[1][0] == english[1][0] == 1
    tokenizer = train(texts, TokenizerSettings(kind="char", vocab_size=80, min_frequency=1))
    [(_, marks)] = tokens_with_words(tokenizer, ["他在北京大学读书。"], whole_words=True)
    assert marks == [1, 1, 1, 0, 0, 0, 1, 0, 1]


STORIES = [
    "".join(f"{who}{day}去了{where}。" for day in ("早上", "中午", "晚上", "夜里"))
    for who, where in zip("张王李赵" * 30, ["北京", "上海", "广州"] * 40, strict=True)
]


def test_pairs_follow_or_do_not():
    tokenizer = train(STORIES, TokenizerSettings(kind="char"))
    special = [tokenizer.cls_id], [tokenizer.sep_id]
    for question in ("next", "order"):
        found = marked_rows(tokenizer, special, STORIES, 64, whole_words=False, question=question, seed=0)
        shares = np.bincount(found.labels)
        assert shares[FOLLOWS] + shares[DOES_NOT] == len(STORIES)
        assert 0.3 < shares[DOES_NOT] / len(STORIES) < 0.7
        for row in range(20):
            ids = found.rows.ids[found.rows.starts[row] : found.rows.starts[row + 1]].tolist()
            at = found.seconds[row]
            first, second = tokenizer.decode(ids[:at]), tokenizer.decode(ids[at:])
            story = STORIES[found.rows.documents[row]]
            assert first in story
            if found.labels[row] == FOLLOWS:
                assert first + second == story
            elif question == "order":
                assert second + first == story
            assert ids.count(tokenizer.sep_id) == 2
    assert frame(tokenizer.backend) == ([], [])  # of itself it puts nothing around a text


def pretrained(tmp_path, out, masking, **rest):
    if not (tmp_path / "tokenizer").exists():
        save(train(STORIES, TokenizerSettings(kind="char")), tmp_path / "tokenizer")
    config = cases.config(tmp_path / "tokenizer").model_copy(update={"max_position_embeddings": 64})
    settings = cases.settings(epochs=rest.pop("epochs", 3), learning_rate=3e-3)
    return pretrain(
        STORIES, tmp_path / "tokenizer", config, settings, tmp_path / out, masking=masking, **rest
    )


@pytest.mark.parametrize("pairs", ["next", "order"])
def test_both_tasks_are_learnt_and_the_head_is_berts(tmp_path, pairs):
    masking = MaskedLMSettings(pairs=pairs, whole_words=True, masking="static")
    report = pretrained(tmp_path, "base", masking, epochs=60, valid=STORIES[:40])
    assert report["valid"]["accuracy"] > 0.3
    assert report["valid"]["next_accuracy"] > 0.6
    theirs = AutoModelForPreTraining.from_pretrained(tmp_path / "base").eval()
    ours = load(tmp_path / "base")
    ids = torch.tensor([[2, 8, 9, 3, 10, 3]])
    types = torch.tensor([[0, 0, 0, 0, 1, 1]])
    a, b = ours(ids, token_type_ids=types), theirs(ids, token_type_ids=types)
    assert torch.allclose(a.next_sentence_logits, b.seq_relationship_logits, atol=1e-4)
    # What was pretrained so goes on into any head, reading beside it included.
    texts, labels = cases.reviews(40)
    from catenary.train import ClassifySettings

    told = ClassifySettings(mlm_weight=0.5)
    assert finetune_classifier(
        tmp_path / "base", texts, labels, cases.settings(epochs=1), tmp_path / "out", classify=told
    )["steps"]


def test_interrupted_and_resumed_it_makes_the_same_bytes(tmp_path):
    masking = MaskedLMSettings(pairs="order", whole_words=True)
    whole = pretrained(tmp_path, "whole", masking)
    with pytest.raises(Interrupted):
        pretrained(tmp_path, "cut", masking, state=tmp_path / "state", progress=StopAt(7))
    assert pretrained(tmp_path, "cut", masking, state=tmp_path / "state") == whole
    assert file_sha256(tmp_path / "cut/model.safetensors") == file_sha256(
        tmp_path / "whole/model.safetensors"
    )


def test_a_family_without_the_head_is_refused(tmp_path):
    save(train(STORIES, TokenizerSettings(kind="char")), tmp_path / "tokenizer")
    size = load_tokenizer(tmp_path / "tokenizer").vocab_size
    config = configure("roberta", "nano", vocab_size=size)
    with pytest.raises(InvalidInput, match="no such head"):
        pretrain(
            STORIES,
            tmp_path / "tokenizer",
            config,
            cases.settings(),
            tmp_path / "out",
            masking=MaskedLMSettings(pairs="next"),
        )
