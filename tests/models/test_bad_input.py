"""Checkpoints that lie or are damaged: an error that names the tensor or key, what was got and what was expected."""

from __future__ import annotations

import json
import pickle
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import Tensor

from catenary.errors import CatenaryError, CatenaryWarning, Damaged, InvalidInput, NotFound
from catenary.models import FAMILIES, Model, adopt, build, configure, load, save
from catenary.models.tensors import read_header, read_tensors
from tests.models.reference import VOCABULARY, token_ids
from tests.models.test_families import CONFIGS
from tests.models.test_model import TINY

QUERY = "bert.encoder.layer.1.attention.self.query.weight"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save(build(configure("bert", **TINY), "classify", labels=["a", "b"], seed=1), tmp_path)
    return tmp_path


def change_tensors(folder: Path, change: Callable[[dict[str, Tensor]], object]) -> None:
    tensors = {name: tensor.clone() for name, tensor in load_file(folder / "model.safetensors").items()}
    change(tensors)
    save_file(tensors, folder / "model.safetensors")


def change_settings(folder: Path, **changes: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def raw(header: object, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def test_a_missing_tensor(folder: Path) -> None:
    change_tensors(folder, lambda tensors: tensors.pop(QUERY))
    with pytest.raises(InvalidInput, match=QUERY) as caught:
        load(folder)
    assert "(32, 32)" in str(caught.value)


def test_a_tensor_too_many(folder: Path) -> None:
    change_tensors(
        folder, lambda tensors: tensors.update({"bert.encoder.layer.2.output.dense.bias": torch.zeros(32)})
    )
    with pytest.raises(InvalidInput, match=r"bert\.encoder\.layer\.2\.output\.dense\.bias"):
        load(folder)


def test_a_tensor_of_another_shape(folder: Path) -> None:
    change_tensors(folder, lambda tensors: tensors.update({QUERY: torch.zeros(32, 31)}))
    with pytest.raises(InvalidInput, match=QUERY) as caught:
        load(folder)
    assert "(32, 31)" in str(caught.value)
    assert "(32, 32)" in str(caught.value)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_are_none(number: float, folder: Path) -> None:
    change_tensors(folder, lambda tensors: tensors[QUERY].view(-1)[5].fill_(number))
    with pytest.raises(Damaged, match=QUERY):
        load(folder)


def test_huge_numbers_are_numbers(folder: Path) -> None:
    change_tensors(folder, lambda tensors: tensors[QUERY].fill_(3e38))
    load(folder)


@pytest.mark.parametrize("every", [True, False])
def test_numbers_that_need_a_scale(every: bool, folder: Path) -> None:
    def quantise(tensors: dict[str, Tensor]) -> None:
        for name in tensors if every else [QUERY]:
            tensors[name] = tensors[name].to(torch.float8_e4m3fn)

    change_tensors(folder, quantise)
    with pytest.raises(InvalidInput, match="bert" if every else QUERY) as caught:
        load(folder)
    assert "float8_e4m3fn" in str(caught.value)


def test_integers_where_numbers_should_be(folder: Path) -> None:
    change_tensors(folder, lambda tensors: tensors.update({QUERY: torch.zeros(32, 32, dtype=torch.int8)}))
    with pytest.raises(InvalidInput, match=QUERY):
        load(folder)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"model_type": "berrt"}, "bert"),
        ({"model_type": None}, "None"),
        ({"hidden_size": 33}, "multiple of num_attention_heads"),
        ({"hidden_size": "32"}, "hidden_size"),
        ({"hidden_size": 0}, "hidden_size"),
        ({"num_hidden_layers": 10**12}, "num_hidden_layers"),
        ({"num_attention_heads": -4}, "num_attention_heads"),
        ({"hidden_act": "quick_gelu"}, "quick_gelu"),
        ({"layer_norm_eps": "small"}, "norm_eps"),
        ({"position_embedding_type": "relative_key"}, "relative_key"),
        ({"is_decoder": True}, "is_decoder"),
        ({"id2label": {"0": "a", "7": "b"}}, "0"),
        ({"architectures": ["BertForNothing"]}, "BertForNothing"),
        ({"vocab_size": 62}, "word_embeddings"),
        ({"num_hidden_layers": 1 << 24}, "num_hidden_layers"),  # each of which would be laid out
        (
            {"hidden_size": 1 << 24, "num_attention_heads": 1, "id2label": None, "num_labels": 10**9},
            "num_labels",
        ),
        ({"pad_token_id": 10**30}, "pad_token_id"),
        ({"layer_norm_eps": float("nan")}, "norm_eps"),
        ({"initializer_range": float("inf")}, "initializer_range"),
        ({"num_hidden_layers": 3}, r"encoder\.layer\.2"),
    ],
)
def test_settings_that_cannot_be(changes: dict[str, Any], told: str, folder: Path) -> None:
    change_settings(folder, **changes)
    with pytest.raises(InvalidInput, match=told) as caught:
        load(folder)
    assert str(folder) in str(caught.value)


ABSURD = (
    *(None, True, -1, 0, 3, 1 << 24, 1 << 31, 10**30, 10**400, -0.5, 1e308, float("inf"), float("nan")),
    *("x", "", [], [1], [[]], {}, {"a": 1}),
)
FIRST = [variant for variant in CONFIGS if variant in FAMILIES] + [
    "llama, 3.1",
    "qwen2, yarn",
    "qwen2, window",
]


@settings(max_examples=250, deadline=None)
@given(data=st.data(), variant=st.sampled_from(FIRST), value=st.sampled_from(ABSURD))
def test_absurd_settings_are_refused_or_laid_out_at_once(
    data: st.DataObject, variant: str, value: Any
) -> None:
    """Our error, or a model without numbers; no hang, and no memory for what no file holds."""
    config = CONFIGS[variant]
    family, stored = FAMILIES[config.model_type], config.to_dict()
    for changed in (stored, stored.get("rope_parameters")):
        if changed:
            changed[data.draw(st.sampled_from(sorted(changed)))] = value
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CatenaryWarning)
            made = family.config_from(stored)
        with torch.device("meta"):
            Model(made, next(iter(family.heads)))
    except CatenaryError as error:
        assert str(error)


def test_tables_that_are_computed_are_bounded() -> None:
    """No tensor of a file would bound them."""
    marian = FAMILIES["marian"]
    with pytest.raises(InvalidInput, match="max_position_embeddings"):
        marian.configure(max_position_embeddings=1 << 20, hidden_size=1 << 10, num_attention_heads=2)
    with pytest.raises(InvalidInput, match="head_dim"):
        FAMILIES["qwen3"].configure(head_dim=1 << 20, num_attention_heads=1 << 10)
    with pytest.raises(InvalidInput, match="relative_buckets"):
        FAMILIES["t5"].configure(relative_max_distance=4)


def test_a_setting_that_we_do_not_know_is_said(folder: Path) -> None:
    change_settings(folder, shiny_new_attention=True)
    with pytest.warns(CatenaryWarning, match="shiny_new_attention"):
        load(folder)


def test_no_model_at_all(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        load(tmp_path / "nowhere")
    (tmp_path / "config.json").write_text("[1, 2")
    with pytest.raises(Damaged, match=r"config\.json"):
        load(tmp_path)
    (tmp_path / "config.json").write_text("[1, 2]")
    with pytest.raises(Damaged, match=r"config\.json"):
        load(tmp_path)


class Trap:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


def test_nothing_in_a_folder_is_executed(folder: Path) -> None:
    """Neither pickled weights nor code that config.json names."""
    sprung = folder / "sprung"
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Trap(sprung)))
    (folder / "modeling_trap.py").write_text(f"open({str(sprung)!r}, 'w')")
    change_settings(folder, auto_map={"AutoModel": "modeling_trap.Trap"})
    with pytest.raises(InvalidInput, match=r"pytorch_model\.bin"):
        load(folder)
    assert not sprung.exists()


def test_what_could_run_lies_beside_good_weights_untouched(folder: Path) -> None:
    sprung = folder / "sprung"
    for name in ("pytorch_model.bin", "training_args.bin", "optimizer.pt"):
        (folder / name).write_bytes(pickle.dumps(Trap(sprung)))
    for name in ("modeling_trap.py", "configuration_trap.py", "tokenization_trap.py", "__init__.py"):
        (folder / name).write_text(f"open({str(sprung)!r}, 'w')")
    traps = {"AutoConfig": "configuration_trap.Trap", "AutoModel": "modeling_trap.Trap"}
    change_settings(folder, auto_map=traps, trust_remote_code=True)
    with pytest.warns(CatenaryWarning, match="trust_remote_code"):
        assert load(folder).head_name == "classify"
    assert not sprung.exists()


@pytest.mark.parametrize("whole", [True, False])
def test_a_pickle_by_the_name_of_weights(whole: bool, folder: Path) -> None:
    sprung = folder / "sprung"
    pickled = pickle.dumps(Trap(sprung))
    if whole:
        (folder / "model.safetensors").write_bytes(pickled)
    else:
        (folder / "model.safetensors").unlink()
        (folder / "model.bin").write_bytes(pickled)
        index = {"metadata": {}, "weight_map": {QUERY: "model.bin"}}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(Damaged, match="model"):
        load(folder)
    assert not sprung.exists()


def test_a_tokenizer_that_does_not_fit(folder: Path) -> None:
    (folder / "tokenizer.json").write_text(
        json.dumps({"model": {"vocab": {"a": 0, "b": VOCABULARY - 1}}, "added_tokens": []})
    )
    load(folder)
    (folder / "tokenizer.json").write_text(
        json.dumps({"model": {"vocab": {"a": 0}}, "added_tokens": [{"id": VOCABULARY, "content": "x"}]})
    )
    with pytest.raises(InvalidInput, match=str(VOCABULARY)):
        load(folder)
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(Damaged, match="tokenizer"):
        load(folder)


HALF = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "0 bytes"),
        (b"\x08\x00", "2 bytes"),
        ((2**62).to_bytes(8, "little") + b"{}", str(2**62)),
        (raw(b"{not json"), "JSON"),
        (raw([]), "mapping"),
        (raw({"a": HALF}), "8"),  # no data
        (raw({"a": HALF}, bytes(12)), "12"),  # too much data
        (raw({"a": HALF, "b": {**HALF, "data_offsets": [4, 12]}}, bytes(12)), "b"),  # overlapping
        (raw({"a": HALF, "b": HALF}, bytes(8)), "b"),  # the same bytes
        (raw({"b": {**HALF, "data_offsets": [8, 16]}}, bytes(16)), "b"),  # a hole before
        (raw({"a": {**HALF, "shape": [3]}}, bytes(8)), "12 bytes"),
        (raw({"a": {**HALF, "shape": [-2]}}, bytes(8)), "-2"),
        (raw({"a": {**HALF, "shape": [2**40, 2**40]}}, bytes(8)), "a"),
        (raw({"a": {**HALF, "dtype": "F31"}}, bytes(8)), "F31"),
        (raw({"a": {"dtype": "F32"}}, bytes(8)), "a"),
        (raw({"a": 7}, bytes(8)), "a"),
        (raw({"a": {**HALF, "data_offsets": [0.0, 8.5]}}, bytes(8)), "8.5"),
        (raw(b"[" * 100_000), "JSON"),
        (
            raw(
                b'{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},'
                b' "a": {"dtype": "I32", "shape": [2], "data_offsets": [0, 8]}}',
                bytes(8),
            ),
            "'a' × 2",
        ),
    ],
)
def test_headers_that_lie(content: bytes, told: str, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(Damaged, match=told) as caught:
        read_header(path)
    assert str(path) in str(caught.value)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_file_is_refused_or_whole(data: st.DataObject, tmp_path: Path) -> None:
    """Cut or changed in its head: our error, or tensors that account for every byte."""
    path = tmp_path / "model.safetensors"
    save_file({"a": torch.ones(3, 2), "b": torch.zeros(4, dtype=torch.int64)}, path)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, 120))] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.sampled_from([len(content), len(content), 9, 60, len(content) - 1]))]
    path.write_bytes(bytes(content))
    try:
        tensors = read_tensors(path)
    except CatenaryError as error:
        assert str(error)
    else:
        assert sum(tensor.nbytes for tensor in tensors.values()) == 56


def split(folder: Path) -> dict[str, Any]:
    """The folder's weights in two shards; returns the index."""
    tensors = load_file(folder / "model.safetensors")
    names = sorted(tensors)
    parts = {"one.safetensors": names[::2], "two.safetensors": names[1::2]}
    for shard, part in parts.items():
        save_file({name: tensors[name] for name in part}, folder / shard)
    (folder / "model.safetensors").unlink()
    index = {"metadata": {}, "weight_map": {name: shard for shard, part in parts.items() for name in part}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return index


def test_shards_are_read_as_one(folder: Path) -> None:
    ids = token_ids()
    expected = load(folder)(ids).logits
    split(folder)
    assert torch.equal(load(folder)(ids).logits, expected)


def test_shards_that_disagree_with_their_index(folder: Path) -> None:
    index = split(folder)
    path = folder / "model.safetensors.index.json"
    path.write_text(json.dumps({"weight_map": index["weight_map"] | {"ghost": "one.safetensors"}}))
    with pytest.raises(Damaged, match="ghost"):
        load(folder)
    path.write_text(json.dumps({"weight_map": index["weight_map"] | {"a": "../../etc/passwd"}}))
    with pytest.raises(Damaged, match="outside"):
        load(folder)
    for torn in ("{}", "[]", '{"weight_map": []}', '{"weight_map": {"a": 7}}', '{"weight'):
        path.write_text(torn)
        for read in (load, lambda source: adopt(source, folder / "adopted")):
            with pytest.raises(Damaged, match="index"):
                read(folder)
    path.write_text(json.dumps(index))
    (folder / "two.safetensors").unlink()
    with pytest.raises(Damaged, match="two"):
        load(folder)


@pytest.mark.parametrize("head", ["clm", "seq2seq", "nothing"])
def test_a_head_that_the_family_lacks(head: Any, folder: Path) -> None:
    with pytest.raises(InvalidInput, match="classify"):
        load(folder, head, seed=1)


def test_labels_and_heads_that_do_not_fit() -> None:
    with pytest.raises(InvalidInput, match="classify"):
        build(configure("bert", **TINY), "classify", seed=1)
    with pytest.raises(InvalidInput, match="classify"):
        build(configure("bert", **TINY), "mlm", labels=["a"], seed=1)


def test_a_setting_that_configure_does_not_know() -> None:
    with pytest.raises(InvalidInput, match="hidden_size"):
        configure("bert", hiden_size=32)
    with pytest.raises(InvalidInput, match="bert"):
        configure("brt")
    with pytest.raises(InvalidInput, match="nano"):
        configure("bert", "tiny")
