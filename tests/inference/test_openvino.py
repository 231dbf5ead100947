"""OpenVINO's graphs answer as the trained models do, token for token, before their weights are made small."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
import torch

from catenary import models
from catenary.errors import InvalidInput
from catenary.inference import GenerationSettings, load
from catenary.inference.openvino import openvino_generator
from catenary.inference.openvino.convert import convert, graph_of, write_openvino
from catenary.inference.openvino.core import CORE
from catenary.inference.openvino.weights import matrix
from tests.inference.writers import write_reader, write_writer

VARIANTS: dict[str, dict[str, Any]] = {
    "gpt2": {},
    "llama": {"num_key_value_heads": 2},
    "llama-biased": {"attention_bias": True, "attention_output_bias": True, "mlp_bias": True},
    "llama-untied": {"tie_word_embeddings": False},
    "llama-yarn": {
        "rope_scaling": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 24}
    },
    "llama-llama3": {
        "rope_scaling": {"rope_type": "llama3", "factor": 8.0, "original_max_position_embeddings": 24}
    },
    "mistral": {"num_key_value_heads": 1, "sliding_window": 7},
    "qwen2": {"num_key_value_heads": 2},
    "qwen2-window": {"sliding_window": 5, "sliding_from_layer": 1},
    "qwen3": {"num_key_value_heads": 2, "head_dim": 16},
}
SIZES: dict[str, Any] = {
    "vocab_size": 300,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": 96,
    "initializer_range": 0.4,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "pad_token_id": 2,
}
PROMPTS = [[5, 6, 7], list(range(40, 80)), [9] * 33, [100, 200, 250, 30] * 5]


@pytest.fixture(autouse=True)
def kept_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CATENARY_CACHE", str(tmp_path / "cache"))


def written(folder: Path, variant: str) -> Path:
    return write_writer(folder, variant.split("-")[0], **VARIANTS[variant])


@pytest.mark.parametrize("variant", VARIANTS)
def test_greedy_answers_are_the_trained_models(variant: str, tmp_path: Path) -> None:
    """Sixteen answers in one batch over blocks, prompts in chunks, windows shorter than the texts."""
    folder = written(tmp_path / "model", variant)
    settings = GenerationSettings(max_tokens=40, min_tokens=40)
    trained = load(folder, "generate", engine="torch").generate(PROMPTS * 4, settings)
    writer = openvino_generator(folder, precision="f32", exact=True)
    served = writer.generate(PROMPTS * 4, settings)
    writer.close()
    for ours, theirs in zip(served, trained, strict=True):
        assert ours.choices[0].ids == theirs.choices[0].ids


@pytest.mark.parametrize("variant", ["llama", "gpt2", "mistral"])
def test_the_stateful_graph_alone_gives_the_models_logits(variant: str, tmp_path: Path) -> None:
    """As other OpenVINO programs run it: rows padded on the left, a state, one token more."""

    model = models.load(written(tmp_path / "model", variant))
    exact = {"INFERENCE_PRECISION_HINT": "f32", "KV_CACHE_PRECISION": "f32"}
    request = CORE.compile_model(graph_of(model, "f32"), "CPU", exact).create_infer_request()
    ids = np.array([[2, 2, 2, 8, 9, 11, 250, 33, 40, 41], [5, 6, 7, 8, 9, 11, 250, 33, 77, 78]])
    mask = np.ones_like(ids)
    mask[0, :3] = 0
    places = np.maximum(mask.cumsum(1) - 1, 0)
    told = []
    for some in (slice(0, 7), slice(7, 10)):
        fed = {
            "input_ids": ids[:, some],
            "attention_mask": mask[:, : some.stop],
            "position_ids": places[:, some],
            "beam_idx": np.arange(2, dtype=np.int32),
        }
        told.append(request.infer(fed)["logits"].copy())
    logits = np.concatenate(told, axis=1)
    with torch.no_grad():
        expected = model(
            torch.from_numpy(ids), torch.from_numpy(mask), position_ids=torch.from_numpy(places)
        ).logits.numpy()
    np.testing.assert_allclose(logits[0, 3:], expected[0, 3:], atol=1e-4)
    np.testing.assert_allclose(logits[1], expected[1], atol=1e-4)


@pytest.mark.parametrize("precision", ["int8", "int4"])
def test_small_weights_are_within_half_a_step(precision: Any) -> None:
    import openvino as ov
    import openvino.opset15 as ops

    weight = np.random.default_rng(1).normal(0, 0.1, (24, 64)).astype(np.float32)
    weight[3] = 0
    graph = ov.Model([ops.result(matrix(weight, precision))], [], "w")
    told = CORE.compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})([])[0]
    width = 64 if precision == "int8" else 32
    groups = weight.reshape(24, -1, width)
    if precision == "int8":  # from −127 to 127
        step = 2 * np.abs(groups).max(2) / 254
    else:
        step = (np.maximum(groups.max(2), 0) - np.minimum(groups.min(2), 0)) / 15
    assert (np.abs(told - weight).reshape(24, -1, width) <= step[..., None] * 0.51 + 1e-3 * 0.5).all()


def test_equal_beginnings_are_read_once(tmp_path: Path) -> None:
    writer = openvino_generator(written(tmp_path / "model", "llama"), precision="f32", exact=True)
    beginning = list(range(10, 80))
    [first] = writer.generate([[*beginning, 5]], GenerationSettings(max_tokens=4))
    [second] = writer.generate([[*beginning, 5]], GenerationSettings(max_tokens=4, n=3))
    writer.close()
    assert first.usage.cached_tokens == 0
    assert second.usage.cached_tokens == 64
    assert {choice.ids for choice in second.choices} == {first.choices[0].ids}


def test_more_answers_than_the_cache_holds_wait_in_line(tmp_path: Path) -> None:
    folder = written(tmp_path / "model", "llama")
    settings = GenerationSettings(max_tokens=30, min_tokens=30)
    wide = openvino_generator(folder, precision="f32", exact=True)
    prompts = [[number + 5] * 20 for number in range(12)]
    expected = wide.generate(prompts, settings)
    wide.close()
    narrow = openvino_generator(folder, precision="f32", exact=True, cache_bytes=2 * 8192)
    told: list[Any] = [None] * 12

    def ask(number: int) -> None:
        [told[number]] = narrow.generate([prompts[number]], settings)

    threads = [Thread(target=ask, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [one.text for one in told] == [one.text for one in expected]
    with pytest.raises(InvalidInput, match="cache"):
        narrow.generate([[5] * 60], GenerationSettings(max_tokens=30))
    narrow.close()


@pytest.mark.parametrize("variant", ["llama", "mistral"])
def test_an_echo_tells_what_the_trained_model_thinks_of_the_prompt(variant: str, tmp_path: Path) -> None:
    """Also of a prompt whose beginning was read before, and of one that is read in chunks."""
    folder = written(tmp_path / "model", variant)
    prompts = [PROMPTS[1], PROMPTS[3], PROMPTS[1]]
    writer = openvino_generator(folder, precision="f32", exact=True)
    told = writer.generate(prompts, GenerationSettings(max_tokens=2, logprobs=2, echo=True))
    [plain] = writer.generate(prompts[:1], GenerationSettings(max_tokens=2, logprobs=2))
    writer.close()
    model = models.load(folder)
    for prompt, one in zip(prompts, told, strict=True):
        [choice] = one.choices
        assert len(choice.logprobs) == len(prompt) + len(choice.ids)
        assert [each.id for each in choice.logprobs[: len(prompt)]] == list(prompt)
        assert choice.logprobs[0].logprob is None
        with torch.no_grad():
            logs_TV = model(torch.tensor([list(prompt)])).logits[0].log_softmax(-1)
        for at, each in enumerate(choice.logprobs[1 : len(prompt)]):
            assert each.logprob == pytest.approx(logs_TV[at, each.id].item(), abs=1e-3)
            assert each.top[0][0] == int(logs_TV[at].argmax())
    assert told[0].choices[0].ids == plain.choices[0].ids
    assert told[0].text.endswith(plain.text)
    assert told[0].usage.completion_tokens == 2
    by_torch = load(folder, "generate", engine="torch").generate(
        prompts, GenerationSettings(max_tokens=2, logprobs=2, echo=True)
    )
    for one, other in zip(told, by_torch, strict=True):
        assert one.text == other.text
        for each, same in zip(one.choices[0].logprobs[1:], other.choices[0].logprobs[1:], strict=True):
            assert each.logprob == pytest.approx(same.logprob, abs=1e-3)
    pairs = load(write_writer(tmp_path / "pairs", "t5"), "generate", engine="torch")
    with pytest.raises(InvalidInput, match="no log probabilities of a prompt"):
        pairs.generate(prompts, GenerationSettings(logprobs=1, echo=True))


def test_guesses_change_no_answer(tmp_path: Path) -> None:
    folder = written(tmp_path / "model", "qwen3")
    settings = GenerationSettings(max_tokens=60, min_tokens=60)
    prompts = [[7, 8, 9, 10, 11, 12] * 5, [50, 51] * 8]
    expected = load(folder, "generate", engine="torch").generate(prompts, settings)
    writer = openvino_generator(folder, precision="f32", exact=True)  # which guesses
    for prompt, theirs in zip(prompts, expected, strict=True):
        assert writer.generate([prompt], settings)[0].choices[0].ids == theirs.choices[0].ids
    writer.close()


def test_serving_a_converted_model_loads_no_torch(tmp_path: Path) -> None:
    source = written(tmp_path / "source", "llama")
    folder = tmp_path / "served"
    folder.mkdir()
    convert(source, folder)
    code = (
        "import sys; from pathlib import Path\n"
        "from catenary.inference import GenerationSettings, load\n"
        f"writer = load(Path({str(folder)!r}), 'generate')\n"
        "assert len(writer.generate(['悬链'], GenerationSettings(max_tokens=3, min_tokens=3))[0].choices[0].ids) == 3\n"
        "writer.close()\n"
        "heavy = {'torch', 'transformers', 'onnx', 'fastapi', 'pyarrow', 'nncf'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


INTERRUPTED = """
import gc, signal, sys, threading
from pathlib import Path
from catenary.inference import load

held = [load(Path(sys.argv[1]), "embed", engine="openvino")]
held[0].embed(["a chain"])

def let_go():
    held.clear()
    gc.collect()

thread = threading.Thread(target=let_go)
thread.start()
thread.join()
try:
    signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt:
    print("heard")
"""


def test_a_signal_is_heard_after_a_model_was_let_go_on_another_thread(tmp_path: Path) -> None:
    folder = write_reader(tmp_path / "vectors", "embed")
    told = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, str(folder)], capture_output=True, text=True, check=False
    )
    assert (told.returncode, told.stdout) == (0, "heard\n"), told.stderr


def test_a_conversion_is_made_once_and_kept(tmp_path: Path) -> None:
    folder = written(tmp_path / "model", "gpt2")
    for _ in range(2):
        load(folder, "generate", engine="openvino").close()
    assert len(list((tmp_path / "cache" / "openvino").iterdir())) == 1


def test_the_same_model_gives_the_same_files(tmp_path: Path) -> None:
    model = models.load(written(tmp_path / "model", "llama"))
    told = []
    for name in "ab":
        (tmp_path / name).mkdir()
        write_openvino(model, tmp_path / name)
        told.append({file.name: file.read_bytes() for file in (tmp_path / name).iterdir()})
    assert told[0] == told[1]


SEQ2SEQ: dict[str, dict[str, Any]] = {
    "t5": {},
    "t5-gated": {
        "gated": True,
        "activation": "gelu_tanh",
        "tie_word_embeddings": False,
        "logits_scaled": False,
    },
    "marian": {},
    "bart": {},
    "bart-shallow": {"num_decoder_layers": 1},
}


@pytest.mark.parametrize("variant", SEQ2SEQ)
def test_an_encoder_decoders_answers_are_the_trained_models(variant: str, tmp_path: Path) -> None:
    """Texts of different lengths in one batch, some answers ending before others; greedy and with beams."""
    folder = write_writer(tmp_path / "model", variant.split("-")[0], **SEQ2SEQ[variant])
    torch_writer = load(folder, "generate", engine="torch")
    writer = openvino_generator(folder, precision="f32", exact=True)
    for settings in (GenerationSettings(max_tokens=30), GenerationSettings(max_tokens=20, beams=3)):
        trained = torch_writer.generate(PROMPTS, settings)
        served = writer.generate(PROMPTS, settings)
        assert [one.choices[0].ids for one in served] == [one.choices[0].ids for one in trained]
    writer.close()


@pytest.mark.parametrize("variant", ["gpt2", "mistral"])
def test_beams_are_the_trained_models(variant: str, tmp_path: Path) -> None:
    folder = written(tmp_path / "model", variant)
    settings = GenerationSettings(max_tokens=20, beams=4, length_penalty=0.7)
    trained = load(folder, "generate", engine="torch").generate(PROMPTS[:2], settings)
    writer = openvino_generator(folder, precision="f32", exact=True)
    served = writer.generate(PROMPTS[:2], settings)
    writer.close()
    assert [one.choices[0].ids for one in served] == [one.choices[0].ids for one in trained]


READERS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "bert": ("bert", "classify", {}),
    "bert-tags": ("bert", "tag", {}),
    "bert-spans": ("bert", "span", {}),
    "bert-vectors": ("bert", "embed", {}),
    "roberta": ("roberta", "classify", {}),
    "roberta-first": ("roberta", "embed", {"embedding_pooling": "first"}),
    "t5-vectors": ("t5", "embed", {}),
    "t5-tags": ("t5", "tag", {}),
    "gpt2": ("gpt2", "classify", {}),
    "mistral-window": ("mistral", "classify", {"sliding_window": 5, "num_key_value_heads": 1}),
    "qwen3-last": ("qwen3", "embed", {"embedding_pooling": "last", "head_dim": 16, "num_key_value_heads": 2}),
}


@pytest.mark.parametrize("variant", READERS)
def test_what_reads_gives_the_trained_models_numbers(variant: str) -> None:
    """Every family with a head that reads: a batch of three lengths, padded."""

    family, head, settings = READERS[variant]
    config = models.configure(
        family, **{**SIZES, **({"decoder_start_token_id": 2} if family == "t5" else {}), **settings}
    )
    labels = ["a", "b", "c"] if head in ("classify", "tag") else None
    model = models.build(config, head, labels=labels, seed=3).eval()  # type: ignore[arg-type]
    ids = np.random.default_rng(1).integers(3, 300, (3, 40))
    mask = np.ones_like(ids)
    for row, length in ((1, 25), (2, 7)):
        mask[row, length:], ids[row, length:] = 0, 2
    with torch.inference_mode():
        expected = model(torch.from_numpy(ids), torch.from_numpy(mask)).logits.numpy()
    compiled = CORE.compile_model(graph_of(model, "f32"), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    told = compiled({"input_ids": ids, "attention_mask": mask})[0]
    real = mask.astype(bool) if told.ndim == 3 else slice(None)
    np.testing.assert_allclose(told[real], expected[real], atol=1e-4)


def test_the_fast_paths_of_reading_answer_as_torch_does(tmp_path: Path) -> None:
    texts = ["悬链是两端固定的链。", "a", "The chain hangs between two ends. " * 3, "好"] * 3
    labelled = write_reader(tmp_path / "labelled", "classify")
    trained, served = (load(labelled, engine=engine).classify(texts) for engine in ("torch", "openvino"))
    assert [one.label for one in served] == [one.label for one in trained]
    assert [one.tokens for one in served] == [one.tokens for one in trained]
    embedding = write_reader(tmp_path / "embedding", "embed")
    theirs, ours = (load(embedding, "embed", engine=engine).embed(texts) for engine in ("torch", "openvino"))
    assert (np.sum(theirs.vectors * ours.vectors, axis=1) > 0.99).all()
    assert ours.tokens == theirs.tokens
