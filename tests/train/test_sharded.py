"""Two processes that hold a share each, for real."""

import pytest
import torch

from catenary.errors import Interrupted, InvalidInput
from catenary.train.team import Team

from .cases import interrupt
from .test_loop import At
from .test_team import run


@pytest.mark.parametrize("changed", [{}, pytest.param({"precision": "bf16"}, marks=pytest.mark.slow)])
def test_shares_do_as_the_whole_and_a_run_goes_on_without_them(tmp_path, changed):
    losses, weights, told = run(1, **changed)
    shared, weights_of_shares, told_of_shares = run(2, sharding="fsdp2", **changed)
    close = 1e-5 if not changed else 0.02
    assert torch.allclose(losses, shared, atol=close)
    assert (weights - weights_of_shares).norm() < 100 * close * weights.norm()
    assert (told_of_shares.tokens, told_of_shares.seen) == (told.tokens, told.seen)
    assert told_of_shares.best.step == told.best.step

    with pytest.raises(Interrupted):
        run(2, tmp_path, At(6, interrupt), sharding="fsdp2", **changed)
    resumed, _, told_resumed = run(1, tmp_path, **changed)
    assert told_resumed.resumed_from in (6, 7)
    assert torch.allclose(losses, resumed, atol=close)


@pytest.mark.slow
def test_a_run_without_shares_goes_on_with_them_and_parts_need_not_come_out_even(tmp_path):
    uneven = {"accumulate": 3, "optimiser": "sgd", "ema": None}
    losses, weights, _ = run(1, **uneven)
    with pytest.raises(Interrupted):
        run(1, tmp_path, At(6, interrupt), **uneven)
    resumed, weights_of_shares, told = run(2, tmp_path, sharding="fsdp2", **uneven)
    assert told.resumed_from == 6
    assert torch.allclose(losses, resumed, atol=1e-5)
    assert (weights - weights_of_shares).norm() < 1e-3 * weights.norm()


@pytest.mark.slow
def test_weights_that_are_frozen_stay_as_they_were_in_shares_too():
    frozen = {"freeze": ["model.embed_positions.*"], "ema": None, "monitor": None}
    losses, weights, _ = run(1, **frozen)
    shared, weights_of_shares, _ = run(2, sharding="fsdp2", **frozen)
    assert torch.allclose(losses, shared, atol=1e-5)
    assert (weights - weights_of_shares).norm() < 1e-3 * weights.norm()


def test_an_optimiser_of_whole_matrices_is_refused():
    with pytest.raises(InvalidInput, match="cannot be shared out"):
        run(2, sharding="fsdp2", optimiser="muon")


def test_a_mistake_in_the_model_is_not_told_as_a_lost_process():
    with pytest.raises(RuntimeError, match="shapes"), Team(0, 2).watched():
        raise RuntimeError("shapes do not fit")
