"""What writes text learns its task in seconds, gives the same bits when it is stopped and gone on with, and its losses
are those of the papers' formulas."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from catenary.digest import file_sha256
from catenary.errors import Interrupted, InvalidInput
from catenary.inference.generate import Decoding, generate
from catenary.models import LoraSettings, build, configure, load, load_adapter, merge_adapter, save
from catenary.tokenizer import ChatTokens, TokenizerSettings, read_template, train
from catenary.tokenizer import load as load_tokenizer
from catenary.tokenizer import save as save_tokenizer
from catenary.train import (
    Adapted,
    CopySettings,
    DenoiseSettings,
    DistilSettings,
    Preference,
    SpanSettings,
    TrainSettings,
    distil_texts,
    finetune_chat,
    finetune_preference,
    pretrain_seq2seq,
    train_seq2seq,
)
from catenary.train.batches import TokenRows
from catenary.train.conversations import Conversations
from catenary.train.objectives.corrupted import Copies, Infilling, Spans
from catenary.train.objectives.preferred import Preferred, reply_log_probs
from catenary.train.objectives.reply import Reply
from catenary.train.pairs import Pairs
from catenary.train.preferences import Preferences
from catenary.train.settings import LaunchSettings

from .cases import interrupt
from .test_loop import At


class Trained(At):
    """Counts the steps of training alone, not what goes before."""

    def begin(self, what: str, total: float | None, unit: str) -> None:
        self.steps = 0


LETTERS = "天地人日月山水火木金"
TINY: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
    "bos_token_id": 5,
    "eos_token_id": 6,
}


def settings(**changed: object) -> TrainSettings:
    values = {"steps": 150, "batch_size": 16, "learning_rate": 5e-3, "dropout": 0.0, "precision": "fp32"}
    return TrainSettings(**{**values, **changed})  # type: ignore[arg-type]


def words(count: int, seed: int = 0) -> list[str]:
    random = np.random.default_rng(seed)
    return ["".join(random.choice(list(LETTERS), random.integers(3, 7))) for _ in range(count)]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tokenizer")
    texts = [*words(50), "user\nassistant\nsystem 好坏。？"]
    save_tokenizer(train(texts * 2, TokenizerSettings(kind="char", vocab_size=100)), folder)
    return folder


@pytest.fixture(scope="module")
def decoder(tokenizer: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new language model's folder, with its tokenizer and no chat template."""
    folder = tmp_path_factory.mktemp("decoder")
    save_tokenizer(load_tokenizer(tokenizer), folder, frame="decoder")
    save(
        build(configure("llama", vocab_size=load_tokenizer(tokenizer).vocab_size, **TINY), "clm", seed=1),
        folder,
    )
    return folder


def encoder_decoder(family: str, tokenizer: Path) -> Any:
    more = {"head_dim": 16} if family == "t5" else {}
    vocabulary = load_tokenizer(tokenizer)
    return configure(family, vocab_size=vocabulary.vocab_size, **TINY, **more, decoder_start_token_id=0)


def talks(count: int, seed: int = 0) -> list[list[dict[str, str]]]:
    """The assistant says the first letter of what the user says, twice."""
    return [
        [{"role": "user", "content": word}, {"role": "assistant", "content": word[0] * 2}]
        for word in words(count, seed)
    ]


def preferences(count: int, seed: int = 0) -> list[Preference]:
    return [Preference([{"role": "user", "content": word}], "好好", "坏坏坏") for word in words(count, seed)]


# ── each learns ──────────────────────────────────────────────────────────────────────────────────────────────────────


def marked(count: int, seed: int) -> tuple[list[str], list[str]]:
    """Words with a mark in them; the target is the letter behind it, twice."""
    places = np.random.default_rng(seed).integers(0, 3, count).tolist()
    pairs = list(zip(words(count, seed), places, strict=True))
    return [f"{word[:at]}。{word[at:]}" for word, at in pairs], [word[at] * 2 for word, at in pairs]


@pytest.mark.parametrize("family", ["t5", "bart", "marian"])
def test_an_encoder_decoder_learns_what_stands_behind_a_mark(
    family: str, tokenizer: Path, tmp_path: Path
) -> None:
    sources, targets = marked(20, seed=1)
    report = train_seq2seq(
        marked(300, seed=0),
        encoder_decoder(family, tokenizer),
        tokenizer,
        settings(steps=1000 if family == "t5" else 400, batch_size=32, learning_rate=5e-3),
        tmp_path / "out",
        valid=(sources, targets),
    )

    assert report["valid"]["accuracy"] > 0.9
    model, vocabulary = load(tmp_path / "out"), load_tokenizer(tmp_path / "out")
    prompts = [vocabulary.backend.encode(word).ids for word in sources]
    assert prompts[0][-1] == vocabulary.eos_id  # the saved tokenizer frames as the model was trained
    answers = [vocabulary.decode(ids) for ids in generate(model, prompts, Decoding(max_new_tokens=8))]
    assert sum(answer == target for answer, target in zip(answers, targets, strict=True)) >= 16


@pytest.mark.parametrize("damage", [SpanSettings(), DenoiseSettings(mask_rate=0.2)], ids=["span", "denoise"])
def test_damage_is_undone_better_with_each_step(damage: Any, tokenizer: Path, tmp_path: Path) -> None:
    texts = [
        f"{LETTERS[n % 10]}{LETTERS[(n + 1) % 10]}{LETTERS[(n + 2) % 10]}{LETTERS[(n + 3) % 10]}。"
        for n in range(200)
    ]
    report = pretrain_seq2seq(
        texts,
        encoder_decoder("t5", tokenizer),
        tokenizer,
        settings(steps=200, eval_every=50),
        tmp_path / "out",
        damage=damage,
        valid=texts[:20],
    )

    assert report["valid"]["loss"] < 0.5 * report["validations"][0]["loss"]
    model, vocabulary = load(tmp_path / "out"), load_tokenizer(tmp_path / "out")
    assert model.config.vocab_size >= vocabulary.vocab_size
    assert (vocabulary.id_of("<extra_id_0>") is not None) == isinstance(damage, SpanSettings)


def test_samples_of_texts_longer_than_the_model_are_told_by_their_text(
    tokenizer: Path, tmp_path: Path
) -> None:
    texts = ["天地" * 2000, "天地人"]
    report = pretrain_seq2seq(
        texts,
        encoder_decoder("t5", tokenizer),
        tokenizer,
        settings(steps=2),
        tmp_path / "out",
        damage=CopySettings(longest=5),
        valid=texts,
    )
    told = {row["document"] for found in report["samples"].values() for row in found}
    assert told
    assert told <= {0, 1}  # texts, not pieces of texts


def test_a_chat_model_learns_what_to_reply(decoder: Path, tmp_path: Path) -> None:
    report = finetune_chat(
        load(decoder),
        decoder,
        talks(200),
        settings(steps=250, learning_rate=1e-2),
        tmp_path / "out",
        valid=talks(20, seed=1),
    )

    assert report["valid"]["perplexity"] < 1.2
    first = report["first_batch"]
    assert {text for text, counted in first if counted} <= {*LETTERS, "<eos>"}
    assert {"user", "assistant", "u", "a"} & {text for text, counted in first if not counted}
    template, vocabulary = read_template(tmp_path / "out"), load_tokenizer(tmp_path / "out")
    assert template is not None
    prompt = vocabulary.encode(template.render(talks(1, 1)[0][:1], add_generation_prompt=True))
    (answer,) = generate(load(tmp_path / "out"), [prompt], Decoding(max_new_tokens=5))
    assert vocabulary.decode(answer) == talks(1, 1)[0][1]["content"]


@pytest.mark.parametrize("dora", [False, True])
def test_an_adapter_teaches_a_trained_model_something_else(decoder: Path, tmp_path: Path, dora: bool) -> None:
    base = tmp_path / "base"
    finetune_chat(load(decoder), decoder, talks(200), settings(learning_rate=1e-2), base)
    other = [[talk[0], {"role": "assistant", "content": "天地"}] for talk in talks(200)]

    report = finetune_chat(
        load(base),
        base,
        other,
        settings(steps=100, learning_rate=1e-2),
        tmp_path / "out",
        adapted=Adapted(LoraSettings(rank=4, dora=dora), "base"),
        valid=other[:20],
    )

    assert report["valid"]["perplexity"] < 1.1
    assert not (tmp_path / "out" / "model.safetensors").exists()
    assert (tmp_path / "out" / "chat_template.jinja").exists()
    model = load(base)
    load_adapter(model, tmp_path / "out")
    merge_adapter(model)
    assert set(load(base).state_dict()) == set(model.state_dict())


def test_preferences_are_learnt_and_told(decoder: Path, tmp_path: Path) -> None:
    report = finetune_preference(
        load(decoder),
        decoder,
        preferences(64),
        settings(steps=30),
        tmp_path / "out",
        valid=preferences(16, 1),
        state=tmp_path / "state",
    )

    assert report["curve"][0][1] == pytest.approx(math.log(2), abs=0.02)  # at first both are the reference's
    assert report["valid"]["accuracy"] == 1.0
    assert report["valid"]["margin"] > 0.5
    assert (tmp_path / "state" / "reference-train.safetensors").is_file()


def test_a_student_learns_from_its_teacher_what_the_text_does_not_say(decoder: Path, tmp_path: Path) -> None:
    finetune_chat(
        load(decoder), decoder, talks(200), settings(steps=250, learning_rate=1e-2), tmp_path / "teacher"
    )
    teacher = load(tmp_path / "teacher")
    lying = [[talk[0], {"role": "assistant", "content": "坏坏"}] for talk in talks(200)]
    for weight, right in ((1.0, True), (0.0, False)):
        report = finetune_chat(
            load(decoder),
            decoder,
            lying,
            settings(steps=200, learning_rate=1e-2),
            tmp_path / f"student-{weight}",
            teacher=(teacher, DistilSettings(weight=weight, temperature=1.0)),
            valid=lying[:20],
        )
        assert (report["valid"]["loss"] > 1) == right  # it does not say what the text says
    stranger = build(configure("llama", vocab_size=999, **TINY), "clm", seed=1)
    with pytest.raises(InvalidInput, match="same vocabulary"):
        finetune_chat(
            load(decoder), decoder, lying, settings(), tmp_path / "x", teacher=(stranger, DistilSettings())
        )


# ── stopped and gone on with ─────────────────────────────────────────────────────────────────────────────────────────


def runs(tokenizer: Path, decoder: Path, **changed: object) -> dict[str, Callable[..., Any]]:
    chosen = settings(steps=12, dropout=0.1, ema=0.9, **changed)
    sources = words(64)
    return {
        "seq2seq": lambda out, **rest: train_seq2seq(
            (sources, sources), encoder_decoder("marian", tokenizer), tokenizer, chosen, out, **rest
        ),
        "span": lambda out, **rest: pretrain_seq2seq(
            sources, encoder_decoder("t5", tokenizer), tokenizer, chosen, out, damage=SpanSettings(), **rest
        ),
        "denoise": lambda out, **rest: pretrain_seq2seq(
            sources,
            encoder_decoder("bart", tokenizer),
            tokenizer,
            chosen,
            out,
            damage=DenoiseSettings(),
            **rest,
        ),
        "chat": lambda out, **rest: finetune_chat(load(decoder), decoder, talks(64), chosen, out, **rest),
        "lora": lambda out, **rest: finetune_chat(
            load(decoder),
            decoder,
            talks(64),
            chosen.model_copy(update={"monitor": "loss", "eval_every": 3}),
            out,
            adapted=Adapted(LoraSettings(rank=2, dropout=0.1), "base"),
            valid=talks(8, 1),
            **rest,
        ),
        "preference": lambda out, **rest: finetune_preference(
            load(decoder), decoder, preferences(64), chosen, out, **rest
        ),
        "distil-texts": lambda out, **rest: distil_texts(
            load(decoder), decoder, load(decoder), sources, chosen, out, **rest
        ),
        "distil": lambda out, **rest: finetune_chat(
            load(decoder), decoder, talks(64), chosen, out, teacher=(load(decoder), DistilSettings()), **rest
        ),
    }


@pytest.mark.parametrize(
    "name", ["seq2seq", "span", "denoise", "chat", "lora", "preference", "distil", "distil-texts"]
)
def test_a_stopped_run_gives_the_same_bits(name: str, tokenizer: Path, decoder: Path, tmp_path: Path) -> None:
    run = runs(tokenizer, decoder)[name]
    file = "adapter_model.safetensors" if name == "lora" else "model.safetensors"
    whole = run(tmp_path / "whole")
    for step in (3, 7):
        with pytest.raises(Interrupted):
            run(
                tmp_path / "cut",
                state=tmp_path / "state",
                progress=Trained(step, interrupt),
                checkpoint_seconds=0.0,
            )

    resumed = run(tmp_path / "cut", state=tmp_path / "state")

    assert resumed == whole
    assert file_sha256(tmp_path / "cut" / file) == file_sha256(tmp_path / "whole" / file)
    if name == "lora":  # what does not learn is in no checkpoint
        sizes = [path.stat().st_size for path in (tmp_path / "state").rglob("tensors.safetensors")]
        assert max(sizes) < (decoder / "model.safetensors").stat().st_size


@pytest.mark.slow
@pytest.mark.parametrize("name", ["seq2seq", "lora", "preference"])
def test_two_processes_learn_the_same(name: str, tokenizer: Path, decoder: Path, tmp_path: Path) -> None:
    run = runs(tokenizer, decoder, accumulate=2, precision="fp32")[name]
    alone = run(tmp_path / "alone")
    together = run(tmp_path / "together", launch=LaunchSettings(processes=2))
    assert [loss for _, loss in together["curve"]] == pytest.approx(
        [loss for _, loss in alone["curve"]], abs=1e-4
    )


# ── against the formulas ─────────────────────────────────────────────────────────────────────────────────────────────


def test_the_preference_loss_is_the_papers(decoder: Path, tmp_path: Path) -> None:
    """Each reply alone, through `transformers`, against the packed batch."""
    from transformers import AutoModelForCausalLM

    model = load(decoder)
    theirs = AutoModelForCausalLM.from_pretrained(decoder).eval()
    random = np.random.default_rng(0)

    def reply(length: int) -> ChatTokens:
        return ChatTokens(random.integers(7, 18, 4 + length).tolist(), [False] * 4 + [True] * length)

    better, worse = [reply(n) for n in (2, 5, 3)], [reply(n) for n in (4, 1, 3)]
    reference = build(model.config, "clm", seed=9)
    chosen = settings(batch_size=3)
    data = Preferences.of(better, worse, reference, chosen)
    save(reference, tmp_path / "reference")
    their_reference = AutoModelForCausalLM.from_pretrained(tmp_path / "reference").eval()

    def log_prob(judge: Any, one: ChatTokens) -> float:
        with torch.no_grad():
            logits = judge(torch.tensor([one.ids])).logits[0].log_softmax(-1)
        return sum(logits[at - 1, token].item() for at, token in enumerate(one.ids) if one.said[at])

    margins = torch.tensor(
        [
            0.3
            * (
                (log_prob(theirs, b) - log_prob(their_reference, b))
                - (log_prob(theirs, w) - log_prob(their_reference, w))
            )
            for b, w in zip(better, worse, strict=True)
        ]
    )
    expected = (-0.9 * F.logsigmoid(margins) - 0.1 * F.logsigmoid(-margins)).mean().item()
    objective = Preferred(0.3, 0.1)
    (batch,) = data.in_order()

    assert objective.loss(model.eval(), batch, torch.Generator()).mean.item() == pytest.approx(
        expected, abs=1e-5
    )
    figures = objective.measure(model, data)
    assert figures["margin"] == pytest.approx(margins.mean().item(), abs=1e-5)
    assert figures["accuracy"] == pytest.approx((margins > 0).float().mean().item())
    parts = [objective.loss(model, part, torch.Generator()) for part in batch.split(2)]
    assert sum(part.mean.item() * part.of for part in parts) / 3 == pytest.approx(expected, abs=1e-5)


def test_a_reply_costs_what_transformers_says(decoder: Path) -> None:
    from transformers import AutoModelForCausalLM

    talk = ChatTokens([5, 9, 10, 11, 12, 6], [False, False, True, False, True, True])
    other = ChatTokens([5, 8, 6], [False, True, True])
    data = Conversations.of([talk, other], settings(batch_size=2))
    (batch,) = data.in_order()
    theirs = AutoModelForCausalLM.from_pretrained(decoder).eval()
    labels = [
        [token if said else -100 for token, said in zip(one.ids, one.said, strict=True)]
        for one in (talk, other)
    ]
    losses = [
        theirs(torch.tensor([one.ids]), labels=torch.tensor([label])).loss.item()
        for one, label in zip((talk, other), labels, strict=True)
    ]
    model = load(decoder)

    ours = Reply().loss(model, batch, torch.Generator())

    assert ours.of == 5
    assert ours.mean.item() == pytest.approx((3 * losses[0] + 2 * losses[1]) / 5, abs=1e-5)
    assert reply_log_probs(model, batch).tolist() == pytest.approx([-3 * losses[0], -2 * losses[1]], abs=1e-4)
    assert Reply().measure(model, data)["loss"] == pytest.approx(ours.mean.item(), abs=1e-5)
    parts = batch.split(2)
    assert [part.tokens for part in parts] == [6, 3]


def test_pairs_are_padded_and_cost_what_they_cost_alone(tokenizer: Path) -> None:
    from catenary.train.objectives.seq2seq import Seq2Seq

    sources, targets = (
        TokenRows.of([[7, 8, 6], [9, 6], [10, 11, 12, 13, 6]]),
        TokenRows.of([[8, 6], [9, 9, 9, 6], [7, 6]]),
    )
    model = build(encoder_decoder("marian", tokenizer), "seq2seq", seed=2).eval()
    together = Pairs.of(sources, targets, settings(batch_size=3), pad_id=0, start_id=0)
    alone = Pairs.of(sources, targets, settings(batch_size=1), pad_id=0, start_id=0)
    objective = Seq2Seq(0.1)

    whole = objective.loss(model, next(iter(together.in_order())), torch.Generator())
    each = [objective.loss(model, batch, torch.Generator()) for batch in alone.in_order()]

    assert whole.of == 8
    assert whole.mean.item() == pytest.approx(sum(one.mean.item() * one.of for one in each) / 8, abs=1e-5)
    parts = next(iter(together.in_order())).split(2)
    assert sum(part.tokens for part in parts) == 10 + 8


# ── damage ───────────────────────────────────────────────────────────────────────────────────────────────────────────

ROWS = st.lists(st.integers(10, 60), min_size=2, max_size=80)


@given(ROWS, st.floats(0.05, 0.6), st.floats(1, 6), st.integers(0, 1000))
@hypothesis_settings(max_examples=100, deadline=None)
def test_spans_and_what_is_left_make_the_text(row: list[int], density: float, mean: float, seed: int) -> None:
    sentinels = tuple(range(199, 99, -1))
    read, wanted = Spans(density, mean, sentinels)(np.asarray(row, np.int32), np.random.default_rng(seed))

    cut: dict[int, list[int]] = {}
    for token in wanted.tolist():
        if token in sentinels:
            last = cut.setdefault(token, [])
        else:
            last.append(token)
    told = [part for token in read.tolist() for part in (cut[token] if token in sentinels else [token])]
    assert told == row
    assert [token for token in read.tolist() if token in sentinels] == list(sentinels[: len(cut)])
    assert sum(map(len, cut.values())) == min(max(round(len(row) * density), 1), len(row) - 1)
    assert read[0] not in sentinels


@given(ROWS, st.floats(0, 0.9), st.booleans(), st.integers(0, 1000))
@hypothesis_settings(max_examples=100, deadline=None)
def test_infilling_loses_no_more_than_it_says(row: list[int], rate: float, permute: bool, seed: int) -> None:
    damage = Infilling(rate, 3.0, 4, permute, (10, 11))
    read, wanted = damage(np.asarray(row, np.int32), np.random.default_rng(seed))

    kept = [token for token in read.tolist() if token != 4]
    assert wanted.tolist() == row
    assert len(row) - len(kept) <= round(rate * len(row))
    left = list(row)
    for token in kept:
        left.remove(token)
    if rate == 0:
        assert sorted(kept) == sorted(row)
        assert permute or kept == row


@given(ROWS, st.integers(2, 30), st.floats(0, 1), st.integers(0, 1000))
@hypothesis_settings(max_examples=100, deadline=None)
def test_what_is_copied_is_the_last_row_read(row: list[int], longest: int, bare: float, seed: int) -> None:
    damage = Copies(longest, bare, tuple(range(100, 160)), 7)
    read, wanted = damage(np.asarray(row, np.int32), np.random.default_rng(seed))
    parts = " ".join(map(str, read)).split(" 7 ")
    assert len(parts) in (1, 3)
    assert parts[-1] == " ".join(map(str, wanted))
    assert all(2 <= len(part.split()) <= min(longest, len(row)) for part in parts)
    assert {7, *range(100, 160)}.issuperset(read.tolist())


def test_infilling_masks_about_what_it_says() -> None:
    random = np.random.default_rng(0)
    row = np.arange(10, 1010, dtype=np.int32)
    lost = [1000 - int((Infilling(0.3, 3.0, 4, False, ())(row, random)[0] != 4).sum()) for _ in range(20)]
    assert 200 < np.mean(lost) <= 300


def test_a_student_of_texts_comes_nearer_to_its_teacher(decoder: Path, tmp_path: Path) -> None:
    """A teacher that has read; a student that sees another text learns its expectations all the same."""
    texts = [f"{letter}{letter}{letter}{letter}" for letter in LETTERS] * 20
    one = distil_texts(
        load(decoder), decoder, load(decoder), texts, settings(steps=200), tmp_path / "teacher",
        distil=DistilSettings(weight=0.0), valid=texts[:10],
    )  # fmt: skip
    assert one["valid"]["perplexity"] < 2.5
    told = distil_texts(
        load(decoder), decoder, load(tmp_path / "teacher"), words(100), settings(steps=200), tmp_path / "student",
        distil=DistilSettings(weight=1.0, temperature=1.0), valid=texts[:10],
    )  # fmt: skip
    without = Reply().measure(
        load(decoder), Conversations.of([ChatTokens([5, 9, 9, 9, 6], [False] + [True] * 4)], settings())
    )
    assert told["valid"]["loss"] < without["loss"]
