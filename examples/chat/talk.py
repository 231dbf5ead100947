"""The dialogues of `chatterbot-corpus` (BSD) as conversations, one a line.

    python talk.py [english|chinese] > data/talk.jsonl

Speakers take turns: the first is the user, the second the assistant. A dialogue that ends with the user loses its last
line. What is no talk (code, support tickets, trivia) is left out.
"""

from __future__ import annotations

import json
import sys
from importlib.util import find_spec
from pathlib import Path

import yaml

LEFT_OUT = {"coding", "tech_support", "trivia", "botprofile"}


def main() -> None:
    language = sys.argv[1] if len(sys.argv) > 1 else "english"
    spec = find_spec("chatterbot_corpus")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("pip install chatterbot-corpus")
    folder = Path(spec.submodule_search_locations[0]) / "data" / language
    for path in sorted(folder.glob("*.yml")):
        if path.stem in LEFT_OUT:
            continue
        for lines in yaml.safe_load(path.read_text("utf-8"))["conversations"]:
            said = [" ".join(str(line).split()) for line in lines][: len(lines) // 2 * 2]
            messages = [
                {"role": ("user", "assistant")[number % 2], "content": line}
                for number, line in enumerate(said)
            ]
            if messages and all(message["content"] for message in messages):
                print(json.dumps({"messages": messages, "topic": path.stem}, ensure_ascii=False))  # noqa: T201


if __name__ == "__main__":
    main()
