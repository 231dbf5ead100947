"""The tokenizer and the chat template that a GGUF file carries, as the files of a Hugging Face folder.

    >>> unpack_gguf("SmolLM2-135M-Instruct.Q4_1.gguf", "smol")  # doctest: +SKIP

Byte-level BPE only (llama.cpp calls it "gpt2"): GPT-2, Llama 3, SmolLM, Qwen. How texts are cut into words before
merges apply is known by a name, `tokenizer.ggml.pre`; the patterns are those of the models' own tokenizer.json.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeGuard

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

from catenary.errors import InvalidInput
from catenary.files import make_folder, write_whole
from catenary.models.gguf_file import GgufFile, read_gguf
from catenary.models.hub import load, save, write_json

CONTROL, USER_DEFINED = 3, 4  # llama.cpp's token types
LLAMA3_WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN_WORDS = LLAMA3_WORDS.replace(r"\p{N}{1,3}", r"\p{N}")


def unpack_gguf(path: Path | str, folder: Path | str) -> None:
    """Write the model, tokenizer, chat template and generation settings of a GGUF file as a Hugging Face folder.

    Raises InvalidInput for a tokenizer or an architecture that we do not have, Damaged for a file that does not hold.
    """
    file, folder = read_gguf(Path(path)), Path(folder)
    tokenizer = read_tokenizer(file)
    make_folder(folder)
    save(load(path), folder)
    write_whole(folder / "tokenizer.json", tokenizer.to_str(pretty=True).encode("utf-8"))
    ids = {name: _token_id(file, tokenizer, name) for name in ("bos", "eos", "unknown", "padding")}
    names = {"bos": "bos_token", "eos": "eos_token", "unknown": "unk_token", "padding": "pad_token"}
    tokens = {
        names[name]: tokenizer.id_to_token(number) for name, number in ids.items() if number is not None
    }
    write_json({"tokenizer_class": "PreTrainedTokenizerFast", **tokens}, folder / "tokenizer_config.json")
    generation = {"bos_token_id": ids["bos"], "eos_token_id": ids["eos"], "pad_token_id": ids["padding"]}
    write_json(
        {key: value for key, value in generation.items() if value is not None},
        folder / "generation_config.json",
    )
    template = file.settings.get("tokenizer.chat_template")
    if isinstance(template, str) and template:
        write_whole(folder / "chat_template.jinja", template.encode("utf-8"))


def _token_id(file: GgufFile, tokenizer: Tokenizer, name: str) -> int | None:
    """The id of a token with a part to play; InvalidInput where there is no such token."""
    key = f"tokenizer.ggml.{name}_token_id"
    number = file.settings.get(key)
    if number is None:
        return None
    size = tokenizer.get_vocab_size()
    if not isinstance(number, int) or not 0 <= number < size:
        raise InvalidInput(
            "The model setting {key} cannot be used.",
            key=key,
            where=str(file.path),
            got=str(number)[:200],
            expected="0 to {last}",
            last=size - 1,
        )
    return number


def read_tokenizer(file: GgufFile) -> Tokenizer:
    """The tokenizer of a GGUF file. InvalidInput names the setting that we cannot honour."""
    kind = file.settings.get("tokenizer.ggml.model")
    tokens = file.settings.get("tokenizer.ggml.tokens")
    merges = file.settings.get("tokenizer.ggml.merges")
    types = file.settings.get("tokenizer.ggml.token_type")
    types = types if isinstance(types, list | memoryview) else []
    if kind != "gpt2" or not _texts(tokens) or not _texts(merges):
        raise InvalidInput(
            "This GGUF file's tokenizer is not supported.",
            where=str(file.path),
            got=f"tokenizer.ggml.model: {kind!r}",
            expected="byte-level BPE (gpt2) with tokens and merges",
        )
    words = _words(file)
    pairs: list[Any] = [tuple(merge.split(" ")) for merge in merges]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    unknown = next(
        (merge for merge in pairs if len(merge) != 2 or not vocabulary.keys() >= {*merge, "".join(merge)}),
        None,
    )
    if unknown is not None or len(vocabulary) != len(tokens):
        raise InvalidInput(
            "The merges and tokens of this GGUF file do not fit.",
            where=str(file.path),
            got=repr(unknown) if unknown else "tokens that stand twice",
            expected="pairs that make a token, each token once",
        )
    whole_words_first = file.settings.get("tokenizer.ggml.pre") in ("llama-bpe", "llama3", "llama-v3")
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=pairs, ignore_merges=whole_words_first))
    if file.settings.get("tokenizer.ggml.pre") == "qwen2":
        tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = words
    tokenizer.decoder = decoders.ByteLevel()
    added = [
        (token, kind) for token, kind in zip(tokens, types, strict=False) if kind in (CONTROL, USER_DEFINED)
    ]
    tokenizer.add_tokens([AddedToken(t, special=kind == CONTROL, normalized=False) for t, kind in added])
    return tokenizer


def _words(file: GgufFile) -> Any:
    """How texts are cut before merges apply."""
    of_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    gpt2 = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)

    def cut(pattern: str) -> Any:
        split = pre_tokenizers.Split(Regex(pattern), behavior="isolated")
        return pre_tokenizers.Sequence([split, of_bytes])

    known = {
        "gpt-2": gpt2,
        "smollm": pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), gpt2]),
        "qwen2": cut(QWEN_WORDS),
        "llama-bpe": cut(LLAMA3_WORDS),
        "llama3": cut(LLAMA3_WORDS),
        "llama-v3": cut(LLAMA3_WORDS),
    }
    name = file.settings.get("tokenizer.ggml.pre", "gpt-2")
    if not isinstance(name, str) or name not in known:
        raise InvalidInput(
            "This GGUF file's tokenizer is not supported.",
            where=str(file.path),
            got=f"tokenizer.ggml.pre: {name!r}",
            expected="{names}",
            names=" / ".join(known),
        )
    return known[name]


def _texts(value: object) -> TypeGuard[list[str]]:
    return isinstance(value, list) and bool(value) and all(isinstance(item, str) for item in value)
