"""What every model does: the same seed, the same bits; packed batches; swapped heads; export."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from catenary.errors import InvalidInput
from catenary.models import Model, build, configure, load, save
from catenary.models.heads import HeadName
from tests.models.reference import VOCABULARY, assert_near, padding, token_ids

TINY = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": 40,
}


def bert(head: HeadName, seed: int = 5, labels: list[str] | None = None) -> Model:
    return build(configure("bert", **TINY), head, labels=labels, seed=seed)


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        save(bert("mlm"), tmp_path / folder)
    save(bert("mlm", seed=6), tmp_path / "other")
    read = [(tmp_path / folder / "model.safetensors").read_bytes() for folder in ("a", "b", "other")]
    assert read[0] == read[1] != read[2]
    assert (tmp_path / "a" / "config.json").read_bytes() == (tmp_path / "b" / "config.json").read_bytes()


def test_a_saved_model_comes_back_bit_by_bit(tmp_path: Path) -> None:
    model = bert("classify", labels=["差", "好"])
    save(model, tmp_path)
    again = load(tmp_path)
    assert again.labels == ("差", "好")
    assert again.config == model.config
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name]), name


def test_large_weights_go_into_shards_that_transformers_reads(tmp_path: Path) -> None:
    import transformers

    model = bert("mlm").eval()
    save(model, tmp_path)
    (tmp_path / "notes.txt").write_text("kept")
    save(model, tmp_path, max_shard_bytes=20_000)
    shards = sorted(tmp_path.glob("model-*.safetensors"))
    assert len(shards) > 2
    assert shards[0].name == f"model-00001-of-{len(shards):05}.safetensors"
    assert all(shard.stat().st_size < 22_000 for shard in shards)
    assert not (tmp_path / "model.safetensors").exists()
    ids = token_ids()
    with torch.no_grad():
        expected = model(ids).logits
        assert torch.equal(load(tmp_path)(ids).logits, expected)
        theirs = transformers.BertForMaskedLM.from_pretrained(tmp_path).eval()
        assert_near(theirs(ids).logits, expected)
    save(model, tmp_path)  # and back: no shard is left behind
    assert {path.name for path in tmp_path.iterdir()} == {"config.json", "model.safetensors", "notes.txt"}


@pytest.mark.parametrize("broken", ["weights", "config.json"])
def test_a_save_that_fails_leaves_the_old_model(
    broken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What fails while writing (a full disk) fails before the old files are touched."""
    save(bert("mlm"), tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(*given: object, **settings: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(
        "catenary.models.hub." + ("write_weights" if broken == "weights" else "write_json"), full
    )
    with pytest.raises(OSError, match="space"):
        save(bert("mlm", seed=6), tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_what_a_killed_save_left_goes_with_the_next(tmp_path: Path) -> None:
    """Killed while its weights lie beside: the old model is whole, and nothing piles up."""
    save(bert("mlm"), tmp_path)
    killed = """
        import os, signal, sys
        from catenary.models import hub, load
        hub.write_json = lambda *given: os.kill(os.getpid(), signal.SIGKILL)
        hub.save(load(sys.argv[1]), sys.argv[1])
    """
    ended = subprocess.run([sys.executable, "-c", textwrap.dedent(killed), tmp_path], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert [path.name for path in tmp_path.glob(".saving-*/*")] == ["model.safetensors"]
    load(tmp_path)
    save(bert("mlm", seed=6), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"config.json", "model.safetensors"}


def test_the_body_does_not_depend_on_the_head() -> None:
    masked, tagger = bert("mlm"), bert("tag", labels=["O", "B"])
    for name, tensor in tagger.model.state_dict().items():
        assert torch.equal(tensor, masked.model.state_dict()[name]), name


def test_a_swapped_head_is_drawn_from_the_seed_and_said_so(tmp_path: Path) -> None:
    save(bert("mlm"), tmp_path)
    one = load(tmp_path, "classify", labels=["a", "b", "c"], seed=9)
    two = load(tmp_path, "classify", labels=["a", "b", "c"], seed=9)
    assert one.loaded.initialised == tuple(
        f"head.{n}" for n in ("dense.bias", "dense.weight", "out_proj.bias", "out_proj.weight")
    )
    assert "cls.predictions.bias" in one.loaded.unused
    for name, tensor in one.state_dict().items():
        assert torch.equal(tensor, two.state_dict()[name]), name
    assert one(token_ids()).logits.shape == (3, 3)


def test_a_pretrained_pooler_goes_on_into_the_classifier(tmp_path: Path) -> None:
    source = bert("mlm+nsp")
    save(source, tmp_path)
    model = load(tmp_path, "classify", labels=["a", "b"], seed=9)
    assert source.next_sentence is not None
    assert torch.equal(model.state_dict()["head.dense.weight"], source.next_sentence.dense.weight)  # type: ignore[union-attr]
    assert model.loaded.initialised == ("head.out_proj.bias", "head.out_proj.weight")


def test_a_swapped_head_needs_a_seed(tmp_path: Path) -> None:
    save(bert("mlm"), tmp_path)
    with pytest.raises(InvalidInput, match="seed"):
        load(tmp_path, "classify", labels=["a", "b"])


def test_other_labels_make_a_new_last_layer(tmp_path: Path) -> None:
    old = bert("classify", labels=["a", "b"])
    save(old, tmp_path)
    model = load(tmp_path, labels=["x", "y"], seed=1)
    assert model.loaded.initialised == ("head.out_proj.bias", "head.out_proj.weight")
    assert torch.equal(model.state_dict()["head.dense.weight"], old.state_dict()["head.dense.weight"])
    assert load(tmp_path, labels=["a", "b"]).loaded.initialised == ()


def pack(ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The tokens of a padded batch end to end: ids, document ids, borders."""
    lengths = mask.sum(dim=1)
    documents = torch.repeat_interleave(torch.arange(len(lengths)), lengths)
    borders = torch.cat([torch.tensor([0]), lengths.cumsum(0)])
    return ids[mask.bool()][None], documents[None], borders


@pytest.mark.parametrize("head", ["mlm", "tag"])
def test_packed_equals_padded(head: HeadName) -> None:
    model = bert(head, labels=["x", "y"] if head == "tag" else None).eval()
    ids, mask = token_ids(), padding()
    packed, documents, borders = pack(ids, mask)
    with torch.no_grad():
        padded = model(ids, mask).logits[mask.bool()]
        assert_near(model(packed, document_ids=documents).logits[0], padded, 1e-5)
        assert_near(model(packed, cu_seqlens=borders).logits[0], padded, 1e-5)


def test_packed_classification_gives_a_row_a_document() -> None:
    model = bert("classify", labels=["x", "y"]).eval()
    ids, mask = token_ids(), padding()
    packed, documents, _ = pack(ids, mask)
    with torch.no_grad():
        assert_near(model(packed, document_ids=documents).logits, model(ids, mask).logits, 1e-5)


def test_logits_at_chosen_places_alone() -> None:
    model = bert("mlm").eval()
    ids = token_ids()
    at = torch.tensor([0, 12, 31])
    with torch.no_grad():
        assert_near(model(ids, logits_at=at).logits, model(ids).logits.flatten(0, 1)[at], 1e-6)


@pytest.mark.parametrize("borders", [[0, 5], [1, 11], [0, 6, 6, 11], [0, 7, 5, 11], [[0, 11]]])
def test_borders_that_do_not_divide_the_batch(borders: list[int]) -> None:
    with pytest.raises(InvalidInput, match="cu_seqlens"):
        bert("mlm")(token_ids(rows=1), cu_seqlens=torch.tensor(borders))


def test_a_text_longer_than_the_positions() -> None:
    with pytest.raises(InvalidInput, match="41"):
        bert("mlm")(token_ids(length=41))


class Classify(nn.Module):
    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        logits: Tensor = self.model(input_ids, attention_mask).logits
        return logits


@pytest.mark.slow
def test_exports_to_onnx_with_dynamic_batch_and_length(tmp_path: Path) -> None:
    model = Classify(bert("classify", labels=["x", "y"])).eval()
    path = tmp_path / "model.onnx"
    batch, length = torch.export.Dim("batch"), torch.export.Dim("length", max=40)
    torch.onnx.export(
        model,
        (token_ids(), padding()),
        path,
        dynamo=True,
        input_names=["input_ids", "attention_mask"],
        output_names=["logits"],
        dynamic_shapes={"input_ids": {0: batch, 1: length}, "attention_mask": {0: batch, 1: length}},
        verbose=False,
    )
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for rows, width in ((1, 5), (4, 17)):
        ids, mask = token_ids(rows, width, low=0), padding(rows, width)
        (got,) = session.run(None, {"input_ids": ids.numpy(), "attention_mask": mask.numpy()})
        with torch.no_grad():
            assert_near(torch.from_numpy(got), model(ids, mask))
