"""Writers in a chain: memories, encoder–decoders, chat models, adapters, students, and how good they are."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from catenary.chain.plan import plan
from catenary.chain.run import run
from catenary.chain.spec import load
from catenary.config import Home
from catenary.errors import InvalidInput
from catenary.inference import GenerationSettings
from catenary.inference import load as load_writer
from catenary.models import is_adapter
from catenary.models import load as load_model
from catenary.stages import STAGES
from catenary.stages.answers import source_rows
from catenary.store import Store
from tests.chain.craft import Quiet

SHAPE = "hidden_size: 32, num_hidden_layers: 1, num_attention_heads: 2, intermediate_size: 64"
CHAIN = f"""\
schema: 1
project: {{name: writers, languages: [zh]}}
sources:
  pairs: {{path: data, files: [pairs.jsonl], format: jsonl, licence: MIT}}
  talks: {{path: data, files: [talks.jsonl], format: jsonl, licence: MIT}}
  votes: {{path: data, files: [votes.jsonl], format: jsonl, licence: MIT}}
datasets:
  pairs: {{from: [pairs], steps: [normalise], split: {{valid: 0.1, test: 0.1, seed: 1}}}}
  talks: {{from: [talks], steps: [normalise], split: {{valid: 0.1, test: 0.1, seed: 1}}}}
  votes: {{from: [votes], steps: [normalise], split: {{valid: 0.1, seed: 1}}}}
tokenizers:
  zh: {{from: pairs, kind: char, vocab_size: 100}}
models:
  memory: {{family: memory, task: translate, from: pairs}}
  mt: {{family: marian, objective: translate, from: pairs, tokenizer: zh, {SHAPE}, steps: 400, learning_rate: 0.005}}
  tuned: {{init: mt, task: translate, from: pairs, steps: 5}}
  student: {{init: mt, task: translate, from: pairs, steps: 5, teacher: tuned, from_samples: true, max_new_tokens: 8}}
  spans: {{family: t5, objective: span, from: pairs, tokenizer: zh, {SHAPE}, steps: 5}}
  noise: {{family: bart, objective: denoise, from: pairs, tokenizer: zh, {SHAPE}, steps: 5}}
  copier: {{family: t5, objective: copy, from: pairs, tokenizer: zh, {SHAPE}, steps: 5}}
  edits: {{init: copier, task: translate, from: pairs, memory: memory, steps: 5}}
  echo: {{family: memory, task: chat, from: talks}}
  base: {{family: llama, from: pairs, tokenizer: zh, {SHAPE}, steps: 20, batch_tokens: 512}}
  helper: {{init: base, task: chat, from: talks, steps: 60, learning_rate: 0.01}}
  light: {{init: helper, task: chat, from: talks, steps: 10, adapter: {{lora: {{rank: 2, targets: [q_proj, v_proj]}}}}}}
  pupil: {{init: base, task: chat, from: talks, steps: 5, teacher: light}}
  small: {{init: base, task: distil, from: pairs, steps: 5, teacher: helper}}
  polite: {{init: light, task: preference, from: votes, steps: 5}}
evaluations:
  prose: {{of: [memory, mt, student, edits], on: pairs.test, metrics: [bleu, chrf], beams: 2, max_new_tokens: 8}}
  replies: {{of: [echo, light], on: talks.test, metrics: [chrf], max_new_tokens: 8}}
  quiz: {{of: [base, helper], task: quiz.yaml, shots: [0, 2]}}
  likely: {{of: [base, helper, light], on: talks.test, metrics: [reply_perplexity], control: base}}
releases:
  light:
    from: light
    quantise: none
    formats: [safetensors]
    gates: [{{metric: likely.light.reply_perplexity, better_than: likely.base.reply_perplexity}}, {{licences: [MIT]}}]
  served: {{from: light, quantise: int8, formats: [openvino], gates: [{{parity: 0.9}}]}}
  looked: {{from: edits, quantise: int8, formats: [openvino], gates: [{{parity: 0.1}}]}}
  translated: {{from: mt, quantise: int8, formats: [openvino], gates: [{{parity: 0.9}}]}}
"""


def chain(folder: Path, text: str = CHAIN) -> Path:
    random = np.random.default_rng(0)
    words = ["".join(random.choice(list("春夏秋冬风花雪月山水云雨"), 4)) for _ in range(300)]
    rows = {
        "pairs": [{"source": word, "target": word[0] * 2} for word in words],
        "talks": [
            {"messages": [{"role": "user", "content": word}, {"role": "assistant", "content": word[0] * 2}]}
            for word in words
        ],
        "votes": [{"prompt": word, "chosen": word[0] * 2, "rejected": word} for word in words],
    }
    (folder / "data").mkdir(parents=True, exist_ok=True)
    for name, told in rows.items():
        lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in told)
        (folder / f"data/{name}.jsonl").write_text("".join(lines), "utf-8")
    quiz = [
        f'  - {{"text": "{word}", "right": "{word[0] * 2}", "wrong": "{word[1] * 2}"}}' for word in words[:20]
    ]
    head = ["kind: choice", 'prompt: "{text}"', 'choices: ["{right}", "{wrong}"]', "answer: right", "items:"]
    (folder / "quiz.yaml").write_text("\n".join([*head, *quiz]), "utf-8")
    path = folder / "catenary.yaml"
    path.write_text(text, "utf-8")
    return path


@pytest.mark.slow
def test_writers_are_trained_and_measured_beside_their_controls(tmp_path: Path) -> None:
    loaded = load(chain(tmp_path), STAGES)
    with Store.open(Home.of(tmp_path, {})) as store:
        done = run(plan(loaded, store), store, Quiet())
        made = {one.step.link.full_name: one.artifact for one in done}
        assert not store.verify()

    reports = {name: artifact.manifest.report for name, artifact in made.items()}
    prose = reports["evaluations.prose"]
    assert prose["control"] == "memory"
    outcomes = {(one["first"], one["second"], one["metric"]): one["outcome"] for one in prose["comparisons"]}
    assert outcomes["mt", "memory", "chrf"] == "better"
    likely = reports["evaluations.likely"]["metrics"]
    assert likely["helper"]["reply_perplexity"]["value"] < likely["base"]["reply_perplexity"]["value"]
    assert is_adapter(made["models.light"].path)
    assert made["models.light"].manifest.size < made["models.helper"].manifest.size
    assert not is_adapter(made["models.polite"].path)
    released = load_model(made["releases.light"].path)  # the adapter is in it
    assert not [name for name in released.state_dict() if "lora" in name]
    assert (made["releases.light"].path / "chat_template.jinja").is_file()
    assert reports["releases.light"]["outcome"] == "passed"
    served = made["releases.served"].path
    assert not list(served.glob("*.safetensors"))
    gate = reports["releases.served"]["gates"][0]
    assert gate["outcome"] == "passed"
    assert gate["evidence"]["n"] > 100
    translated = reports["releases.translated"]["gates"][0]
    assert translated["outcome"] == "passed"
    assert translated["evidence"]["n"] > 30
    assert translated["evidence"]["agreement"] > 0.9
    writer = load_writer(made["releases.translated"].path, "generate")
    [told] = writer.generate(["春夏秋冬"], GenerationSettings(max_tokens=8))
    writer.close()
    assert told.usage.completion_tokens
    writer = load_writer(served, "generate")
    [told] = writer.generate([[{"role": "user", "content": "春夏秋冬"}]], GenerationSettings(max_tokens=8))
    writer.close()
    assert told.usage.completion_tokens
    folder = made["releases.looked"].path
    writer = load_writer(folder, "generate")
    [told] = writer.generate(["春夏秋冬"], GenerationSettings(max_tokens=8))
    writer.close()
    [row] = source_rows(load_model(made["models.edits"].path).config, folder, ["春夏秋冬"])
    assert (
        told.usage.prompt_tokens == len(row) == 4 + 1 + 4 + 1 + 2 + 1
    )  # the source, the nearest one, its target
    assert reports["models.small"]["valid"]["perplexity"] > 1
    assert "⟦" in (made["models.helper"].path / "first_batch.md").read_text("utf-8")
    samples = (made["models.student"].path / "samples.jsonl").read_text("utf-8").splitlines()
    assert len(samples) == reports["models.student"]["documents"]
    assert (made["evaluations.prose"].path / "zh" / "report.html").is_file()
    quiz = reports["evaluations.quiz"]
    assert set(quiz["shots"]) == {"0", "2"}
    assert quiz["shots"]["2"] == quiz["metrics"]
    assert (made["evaluations.quiz"].path / "few-shot/en/few-shot.svg").is_file()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("metrics: [chrf]", "metrics: [chrf, accuracy]", "one kind"),
        ("from_samples: true, max", "from_samples: true, maxi", "maxi"),
        ("teacher: tuned, from_samples", "from_samples", "teacher"),
        ("objective: denoise", "objective: denoise, span: {}", "another objective"),
        ("rank: 2", "rank: 0", "rank"),
        ("quantise: none", "quantise: int8", "as it was trained"),
        ("{licences: [MIT]}", "{parity: 0.9}", "parity"),
        (
            "from: mt, quantise: int8, formats: [openvino]",
            "from: mt, quantise: int8, formats: [gguf]",
            "encoder–decoder",
        ),
    ],
)
def test_what_does_not_fit_is_refused_with_its_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in CHAIN
    with pytest.raises(InvalidInput, match=message) as caught:
        load(chain(tmp_path, CHAIN.replace(old, new)), STAGES)
    assert "catenary.yaml" in str(caught.value.where)
