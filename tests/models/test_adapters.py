"""Adapters: PEFT's files in both directions, with equal logits; merged, the model answers as before."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from catenary.errors import InvalidInput, NotFound
from catenary.models import (
    LoraSettings,
    Model,
    attach_adapter,
    build,
    configure,
    load,
    load_adapter,
    merge_adapter,
    save,
    save_adapter,
)
from tests.models.reference import VOCABULARY, assert_near, token_ids

TINY: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
}
FAMILIES = {
    "llama": ("clm", {"num_key_value_heads": 2}),
    "qwen3": ("clm", {"head_dim": 8}),
    "bert": ("mlm", {}),
    "t5": ("seq2seq", {"head_dim": 8, "gated": True, "activation": "gelu_tanh"}),
    "marian": ("seq2seq", {"pad_token_id": 0, "decoder_start_token_id": 0, "eos_token_id": 1}),
}
VARIANTS = [
    LoraSettings(rank=4),
    LoraSettings(rank=3, alpha=5.0, rslora=True),
    LoraSettings(rank=4, dora=True),
]


def tiny(family: str, folder: Path) -> Model:
    head, more = FAMILIES[family]
    model = build(configure(family, **TINY, **more), head, seed=3).eval()  # type: ignore[arg-type]
    save(model, folder)
    return model


def trained(model: Model, settings: LoraSettings) -> Model:
    """With an adapter whose every number is off its start."""
    attach_adapter(model, settings, seed=5)
    draws = torch.Generator().manual_seed(1)
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data += 0.2 * torch.randn(parameter.shape, generator=draws)
    return model.eval()


def ask(model: Any, family: str) -> torch.Tensor:
    ids = token_ids()
    inputs = {"decoder_input_ids": token_ids(seed=2)} if FAMILIES[family][0] == "seq2seq" else {}
    with torch.no_grad():
        return model(ids, **inputs).logits  # type: ignore[no-any-return]


def theirs(folder: Path, family: str) -> Any:
    import transformers

    from tests.models.reference import reload

    name = json.loads((folder / "config.json").read_text())["architectures"][0]
    assert hasattr(transformers, name)
    return reload(folder, name)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("settings", VARIANTS, ids=["lora", "rslora", "dora"])
def test_peft_answers_as_we_do_with_our_adapter(tmp_path: Path, family: str, settings: LoraSettings) -> None:
    from peft import PeftModel

    ours = trained(tiny(family, tmp_path / "base"), settings)
    save_adapter(ours, tmp_path / "adapter", base="base")

    reference = PeftModel.from_pretrained(theirs(tmp_path / "base", family), str(tmp_path / "adapter")).eval()

    assert_near(ask(ours, family), ask(reference, family))
    assert_near(ask(ours, family), ask(reference.merge_and_unload(), family))
    back = load(tmp_path / "base")
    load_adapter(back, tmp_path / "adapter")
    assert torch.equal(ask(back.eval(), family), ask(ours, family))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("dora", [False, True])
def test_we_answer_as_peft_does_with_its_adapter(tmp_path: Path, family: str, dora: bool) -> None:
    from peft import LoraConfig, get_peft_model

    tiny(family, tmp_path / "base")
    targets = {"t5": ["q", "wi_0"], "bert": ["query", "output.dense"], "marian": ["k_proj", "fc1"]}
    config = LoraConfig(
        r=4,
        lora_alpha=7,
        target_modules=targets.get(family, ["q_proj", "down_proj"]),
        use_dora=dora,
        use_rslora=True,
        rank_pattern={"layers.0.self_attn.q_proj": 2},
        alpha_pattern={"layers.1.self_attn.q_proj": 3},
        lora_dropout=0.3,
    )
    torch.manual_seed(0)
    reference = get_peft_model(theirs(tmp_path / "base", family), config).eval()
    with torch.no_grad():
        for name, parameter in reference.named_parameters():
            if "lora_" in name:
                parameter.add_(torch.randn_like(parameter) * 0.2)
    reference.save_pretrained(tmp_path / "adapter")

    ours = load(tmp_path / "base")
    load_adapter(ours, tmp_path / "adapter")
    ours.eval()

    assert_near(ask(ours, family), ask(reference, family))
    merge_adapter(ours)
    assert_near(ask(ours, family), ask(reference, family))
    save(ours, tmp_path / "merged")
    assert torch.equal(ask(load(tmp_path / "merged"), family), ask(ours, family))


def test_peft_reads_gpt2s_one_layer_of_queries_keys_and_values(tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model

    save(build(configure("gpt2", **TINY), "clm", seed=3), tmp_path / "base")
    config = LoraConfig(
        r=2, target_modules=["c_attn", "c_proj"], fan_in_fan_out=True, init_lora_weights=False
    )
    torch.manual_seed(0)
    reference = get_peft_model(theirs(tmp_path / "base", "llama"), config).eval()
    reference.save_pretrained(tmp_path / "adapter")

    ours = load(tmp_path / "base")
    load_adapter(ours, tmp_path / "adapter")

    assert_near(ask(ours.eval(), "llama"), ask(reference, "llama"))
    with pytest.raises(InvalidInput, match="GPT-2 keeps queries"):
        save_adapter(ours, tmp_path / "again", base="base")
    only = build(configure("gpt2", **TINY), "clm", seed=3)
    trained(only, LoraSettings(rank=2, targets=("up_proj",)))
    save_adapter(only, tmp_path / "feed-forward", base="base")


@pytest.mark.parametrize("dora", [False, True])
def test_before_the_first_step_nothing_is_changed_and_only_the_adapter_learns(
    tmp_path: Path, dora: bool
) -> None:
    model = tiny("llama", tmp_path)
    before = ask(model, "llama")

    names = attach_adapter(model, LoraSettings(rank=2, dora=dora), seed=1)

    assert len(names) == 2 * 7
    assert_near(ask(model, "llama"), before, 1e-6)
    learnt = {name.rsplit(".", 1)[-1] for name, one in model.named_parameters() if one.requires_grad}
    assert learnt == {"lora_A", "lora_B"} | ({"lora_magnitude"} if dora else set())


@given(
    rank=st.integers(1, 6),
    dora=st.booleans(),
    rslora=st.booleans(),
    target=st.sampled_from(["q_proj", "*.mlp.*"]),
)
@settings(max_examples=15, deadline=None)
def test_merging_changes_no_answer(rank: int, dora: bool, rslora: bool, target: str) -> None:
    model = build(configure("llama", **TINY), "clm", seed=3).eval()
    trained(model, LoraSettings(rank=rank, dora=dora, rslora=rslora, targets=(target,)))
    before = ask(model, "llama")

    merge_adapter(model)

    assert_near(ask(model, "llama"), before, 2e-5)
    assert not any("lora" in name for name in model.state_dict())


def test_targets_are_names_and_globs() -> None:
    model = build(configure("llama", **TINY), "clm", seed=3)
    names = attach_adapter(model, LoraSettings(targets=("*.layers.1.*", "layers.0.self_attn.v_proj")), seed=1)
    assert len(names) == 8
    assert {name.split(".")[2] for name in names} == {"0", "1"}
    with pytest.raises(InvalidInput, match="adapter already"):
        attach_adapter(model, LoraSettings(), seed=1)
    with pytest.raises(InvalidInput, match="q_prog") as caught:
        attach_adapter(build(model.config, "clm", seed=1), LoraSettings(targets=("q_prog",)), seed=1)
    assert "q_proj" in str(caught.value)


def test_what_an_adapter_cannot_be_is_refused(tmp_path: Path) -> None:
    model = trained(tiny("llama", tmp_path / "base"), LoraSettings(rank=2))
    save_adapter(model, tmp_path, base="base")
    path = tmp_path / "adapter_config.json"
    good = json.loads(path.read_text())
    for key, value in [
        ("peft_type", "LOHA"),
        ("bias", "all"),
        ("modules_to_save", ["lm_head"]),
        ("use_qalora", True),
    ]:
        path.write_text(json.dumps(good | {key: value}))
        with pytest.raises(InvalidInput):
            load_adapter(load(tmp_path / "base"), tmp_path)
    path.write_text(json.dumps(good))
    wider = build(configure("llama", **{**TINY, "hidden_size": 64}), "clm", seed=1)
    with pytest.raises(InvalidInput, match="another shape"):
        load_adapter(wider, tmp_path)
    with pytest.raises(NotFound):
        load_adapter(load(tmp_path / "base"), tmp_path / "base")
