import json
import signal
import subprocess
import sys
import threading
from itertools import islice
from pathlib import Path

import hypothesis
import pytest
import torch
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from catenary.errors import CatenaryWarning, Interrupted, InvalidInput
from catenary.models import build, configure
from catenary.progress import Silent
from catenary.train import Loss, TrainSettings
from catenary.train.checkpoint import read_checkpoint
from catenary.train.loop import fit
from catenary.train.objectives import CausalLM
from catenary.train.packed import Packed
from catenary.train.run import Diverged
from catenary.train.weights import weights_sha256

from .cases import interrupt, outcome
from .test_packed import stream
from .toy import Toy, ToyObjective, data, settings


class At(Silent):
    """Calls `act` after a given step."""

    def __init__(self, step, act):
        self.step, self.act, self.steps = step, act, 0

    def advance(self, amount, **figures):
        self.steps += int(amount)
        if figures and self.steps == self.step:
            self.act()


def run(state=None, progress=None, seconds=0.0, model=None, **changed):
    chosen = settings(**changed)
    model = model or Toy()
    told = fit(
        model,
        data(chosen),
        ToyObjective(),
        chosen,
        state=state,
        progress=progress or Silent(),
        validate=lambda m: {"loss": float(m.head.bias.detach().abs().sum())},
        checkpoint_seconds=seconds,
    )
    return model, told


def test_loss_falls_and_figures_are_kept():
    model, told = run(epochs=10)
    assert len(told.losses) == told.steps == 130
    assert sum(told.losses[-13:]) < 0.5 * sum(told.losses[:13])
    assert [one.step for one in told.validations] == list(range(13, 131, 13))
    assert not model.training


def test_the_same_run_gives_the_same_bits_and_leaves_the_global_generator_alone():
    torch.manual_seed(1)
    first = outcome(*run())
    drawn = torch.rand(1)
    torch.manual_seed(2)
    second = outcome(*run())
    torch.manual_seed(1)
    assert first == second
    assert torch.equal(torch.rand(1), drawn)
    assert outcome(*run(seed=1)) != first


def test_validating_more_often_changes_no_weight():
    assert weights_sha256(dict(run()[0].state_dict())) == weights_sha256(
        dict(run(eval_every=2)[0].state_dict())
    )


OPTIMISERS = ["adamw", "sgd", "adafactor", "muon"]


@pytest.mark.parametrize("step", [1, 13, 20, 39])
def test_ctrl_c_finishes_the_step_saves_and_goes_on_bit_for_bit(tmp_path, step):
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(Interrupted, match=f"after step {step} of 39"):
        run(tmp_path, At(step, interrupt), seconds=1e9)
    assert signal.getsignal(signal.SIGINT) is before
    model, told = run(tmp_path)
    assert told.resumed_from == step
    assert outcome(model, told) == outcome(*run())


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_every_optimiser_learns_and_resumes_bit_for_bit(tmp_path, optimiser, precision):
    chosen = {
        "optimiser": optimiser,
        "precision": precision,
        "learning_rate": 0.05 if optimiser == "sgd" else 0.03,
        "accumulate": 3,
        "schedule": "plateau",
        "monitor": "loss",
        "epochs": 12,  # more than a hundred batches after the interruption
    }
    with pytest.raises(Interrupted):
        run(tmp_path, At(50, interrupt), seconds=1e9, **chosen)
    model, told = run(tmp_path, **chosen)
    assert told.resumed_from == 50
    assert sum(told.losses[-13:]) < 0.8 * sum(told.losses[:13])
    assert outcome(model, told) == outcome(*run(**chosen))


def test_sigterm_does_as_ctrl_c(tmp_path):
    with pytest.raises(Interrupted):
        run(tmp_path, At(5, lambda: signal.raise_signal(signal.SIGTERM)), seconds=1e9)
    assert run(tmp_path)[1].resumed_from == 5


def test_a_second_ctrl_c_stops_at_once(tmp_path):
    def twice():
        interrupt()
        interrupt()

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, At(5, twice), seconds=1e9)
    assert run(tmp_path)[1].resumed_from == 0


def test_without_a_state_folder_the_error_says_that_nothing_was_saved():
    with pytest.raises(Interrupted, match="nothing was saved"):
        run(None, At(3, interrupt))


def test_it_trains_in_another_thread_too():
    told = []
    thread = threading.Thread(target=lambda: told.append(outcome(*run())))
    thread.start()
    thread.join()
    assert told == [outcome(*run())]


def test_killed_at_random_moments_it_ends_with_the_same_bits(tmp_path):
    kills = 6
    told = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.train.killed",
            str(tmp_path),
            str(kills),
            "1",
            "toy",
            "chain",
            "causal",
        ],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    for line in told.stdout.splitlines():
        _, uninterrupted, resumed, died = line.split()
        assert int(died) == kills
        assert resumed == uninterrupted


@pytest.mark.parametrize("damage", ["cut tensors", "alter tensors", "alter values", "remove values"])
def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(tmp_path, damage):
    for step in (19, 20):
        with pytest.raises(Interrupted):
            run(tmp_path, At(step, interrupt), seconds=1e9)
    newest = max(tmp_path.glob("step-*"))
    tensors, values = newest / "tensors.safetensors", newest / "checkpoint.json"
    if damage == "cut tensors":
        tensors.write_bytes(tensors.read_bytes()[:-7])
    elif damage == "alter tensors":
        data = bytearray(tensors.read_bytes())
        data[-3] ^= 1
        tensors.write_bytes(data)
    elif damage == "alter values":
        values.write_text(values.read_text().replace('"step": 20', '"step": 19'))
    else:
        values.unlink()
    with pytest.warns(CatenaryWarning, match="damaged checkpoint"):
        model, told = run(tmp_path)
    assert told.resumed_from == 19
    assert outcome(model, told) == outcome(*run())


@given(
    optimiser=st.sampled_from(OPTIMISERS), place=st.floats(0, 1), bit=st.integers(0, 7), values=st.booleans()
)
@hypothesis.settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_altered_bit_is_found_whatever_the_optimiser(tmp_path, optimiser, place, bit, values):
    folder = tmp_path / optimiser
    if not folder.exists():
        for step in (3, 4):
            with pytest.raises(Interrupted):
                run(folder, At(step, interrupt), seconds=1e9, optimiser=optimiser)
    newest = max(folder.glob("step-*")) / ("checkpoint.json" if values else "tensors.safetensors")
    whole = newest.read_bytes()
    altered = bytearray(whole)
    altered[min(len(whole) - 1, int(place * len(whole)))] ^= 1 << bit
    newest.write_bytes(altered)
    try:
        with pytest.warns(CatenaryWarning, match="damaged checkpoint"):
            found = read_checkpoint(folder, json.loads(identity(folder))["identity"])
        assert found is not None
        assert found.step == 3
    finally:
        newest.write_bytes(whole)


def identity(folder):
    return (folder / "step-0000000003/checkpoint.json").read_text()


def test_another_runs_state_is_refused(tmp_path):
    run(tmp_path)
    for other in ({"learning_rate": 0.02}, {"model": Toy(seed=1)}, {"batch_size": 9}):
        with pytest.raises(InvalidInput, match="another training run"):
            run(tmp_path, **other)


def test_a_finished_run_is_not_trained_again(tmp_path):
    with pytest.raises(Interrupted):
        run(tmp_path, At(39, interrupt))
    model, told = run(tmp_path)
    assert told.resumed_from == told.steps == 39
    assert outcome(model, told) == outcome(*run())


def test_no_number_as_loss_stops_the_run_and_says_what_it_saw(tmp_path):
    model = Toy()
    model.head.weight.data.fill_(float("nan"))
    with pytest.raises(Diverged, match="step 1: the loss is nan"):
        run(model=model)


def test_a_lasting_rise_of_the_loss_stops_the_run_and_leaves_a_checkpoint_from_before(tmp_path):
    chosen = settings(epochs=None, steps=300, spike=4.0, ema=None)

    class Rising(ToyObjective):
        def loss(self, model, batch, generator):
            mean, of = super().loss(model, batch, generator)
            return Loss(mean + (5.0 if model.seen >= 200 else 0.0), of)

    batches = data(chosen)
    with pytest.raises(Diverged, match="stays up, at step 202") as caught:
        fit(Toy(), batches, Rising(), chosen, state=tmp_path, checkpoint_seconds=0.0)
    expected = [documents.tolist() for documents in islice(batches.documents_from(197), 5)]
    assert caught.value.documents == expected
    assert str(expected[-1][0]) in str(caught.value)
    steps = [int(path.name.removeprefix("step-")) for path in tmp_path.glob("step-*")]
    assert 1 <= max(steps) < 200


def test_one_hard_batch_does_not_stop_the_run():
    class Once(ToyObjective):
        def loss(self, model, batch, generator):
            mean, of = super().loss(model, batch, generator)
            return Loss(mean + (50.0 if model.seen == 200 else 0.0), of)

    chosen = settings(epochs=None, steps=300)
    assert fit(Toy(), data(chosen), Once(), chosen).steps == 300


def test_an_unknown_monitor_is_refused_with_those_there_are():
    with pytest.raises(InvalidInput, match="monitor") as caught:
        run(monitor="f2")
    assert "loss" in str(caught.value)


def test_less_is_better_of_some_figures_and_more_of_others():
    kept = []
    for monitor in ("perplexity", "f1"):
        figures = iter([0.5, 0.7, 0.6])
        chosen = settings(epochs=3, monitor=monitor)
        told = fit(
            Toy(), data(chosen), ToyObjective(), chosen, validate=lambda m, n=monitor, f=figures: {n: next(f)}
        )
        kept.append(told.best.step)
    assert kept == [13, 26]


def test_frozen_weights_stay_and_patterns_without_a_weight_are_refused():
    model = Toy()
    before = model.embedding.weight.detach().clone()
    run(model=model, freeze=["embed*"])
    assert torch.equal(model.embedding.weight, before)
    assert not torch.equal(model.head.weight, Toy().head.weight)
    with pytest.raises(InvalidInput, match="embeding") as caught:
        run(freeze=["embeding.weight"])
    assert "embedding.weight" in str(caught.value)
    with pytest.raises(InvalidInput, match="nothing to train"):
        run(freeze=["*"])


def causal(parts, precision="fp32", optimiser="adamw"):
    """A small Llama after twelve steps, each in so many parts; without dropout nothing is drawn."""
    chosen = TrainSettings(
        steps=12, batch_tokens=96, accumulate=parts, dropout=0.0, precision=precision, optimiser=optimiser
    )
    config = configure(
        "llama",
        None,
        vocab_size=200,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
    )
    model = build(config, "clm", seed=0)
    packed = Packed(stream([3, 17, 8, 40, 1, 22, 9, 30]), 24, 96)
    told = fit(model, packed, CausalLM(), chosen)
    return torch.tensor(told.losses), torch.cat([p.detach().flatten() for p in model.parameters()])


@pytest.mark.parametrize("parts", [2, 3, 50])
def test_a_step_in_parts_is_the_step(parts):
    losses, weights = causal(1)
    in_parts, weights_in_parts = causal(parts)
    assert torch.allclose(losses, in_parts, atol=1e-5)
    assert (weights - weights_in_parts).norm() < 1e-3 * weights.norm()
    in_bf16, _ = causal(parts, "bf16")
    assert torch.allclose(losses, in_bf16, atol=0.02)


def test_the_best_weights_are_kept_and_patience_ends_the_run():
    figures = iter([0.5, 0.7, 0.6, 0.65, 0.9])
    kept = []

    def validate(model):
        kept.append(weights_sha256(dict(model.named_parameters())))
        return {"accuracy": next(figures)}

    chosen = settings(epochs=5, monitor="accuracy", patience=2)
    model = Toy()
    told = fit(model, data(chosen), ToyObjective(), chosen, validate=validate)
    assert told.best is not None
    assert (told.best.step, told.best.figures) == (26, {"accuracy": 0.7})
    assert told.steps == 52
    assert weights_sha256(dict(model.named_parameters())) == kept[1]
