"""An engine that is slow, can be stopped, and fails where it is told to: `python -m tests.serve.slow_engine <log>`.

It speaks the real worker's protocol. A classifier takes 50 ms a text; a writer says "word" over and over, 20 ms each,
and dies at the prompt "die" after three; at "pause" it is silent for a while after the first.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from catenary.errors import Interrupted, InvalidInput, NotFound
from catenary.inference import Scores, Stop, never
from catenary.inference.port import go_on
from catenary.inference.process.worker import Cancel, Tell, Work, classifying, serve


class SlowClassifier:
    labels = ("yes", "no")

    def __init__(self, log: Path) -> None:
        self._log = log
        log.touch()

    def classify(self, texts: Sequence[str], *, stop: Stop = never) -> list[Scores]:
        told = []
        for text in texts:
            try:
                go_on(stop)
            except Exception:
                self.note("stopped")
                raise
            if text == "crash":
                raise RuntimeError("secret inner words")
            if text == "lost":
                raise NotFound("A file is gone.", where="/secret/path")
            if text == "die":
                os._exit(9)
            time.sleep(0.05)
            told.append(Scores({"yes": 0.75, "no": 0.25}, tokens=len(text), truncated=False))
        self.note("done")
        return told

    def note(self, event: str) -> None:
        with self._log.open("a") as file:
            file.write(event + "\n")


def _said(prompt: Any) -> str:
    return prompt if isinstance(prompt, str) else prompt[-1]["content"]


def slow_writing(log: SlowClassifier) -> Work:
    def write(request: Mapping[str, Any], tell: Tell, stop: Cancel) -> dict[str, int]:
        said = [_said(prompt) for prompt in request["prompts"]]
        most = request["settings"]["max_tokens"]
        if said[0] == "long":
            raise InvalidInput("This prompt leaves the model no room for an answer.", got="9 tokens")
        tell("began", len(said[0]))
        for number, text in enumerate(_words(said, most)):
            if stop.is_set():
                log.note("stopped")
                raise Interrupted("The writing was stopped before its end.")
            if said[0] == "die" and number == 3:
                os._exit(9)
            if said[0] == "crash" and number == 3:
                raise RuntimeError("secret inner words")
            if said[0] == "pause" and number == 1:
                time.sleep(2)
            if said[0] != "quick":
                time.sleep(0.02)
            last = number == most - 1
            text = said[0].removeprefix("say ") if said[0].startswith("say ") and number == 0 else text
            tell("piece", [0, text, 1, None, "length" if last else None])
        log.note("done")
        return {"prompt_tokens": len(said[0]), "completion_tokens": most, "cached_tokens": 0}

    return write


def _words(said: Sequence[str], most: int) -> Iterator[str]:
    yield from ("word " for _ in range(most))


if __name__ == "__main__":
    slow = SlowClassifier(Path(sys.argv[1]))
    serve(
        lambda: ({"classify": classifying(slow), "write": slow_writing(slow)}, {"labels": ["yes", "no"]}, 160)
    )
