"""Two processes at one run, for real."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import torch

from catenary.errors import Interrupted, InvalidInput
from catenary.models import build, configure
from catenary.train import TrainSettings
from catenary.train.loop import fit
from catenary.train.objectives import CausalLM
from catenary.train.packed import Packed
from catenary.train.team import ProcessLost

from .cases import interrupt
from .test_loop import At
from .test_packed import stream


def run(processes, state=None, progress=None, sharding="none", **changed):
    """A small GPT-2 after twelve steps of four parts; losses, weights and what was told."""
    values = {"steps": 12, "batch_tokens": 96, "accumulate": 4, "dropout": 0.1, "ema": 0.9, "monitor": "loss"}
    chosen = TrainSettings(**{**values, "precision": "fp32", "eval_every": 5, **changed})
    config = configure(
        "gpt2",
        None,
        vocab_size=200,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
    )
    model = build(config, "clm", seed=0)
    packed = Packed(stream([3, 17, 8, 40, 1, 22, 9, 30]), 24, 96)
    told = fit(
        model,
        packed,
        CausalLM(),
        chosen,
        processes=processes,
        sharding=sharding,
        state=state,
        validate=lambda m: CausalLM().measure(m, packed),
        checkpoint_seconds=1e9,
        **({"progress": progress} if progress else {}),
    )
    return torch.tensor(told.losses), torch.cat([p.detach().flatten() for p in model.parameters()]), told


@pytest.mark.parametrize("precision", ["fp32", pytest.param("bf16", marks=pytest.mark.slow)])
def test_two_processes_do_as_one_and_another_number_goes_on(tmp_path, precision):
    losses, weights, told = run(1, precision=precision)
    in_two, weights_in_two, told_in_two = run(2, precision=precision)
    close = 1e-5 if precision == "fp32" else 0.02
    assert torch.allclose(losses, in_two, atol=close)
    assert (weights - weights_in_two).norm() < 100 * close * weights.norm()
    assert told_in_two.tokens == told.tokens
    assert told_in_two.seen == told.seen
    assert told_in_two.best.step == told.best.step

    with pytest.raises(Interrupted):
        run(2, tmp_path, At(6, interrupt), precision=precision)
    resumed, _, told_resumed = run(1, tmp_path, precision=precision)
    assert told_resumed.resumed_from in (6, 7)
    assert torch.allclose(losses, resumed, atol=close)


def test_a_step_needs_a_part_for_each_process():
    with pytest.raises(InvalidInput, match="as many parts as processes"):
        run(2, accumulate=1)


def children():
    return [child.pid for child in psutil.Process().children() if "spawn_main" in " ".join(child.cmdline())]


@pytest.mark.skipif(sys.platform != "linux", reason="finds the child in /proc")
@pytest.mark.parametrize("sharding", ["ddp", pytest.param("fsdp2", marks=pytest.mark.slow)])
def test_when_one_process_is_killed_all_end_and_the_error_says_which(sharding):
    def kill():
        [child] = children()
        os.kill(child, signal.SIGKILL)

    with pytest.raises(ProcessLost, match="has ended") as caught:
        run(2, progress=At(3, kill), steps=10_000, sharding=sharding)
    assert "process 1 of 2: -9" in str(caught.value)
    assert not children()
    assert not torch.distributed.is_initialized()


@pytest.mark.skipif(sys.platform != "linux", reason="finds the child in /proc")
def test_when_the_leader_is_killed_the_others_end():
    leader = subprocess.Popen(
        [sys.executable, "-m", "tests.train.test_team"], cwd=Path(__file__).parents[2], stdout=subprocess.PIPE
    )
    assert leader.stdout is not None
    follower = int(leader.stdout.readline())
    leader.kill()
    leader.wait()
    until = time.monotonic() + 120
    while Path(f"/proc/{follower}").exists() and time.monotonic() < until:
        time.sleep(0.1)
    assert not Path(f"/proc/{follower}").exists()


if __name__ == "__main__":
    run(2, progress=At(3, lambda: print(*children(), flush=True)), steps=10**6)  # noqa: T201
