import math

import pytest

from catenary.errors import InvalidInput
from catenary.models import Likelihood, configure, load
from catenary.tokenizer import TokenizerSettings, save, train
from catenary.tokenizer import load as load_tokenizer
from catenary.train import TrainSettings, pretrain_causal

from .cases import reviews

TEXTS, _ = reviews(300)
VALID, _ = reviews(50, seed=1)


def settings(**changed):
    values = {"epochs": 6, "batch_tokens": 256, "learning_rate": 1e-2, "dropout": 0.0}
    return TrainSettings(**{**values, **changed})


def pretrained(folder, family="llama", **rest):
    if not (folder / "tokenizer").exists():
        save(train(TEXTS, TokenizerSettings(kind="char")), folder / "tokenizer")
    tokenizer = load_tokenizer(folder / "tokenizer")
    config = configure(
        family,
        None,
        vocab_size=tokenizer.vocab_size,
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=32,
        pad_token_id=tokenizer.pad_id,
        bos_token_id=tokenizer.bos_id,
        eos_token_id=tokenizer.eos_id,
    )
    return pretrain_causal(
        TEXTS, folder / "tokenizer", config, settings(), folder / family, valid=VALID, **rest
    )


@pytest.mark.parametrize("family", ["gpt2", "llama", "mistral", "qwen2", "qwen3"])
def test_each_family_learns_and_is_written_as_a_model_with_its_tokenizer(tmp_path, family):
    report = pretrained(tmp_path, family)
    assert report["documents"] == 300
    assert report["tokens"] == 6 * 300 * 13
    losses = [one["loss"] for one in report["validations"]]
    assert len(losses) == 6
    assert losses[-1] < losses[0] - 0.05
    assert report["valid"]["perplexity"] == pytest.approx(math.exp(losses[-1]))
    assert report["valid"]["perplexity"] < 20 < load_tokenizer(tmp_path / family).vocab_size
    model = load(tmp_path / family, "clm")
    assert model.config.family == family


def test_the_easiest_and_the_hardest_held_out_documents_are_shown(tmp_path):
    samples = pretrained(tmp_path)["samples"]
    best, worst = samples["best"], samples["worst"]
    assert len(best) == len(worst) == 5
    losses = [one["loss"] for one in (*best, *reversed(worst))]
    assert losses == sorted(losses)
    assert all(VALID[one["document"]] == one["text"] for one in (*best, *worst))
    scorer = Likelihood(load(tmp_path / "llama", "clm"), context=32)
    scored = -scorer.log_probs(load_tokenizer(tmp_path / "llama").encode(worst[0]["text"])).mean()
    assert scored == pytest.approx(worst[0]["loss"], abs=0.01)


def test_going_on_starts_from_what_was_learnt(tmp_path):
    first = pretrained(tmp_path)
    second = pretrain_causal(
        TEXTS,
        tmp_path / "llama",
        tmp_path / "llama",
        settings(learning_rate=1e-3),
        tmp_path / "more",
        valid=VALID,
    )
    assert second["curve"][0][1] < first["curve"][0][1] - 0.5
    assert second["validations"][0]["loss"] < first["valid"]["loss"] + 0.05
    assert (
        load_tokenizer(tmp_path / "more").backend.to_str()
        == load_tokenizer(tmp_path / "llama").backend.to_str()
    )


def test_documents_are_packed_so_a_step_is_a_number_of_tokens(tmp_path):
    with pytest.raises(InvalidInput, match="batch_tokens"):
        pretrain_causal(
            TEXTS,
            tmp_path,
            configure("llama", "nano", vocab_size=9),
            settings(batch_tokens=None, batch_size=2),
            tmp_path,
        )
