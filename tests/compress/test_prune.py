"""What is pruned is smaller, loads again as it was, and loses what matters least."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from catenary import models
from catenary.compress.prune import Pruning, prune
from catenary.errors import InvalidInput

ROWS = [[2, 5, 9, 7, 30, 41], [4, 4, 8, 1], [11, 3, 77]]


def model(family: str) -> models.Model:
    groups = {"num_key_value_heads": 2} if family == "llama" else {}
    config = models.configure(
        family, vocab_size=100, hidden_size=32, num_hidden_layers=3, num_attention_heads=4, intermediate_size=64,
        max_position_embeddings=32, **groups,
    )  # fmt: skip
    head = "clm" if family == "llama" else "classify"
    labels = None if family == "llama" else ["a", "b"]
    return models.build(config, head, labels=labels, seed=3).eval()


@pytest.mark.parametrize("family", ["bert", "llama"])
@pytest.mark.parametrize(
    "how", [Pruning(heads=0.5), Pruning(neurons=0.5), Pruning(layers=1), Pruning(0.5, 0.25, 0.0, 2)]
)
def test_a_pruned_model_is_smaller_and_loads_again(family: str, how: Pruning, tmp_path: Path) -> None:
    whole = model(family)
    made = prune(whole, ROWS, how)
    assert made.parameters_after < made.parameters_before
    models.save(made.model, tmp_path)
    again = models.load(tmp_path)
    ids_BT = torch.tensor([ROWS[0]])
    mine, theirs = made.model.state_dict(), again.state_dict()
    assert mine.keys() == theirs.keys()
    assert all(torch.equal(mine[name], theirs[name]) for name in mine)
    # Mapped from a file, weights begin elsewhere in a cache line, and some processors then add up in another order.
    torch.testing.assert_close(again(ids_BT).logits, made.model(ids_BT).logits, atol=1e-6, rtol=1e-5)
    assert len(made.layers) == 3 - how.layers
    assert made.neurons_per_layer == round(64 * (1 - how.neurons))
    assert all(len(heads) == 4 * (1 - how.heads) for heads in made.heads)


def test_pruning_nothing_changes_nothing() -> None:
    whole = model("bert")
    same = prune(whole, ROWS, Pruning()).model
    ids_BT = torch.tensor([ROWS[0]])
    assert torch.equal(same(ids_BT).logits, whole(ids_BT).logits)


def test_neurons_that_do_nothing_go_first() -> None:
    whole = model("bert")
    idle = list(range(0, 64, 2))
    with torch.no_grad():
        for layer in whole.model.layers:
            layer.mlp.down_proj.weight[:, idle] = 0
    made = prune(whole, ROWS, Pruning(neurons=0.5))
    ids_BT = torch.tensor([ROWS[0]])
    torch.testing.assert_close(made.model(ids_BT).logits, whole(ids_BT).logits, atol=1e-5, rtol=1e-5)


def test_heads_and_layers_that_do_nothing_go_first() -> None:
    whole = model("llama")
    with torch.no_grad():
        whole.model.layers[1].self_attn.o_proj.weight.zero_()
        whole.model.layers[1].mlp.down_proj.weight.zero_()
    made = prune(whole, ROWS, Pruning(layers=1))
    assert made.layers == (0, 2)
    ids_BT = torch.tensor([ROWS[0]])
    torch.testing.assert_close(made.model(ids_BT).logits, whole(ids_BT).logits, atol=1e-5, rtol=1e-5)
    with torch.no_grad():
        for layer in whole.model.layers:
            layer.self_attn.o_proj.weight[:, 16:] = 0  # the heads of the second group
    made = prune(whole, ROWS, Pruning(heads=0.5))
    torch.testing.assert_close(made.model(ids_BT).logits, whole(ids_BT).logits, atol=1e-5, rtol=1e-5)


def test_small_weights_become_zeros() -> None:
    made = prune(model("bert"), ROWS, Pruning(weights=0.5))
    weight_FD = made.model.model.layers[0].mlp.up_proj.weight
    assert ((weight_FD == 0).sum(dim=1) == 16).all()
    assert made.parameters_after == made.parameters_before


def test_leaving_nothing_is_refused() -> None:
    with pytest.raises(InvalidInput, match="nothing"):
        prune(model("bert"), ROWS, Pruning(layers=3))
    with pytest.raises(InvalidInput, match="texts"):
        prune(model("bert"), [], Pruning(layers=1))


def test_pruned_bert_says_the_size_of_its_heads_and_others_do_not(tmp_path: Path) -> None:
    models.save(prune(model("bert"), ROWS, Pruning(heads=0.5)).model, tmp_path / "pruned")
    models.save(model("bert"), tmp_path / "whole")
    assert "attention_head_size" in (tmp_path / "pruned" / "config.json").read_text()
    assert "attention_head_size" not in (tmp_path / "whole" / "config.json").read_text()
