"""What a generator promises, whichever engine it is."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM

from catenary.errors import Interrupted, InvalidInput
from catenary.inference import Constraint, GenerationSettings, Generator, load
from catenary.inference.generation import Piece, gathered
from catenary.inference.openvino import openvino_generator
from tests.inference.writers import write_writer

TEXTS = ["The chain hangs", "悬链是", "a", "two ends fixed between 两端"]
GREEDY = GenerationSettings(max_tokens=24)
ENGINES = ["torch", "openvino"]


@pytest.fixture(scope="module", autouse=True)
def kept_here(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CATENARY_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_writer(tmp_path_factory.mktemp("writer"))


@pytest.fixture(scope="module", params=ENGINES)
def writer(request: pytest.FixtureRequest, folder: Path) -> Any:
    if request.param == "openvino":  # float32 throughout, as the reference computes
        made: Generator = openvino_generator(folder, precision="f32", exact=True, cache_bytes=4 << 20)
    else:
        made = load(folder, "generate", engine=request.param)
    yield made
    made.close()


def reference(folder: Path, ids: list[int], **settings: Any) -> list[int]:
    """What `transformers` writes, without the end token."""
    kind = json.loads((folder / "config.json").read_text())["model_type"]
    writes = kind not in ("t5", "marian", "bart")
    model: Any = (AutoModelForCausalLM if writes else AutoModelForSeq2SeqLM).from_pretrained(folder).eval()
    config = transformers.GenerationConfig(
        max_new_tokens=24,
        do_sample=False,
        pad_token_id=2,
        eos_token_id=1,
        decoder_start_token_id=2,
        **settings,
    )
    told = model.generate(
        torch.tensor([ids]),
        attention_mask=torch.ones(1, len(ids), dtype=torch.long),
        generation_config=config,
    )[0].tolist()
    new = told[len(ids) :] if writes else told[1:]
    return new[: new.index(1)] if 1 in new else new


def test_greedy_texts_are_transformers(writer: Generator, folder: Path) -> None:
    for text, told in zip(TEXTS, writer.generate(TEXTS, GREEDY), strict=True):
        ids = writer.folder.read(text)
        assert list(told.choices[0].ids) == reference(folder, ids)
        assert told.text == writer.folder.tokenizer.decode(list(told.choices[0].ids))
        assert told.usage.prompt_tokens == len(ids)
        assert told.usage.completion_tokens == len(told.choices[0].ids)


@pytest.mark.parametrize("settings", [{"repetition_penalty": 1.7}, {"min_new_tokens": 20}])
def test_processors_are_transformers(writer: Generator, folder: Path, settings: dict[str, Any]) -> None:
    ours = {"min_tokens" if key == "min_new_tokens" else key: value for key, value in settings.items()}
    [told] = writer.generate(TEXTS[:1], GenerationSettings(max_tokens=24, **ours))
    assert list(told.choices[0].ids) == reference(folder, writer.folder.read(TEXTS[0]), **settings)


def test_a_stream_tells_what_generate_does(writer: Generator) -> None:
    settings = GenerationSettings(max_tokens=20, temperature=1.2, seed=5, n=2, logprobs=3)
    [whole] = writer.generate(TEXTS[1:2], settings)
    stream = writer.stream(TEXTS[1], settings)
    told = list(stream)
    for choice in whole.choices:
        assert "".join(one.text for one in told if one.choice == whole.choices.index(choice)) == choice.text
    assert stream.usage == whole.usage
    assert whole.choices[0].ids != whole.choices[1].ids


def test_poured_pieces_are_the_streams_and_several_answers_come_side_by_side(writer: Generator) -> None:
    settings = GenerationSettings(max_tokens=20, temperature=1.2, seed=5, n=2, min_tokens=20)
    told: list[Piece] = []
    with writer.stream(TEXTS[1], settings) as stream:
        stream.pour(told.append)
        usage = stream.usage
    assert gathered(told, usage) == gathered(list(writer.stream(TEXTS[1], settings)), usage)
    first = [piece.choice for piece in told].index(1)
    assert any(piece.choice == 0 for piece in told[first:])


def test_a_seed_draws_the_same_in_any_company(writer: Generator) -> None:
    settings = GenerationSettings(max_tokens=12, temperature=1.5, top_k=40, seed=7)
    alone = writer.generate(TEXTS[:1], settings)[0].text
    assert writer.generate(TEXTS, settings)[0].text == alone
    assert writer.generate(TEXTS[:1], settings)[0].text == alone


def test_logprobs_are_the_models_own(writer: Generator, folder: Path) -> None:
    [told] = writer.generate(TEXTS[:1], GenerationSettings(max_tokens=4, logprobs=2, logit_bias={50: 100.0}))
    ids = writer.folder.read(TEXTS[0])
    model: Any = AutoModelForCausalLM.from_pretrained(folder).eval()
    with torch.no_grad():
        logs = model(torch.tensor([ids])).logits[0, -1].log_softmax(-1)
    first = told.choices[0].logprobs[0]
    assert first.id == 50  # by its bias
    assert first.logprob == pytest.approx(logs[50].item(), abs=1e-3)
    best = logs.topk(2)
    assert [id for id, _, _ in first.top] == best.indices.tolist()
    np.testing.assert_allclose([logprob for _, _, logprob in first.top], best.values.numpy(), atol=1e-3)


def test_a_stop_text_ends_the_answer_and_is_not_told(writer: Generator) -> None:
    [whole] = writer.generate(TEXTS[:1], GREEDY)
    stop = whole.text[5:8]
    [told] = writer.generate(TEXTS[:1], GenerationSettings(max_tokens=24, stop=(stop, "never said")))
    assert told.text == whole.text[: whole.text.index(stop)]
    assert told.choices[0].stopped_by == stop
    assert told.choices[0].finish_reason == "stop"


def test_constraints_hold(writer: Generator) -> None:
    schema = {
        "type": "object",
        "properties": {"sure": {"type": "boolean"}, "kind": {"enum": ["链", "绳"]}},
        "required": ["sure", "kind"],
        "additionalProperties": False,
    }
    settings = GenerationSettings(max_tokens=40, constraint=Constraint("json_schema", json.dumps(schema)))
    [told] = writer.generate(TEXTS[:1], settings)
    assert json.loads(told.text)["kind"] in ("链", "绳")
    assert told.choices[0].finish_reason == "stop"
    regex = GenerationSettings(
        max_tokens=40, temperature=2.0, constraint=Constraint("regex", r"(是|否)[0-9]{3}")
    )
    [told] = writer.generate(TEXTS[1:2], regex)
    assert told.text[0] in "是否"
    assert told.text[1:].isdigit()
    assert len(told.text) == 4
    grammar = GenerationSettings(
        max_tokens=40, constraint=Constraint("grammar", 'start: "a" ("b" | "c") "d"')
    )
    assert writer.generate(["x"], grammar)[0].text in ("abd", "acd")


@pytest.mark.parametrize(
    "constraint",
    [
        Constraint("json_schema", "{"),
        Constraint("json_schema", '{"type": "nothing"}'),
        Constraint("regex", "(unclosed"),
        Constraint("regex", "(?<=a)b"),
        Constraint("grammar", "start: missing"),
        Constraint("regex", "a" * 70_000),
    ],
)
def test_constraints_that_are_wrong_or_too_much_are_refused(
    writer: Generator, constraint: Constraint
) -> None:
    with pytest.raises(InvalidInput):
        writer.generate(TEXTS[:1], GenerationSettings(constraint=constraint))


def test_cancelling_ends_at_once(writer: Generator) -> None:
    stream = writer.stream(TEXTS[0], GenerationSettings(max_tokens=60, min_tokens=60))
    told = [next(stream), next(stream)]
    stream.cancel()
    written = stream.usage.completion_tokens
    told += list(stream)
    assert told[-1].finish_reason == "cancelled"
    assert stream.usage.completion_tokens <= min(written + 1, 59)
    with pytest.raises(Interrupted):
        writer.generate(TEXTS, GREEDY, stop=lambda: True)


def test_cancelling_ends_a_pouring(writer: Generator) -> None:
    told: list[Piece] = []
    with writer.stream(TEXTS[0], GenerationSettings(max_tokens=64, min_tokens=64)) as stream:

        def hear(piece: Piece) -> None:
            told.append(piece)
            if len(told) == 3:
                stream.cancel()

        stream.pour(hear)
    assert told[-1].finish_reason == "cancelled"
    assert len(told) < 64


def test_what_cannot_be_answered_is_refused(writer: Generator) -> None:
    for prompt in ("", [], "好" * 97, [1, 999], "half \ud83d"):
        with pytest.raises(InvalidInput):
            writer.generate([prompt], GREEDY)
    with pytest.raises(InvalidInput, match="logit_bias"):
        writer.generate(["a"], GenerationSettings(logit_bias={300: 1.0}))


def test_an_answer_ends_where_the_model_has_no_more_places(writer: Generator) -> None:
    prompt = [10] * 90
    [told] = writer.generate([prompt], GenerationSettings(max_tokens=50, min_tokens=50))
    assert told.usage.completion_tokens == 6
    assert told.choices[0].finish_reason == "length"


@pytest.mark.parametrize("family", ["gpt2", "t5", "marian"])
def test_other_families_are_transformers_too(family: str, tmp_path: Path) -> None:
    folder = write_writer(tmp_path, family)
    writer = load(folder, "generate", engine="torch")
    for text, told in zip(TEXTS, writer.generate(TEXTS, GREEDY), strict=True):
        assert list(told.choices[0].ids) == reference(folder, writer.folder.read(text)), family


@pytest.mark.parametrize("family", ["llama", "marian"])
def test_beams_are_transformers(family: str, tmp_path: Path) -> None:
    folder = write_writer(tmp_path, family)
    writer = load(folder, "generate", engine="torch")
    ids = writer.folder.read(TEXTS[0])
    [told] = writer.generate([TEXTS[0]], GenerationSettings(max_tokens=24, beams=3))
    assert list(told.choices[0].ids) == reference(folder, ids, num_beams=3)
    [told] = writer.generate([TEXTS[0]], GenerationSettings(max_tokens=24, beams=3, no_repeat_ngram=2))
    answer = told.choices[0].ids
    assert len(set(pairwise(answer))) == len(answer) - 1
    with pytest.raises(InvalidInput, match="Beam"):
        writer.stream("a", GenerationSettings(beams=2))


def test_conversations_go_through_the_chat_template(folder: Path, tmp_path: Path) -> None:
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "chat_template.jinja").write_text(
        "{{ messages[0].content }}:{% if add_generation_prompt %}!{% endif %}"
    )
    writer = load(tmp_path, "generate", engine="torch")
    assert writer.folder.read([{"role": "user", "content": "好"}]) == writer.folder.read("好:!")
