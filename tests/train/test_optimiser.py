import pytest
import torch
from torch import nn

from catenary.train.optimiser import optimiser
from catenary.train.weights import Weights

from .toy import Toy, settings


def test_biases_and_norms_are_not_decayed():
    weights = Weights(Toy(), torch.float32)
    decayed, kept = optimiser(weights, settings(weight_decay=0.1)).param_groups
    assert set(weights.decayed.shapes) == {"embedding.weight", "head.weight"}
    assert set(weights.kept.shapes) == {"norm.weight", "norm.bias", "head.bias"}
    assert (decayed["weight_decay"], kept["weight_decay"]) == (0.1, 0.0)
    assert (decayed["params"], kept["params"]) == ([weights.decayed.master], [weights.kept.master])


def stepped(model, ids, steps=5, clip=0.3):
    """What plain AdamW over the parameters, one by one, makes of them."""
    groups = [[p for p in model.parameters() if (p.ndim > 1) == decay] for decay in (True, False)]
    adamw = torch.optim.AdamW(
        [{"params": groups[0], "weight_decay": 0.1}, {"params": groups[1], "weight_decay": 0.0}],
        lr=0.01,
        betas=(0.9, 0.98),
    )
    for _ in range(steps):
        model(ids).square().mean().backward()
        nn.utils.clip_grad_norm_(model.parameters(), clip)
        adamw.step()
        adamw.zero_grad()
    return {name: p.detach() for name, p in model.named_parameters()}


def flat_stepped(model, ids, dtype=torch.float32, steps=5, clip=0.3):
    weights = Weights(model, dtype)
    adamw = optimiser(weights, settings(weight_decay=0.1, learning_rate=0.01))
    for _ in range(steps):
        model(ids).float().square().mean().backward()
        weights.gather_gradient(clip)
        adamw.step(0.01)
        weights.renew()
    return weights


def test_flat_weights_move_as_separate_ones_do():
    ids = torch.randint(0, 50, (16, 6), generator=torch.Generator().manual_seed(0))
    expected = stepped(Toy().eval(), ids)
    weights = flat_stepped(Toy().eval(), ids).named()
    for name, tensor in expected.items():
        assert torch.allclose(weights[name], tensor, atol=1e-6), name


def test_bf16_moves_fp32_masters_about_as_fp32_does():
    ids = torch.randint(0, 50, (16, 6), generator=torch.Generator().manual_seed(0))
    model = Toy().eval()
    before = model.head.weight.detach().clone()
    expected = stepped(Toy().eval(), ids)["head.weight"] - before
    weights = flat_stepped(model, ids, torch.bfloat16)
    assert model.head.weight.dtype == torch.bfloat16
    moved = weights.named()["head.weight"] - before
    assert moved.dtype == torch.float32
    assert (moved - expected).norm() < 0.1 * expected.norm()


def test_frozen_weights_stay_and_all_end_in_fp32_of_their_own():
    model = Toy()
    model.embedding.weight.requires_grad_(False)
    before = model.embedding.weight.clone()
    weights = Weights(model, torch.bfloat16)
    assert "embedding.weight" not in weights.decayed.shapes
    assert model.embedding.weight.dtype == torch.bfloat16
    with weights.lent(weights.named()):
        assert torch.equal(model.embedding.weight, before)
    assert model.embedding.weight.dtype == torch.bfloat16
    weights.settle(weights.named())
    assert torch.equal(model.embedding.weight, before)
    assert len({p.untyped_storage().data_ptr() for p in model.parameters()}) == 5
    assert all(p.dtype == torch.float32 and p.grad is None for p in model.parameters())


@pytest.mark.parametrize("norm", [0.1, 10.0])
def test_long_gradients_are_shortened_and_their_length_told(norm):
    model = Toy()
    weights = Weights(model, torch.float32)
    model.head.weight.grad.fill_(norm / 4)
    assert weights.gather_gradient(1.0) == pytest.approx(norm)
    assert weights.decayed.master.grad.norm().item() == pytest.approx(min(norm, 1.0))
