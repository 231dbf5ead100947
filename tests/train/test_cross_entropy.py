import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the field's name

from catenary.train import cross_entropy
from catenary.train.cross_entropy import summed_cross_entropy, token_losses


def made(tokens, dtype=torch.float32):
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(tokens, 16, generator=generator).to(dtype).requires_grad_()
    weight = torch.randn(50, 16, generator=generator).to(dtype).requires_grad_()
    targets = torch.randint(0, 50, (tokens,), generator=generator)
    return hidden, weight, targets


@pytest.fixture(params=[1, 7, 1000])
def chunk(request, monkeypatch):
    monkeypatch.setattr(cross_entropy, "LEAST_CHUNK", request.param)
    monkeypatch.setattr(cross_entropy, "CHUNK_LOGITS", 0)


@pytest.mark.usefixtures("chunk")
@pytest.mark.parametrize("ignored", [False, True])
def test_loss_and_gradients_are_those_of_all_logits_at_once(ignored):
    hidden, weight, targets = made(30)
    if ignored:
        targets[::3] = -100
    loss = summed_cross_entropy(hidden, weight, targets)
    got = torch.autograd.grad(loss * 0.25, [hidden, weight])
    plain = F.cross_entropy(hidden @ weight.T, targets, ignore_index=-100, reduction="sum")
    assert loss.item() == pytest.approx(plain.item(), rel=1e-6)
    for one, other in zip(got, torch.autograd.grad(plain * 0.25, [hidden, weight]), strict=True):
        assert torch.allclose(one, other, atol=1e-5)


@pytest.mark.usefixtures("chunk")
def test_in_bf16_it_is_as_near_as_the_plain_one():
    hidden, weight, targets = made(200, torch.bfloat16)
    exact = F.cross_entropy(hidden.double() @ weight.double().T, targets, reduction="sum")
    (slope,) = torch.autograd.grad(exact, [weight])
    loss = summed_cross_entropy(hidden, weight, targets)
    (got,) = torch.autograd.grad(loss, [weight])
    assert loss.item() == pytest.approx(exact.item(), rel=2e-3)
    assert (got - slope).norm() < 0.01 * slope.norm()


@pytest.mark.usefixtures("chunk")
def test_token_losses():
    hidden, weight, targets = made(30)
    expected = F.cross_entropy(hidden @ weight.T, targets, reduction="none")
    assert torch.allclose(token_losses(hidden, weight, targets), expected, atol=1e-5)
    assert token_losses(hidden[:0], weight, targets[:0]).shape == (0,)


def test_a_frozen_side_gets_no_gradient():
    hidden, weight, targets = made(30)
    summed_cross_entropy(hidden, weight.detach(), targets).backward()
    assert weight.grad is None
    assert hidden.grad is not None
