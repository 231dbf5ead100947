import pytest
import torch
from torch import nn

from catenary.models import Output, build, configure
from catenary.train.batches import Batch, Batches, TokenRows
from catenary.train.dropout import set_dropout
from catenary.train.objectives import ClassifierAndReader, Classify, ClassifyAndRead, MaskedLM

MASK, ORDINARY = 4, tuple(range(7, 200))
CONFIG = configure(
    "bert",
    None,
    vocab_size=200,
    hidden_size=16,
    num_hidden_layers=1,
    num_attention_heads=2,
    intermediate_size=32,
)


def masked(rate=0.15, rows=400, seed=0):
    ids = torch.randint(7, 200, (rows, 50), generator=torch.Generator().manual_seed(9))
    ids[:, 0], ids[:, -1], ids[::2, -10:] = 2, 3, 0
    objective = MaskedLM(rate, MASK, ORDINARY)
    seen, places = objective.mask(ids, torch.Generator().manual_seed(seed))
    return ids, seen, places


@pytest.mark.parametrize("rate", [0.15, 0.4])
def test_masking_is_80_10_10_of_the_rate_of_ordinary_tokens(rate):
    ids, seen, places = masked(rate)
    ordinary = int((ids >= 7).sum())
    assert len(places) / ordinary == pytest.approx(rate, rel=0.05)
    assert len(set(places.tolist())) == len(places)
    before, after = ids.flatten()[places], seen.flatten()[places]
    assert (before >= 7).all()
    share = {
        "masked": (after == MASK).float().mean(),
        "same": (after == before).float().mean(),
        "other": ((after != MASK) & (after != before)).float().mean(),
    }
    assert share["masked"] == pytest.approx(0.8, abs=0.03)
    assert share["same"] == pytest.approx(0.1, abs=0.03)
    assert share["other"] == pytest.approx(0.1, abs=0.03)
    elsewhere = torch.ones(ids.numel(), dtype=torch.bool)
    elsewhere[places] = False
    assert torch.equal(ids.flatten()[elsewhere], seen.flatten()[elsewhere])


def test_masks_are_drawn_anew_with_each_seed_and_only_with_it():
    assert torch.equal(masked(seed=1)[1], masked(seed=1)[1])
    assert not torch.equal(masked(seed=1)[2], masked(seed=2)[2])


def test_something_is_always_masked():
    ids = torch.tensor([[2, 7, 3]])
    for seed in range(20):
        _, places = MaskedLM(0.01, MASK, ORDINARY).mask(ids, torch.Generator().manual_seed(seed))
        assert places.tolist() == [1]


def test_a_batch_without_an_ordinary_token_costs_nothing():
    model = build(CONFIG, "mlm", seed=0)
    batch = Batches(TokenRows.of([[2, 1, 3]]), 0, batch_size=1).batch(torch.arange(1).numpy())
    loss, count = MaskedLM(0.3, MASK, ORDINARY).loss(model, batch, torch.Generator())
    loss.backward()
    assert (loss.item(), count) == (0, 0)
    assert torch.isfinite(model.embedding.weight.grad).all()


def test_masked_lm_loss_is_the_cross_entropy_of_all_logits_at_the_chosen_places():
    model = build(CONFIG, "mlm", seed=0).eval()
    objective = MaskedLM(0.3, MASK, ORDINARY)
    batch = Batches(TokenRows.of([[2, 9, 11, 50, 3], [2, 80, 81, 3]]), 0, batch_size=2).batch(
        torch.arange(2).numpy()
    )
    loss, count = objective.loss(model, batch, torch.Generator().manual_seed(0))
    seen, places = objective.mask(batch.input_ids_BT, torch.Generator().manual_seed(0))
    logits = model(seen, batch.attention_mask_BT).logits.flatten(0, 1)
    expected = nn.functional.cross_entropy(logits[places], batch.input_ids_BT.flatten()[places])
    assert count == len(places)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)


def test_validation_masks_are_the_same_each_time():
    model = build(CONFIG, "mlm", seed=0)
    batches = Batches(TokenRows.of([[2, *range(10, 60), 3]] * 10), 0, batch_size=3)
    objective = MaskedLM(0.15, MASK, ORDINARY)
    assert objective.measure(model, batches) == objective.measure(model, batches)


class Fixed(nn.Module):
    """Answers with the logits it was made with."""

    def __init__(self, logits):
        super().__init__()
        self.logits = logits

    def forward(self, ids, mask=None):
        return Output(self.logits.expand(len(ids), -1), self.logits)


def test_classification_losses():
    logits = torch.tensor([[2.0, 0.0], [0.0, 1.0]])
    labels = torch.tensor([0, 1])
    batch = Batch(torch.arange(2).numpy(), torch.zeros(2, 3, dtype=torch.int64), None, labels, 6)

    def loss(smoothing=0.0):
        return Classify(smoothing).loss(Fixed(logits), batch, torch.Generator()).mean.item()

    expected = nn.functional.cross_entropy
    assert loss() == pytest.approx(expected(logits, labels).item())
    assert loss(0.1) == pytest.approx(expected(logits, labels, label_smoothing=0.1).item())


def test_reading_beside_classifying_adds_the_masked_lm_loss_on_the_same_pass():
    read = build(CONFIG, "mlm", seed=0)
    classifier = build(CONFIG, "classify", labels=["a", "b"], seed=0)
    both = ClassifierAndReader(classifier, read)
    ids = [[2, 9, 11, 50, 3], [2, 80, 81, 82, 3]]
    batch = Batches(TokenRows.of(ids), 0, torch.tensor([0, 1]).numpy(), batch_size=2).batch(
        torch.arange(2).numpy()
    )
    masked, plain = MaskedLM(0.3, MASK, ORDINARY), Classify()
    for module in (both, read):
        module.eval()

    def draws():
        return torch.Generator().manual_seed(1)

    seen, _ = masked.mask(batch.input_ids_BT, draws())
    expected = plain.of(classifier(seen).logits, batch) + 0.5 * masked.loss(read, batch, draws()).mean
    assert ClassifyAndRead(plain, masked, 0.5).loss(both, batch, draws()).mean.item() == pytest.approx(
        expected.item()
    )


def test_classification_figures():
    model = Fixed(torch.tensor([[2.0, 0.0]]))
    batches = Batches(TokenRows.of([[1]] * 4), 0, torch.tensor([0, 0, 0, 1]).numpy(), batch_size=1)
    figures = Classify().measure(model, batches)
    assert figures["accuracy"] == 0.75
    assert figures["loss"] == pytest.approx(0.1269 * 3 / 4 + 2.1269 / 4, abs=1e-3)


def test_dropout_keeps_the_mean_and_is_off_outside_training():
    model = build(CONFIG, "classify", labels=["a", "b"], seed=0)
    set_dropout(model, 0.25)
    layer = model.model.dropout
    x = torch.ones(400, 500)
    torch.manual_seed(0)
    dropped = layer(x)
    assert (dropped == 0).float().mean() == pytest.approx(0.25, abs=0.01)
    assert dropped.mean() == pytest.approx(1, abs=0.01)
    assert torch.equal(layer.eval()(x), x)
    assert (model.config.hidden_dropout, model.config.attention_dropout) == (0.25, 0.0)
    set_dropout(model, 0.0)
    ids = torch.tensor([[2, 9, 10, 3]])
    assert torch.equal(model.train()(ids).logits, model.eval()(ids).logits)
