"""The child: opens one engine, answers requests from threads, and ends when its parent does.

The life of a request here: its message is read, a thread runs it on the engine, what it tells goes into one outbox, and
a writer sends all that has come together. `cancel` stops it within a step. A fault in one request is told to that
request; a fault in the process ends it, and the parent starts another.
"""

from __future__ import annotations

import base64
import json
import os
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Lock, Thread
from typing import IO, Any

from catenary.errors import CatenaryError, Interrupted
from catenary.inference.generation import Piece, gathered
from catenary.inference.port import Classifier, Embedder, Generator, Paced
from catenary.inference.process import wire
from catenary.inference.process.settings import choice_json, piece_json, refusal, settings_of

Tell = Callable[[str, Any], None]
Work = Callable[[Mapping[str, Any], Tell, "Cancel"], Any]
WRITERS = 160  # requests in hand at once; the gateway's queue is smaller
PIECES_PER_SECOND = 160.0  # of all streams together; ten a second of each where 16 are written


class Cancel:
    """Whether a request was cancelled, and who wants to hear of it at once, from another thread."""

    def __init__(self) -> None:
        self._event, self._lock = Event(), Lock()
        self._told: list[Callable[[], None]] = []

    def set(self) -> None:
        with self._lock:
            self._event.set()
            told, self._told = self._told, []
        for one in told:
            one()

    def is_set(self) -> bool:
        return self._event.is_set()

    def tell(self, one: Callable[[], None]) -> None:
        """Call `one` on cancellation; at once where that has been."""
        with self._lock:
            if not self._event.is_set():
                self._told.append(one)
                return
        one()


class Worker:
    """Requests of one pipe, answered by `works` (`do` → function)."""

    def __init__(self, works: Mapping[str, Work], facts: Mapping[str, Any], *, threads: int) -> None:
        self._works, self._facts = works, facts
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="request")
        self._stops: dict[int, Cancel] = {}
        self._outbox: SimpleQueue[list[Any]] = SimpleQueue()
        self._lock = Lock()

    def run(self, requests: IO[bytes], answers: IO[bytes]) -> None:
        """Serve until the parent closes the pipe; then end the process at once, whatever is being done."""
        Thread(target=self._send, args=(answers,), daemon=True).start()
        self._outbox.put([0, "ready", dict(self._facts)])
        while (request := wire.read(requests)) is not None:
            number = request["id"]
            if request["do"] == "cancel":
                with self._lock:
                    stop = self._stops.get(number)
                if stop is not None:
                    stop.set()
                continue
            stop = Cancel()
            with self._lock:
                self._stops[number] = stop
            self._pool.submit(self._answer, number, request, stop)
        os._exit(0)

    def _answer(self, number: int, request: Mapping[str, Any], stop: Cancel) -> None:
        def tell(kind: str, value: Any) -> None:
            self._outbox.put([number, kind, value])

        try:
            if stop.is_set():
                raise Interrupted("The work was stopped before its end.")
            told = self._works[request["do"]](request, tell, stop)
        except BaseException as error:
            failed = refusal(error)
            if failed["kind"] == "fault":
                print(f"{failed['text']}\n{traceback.format_exc()}", file=sys.stderr, flush=True)  # noqa: T201
            tell("error", failed)
        else:
            tell("done", told)
        finally:
            with self._lock:
                del self._stops[number]

    def _send(self, answers: IO[bytes]) -> None:
        try:
            while True:
                told = [self._outbox.get()]
                while not self._outbox.empty():
                    told.append(self._outbox.get())
                answers.write(wire.packed(told))
                answers.flush()
        except (OSError, ValueError):  # the parent is gone, or something told is no JSON: neither can go on
            traceback.print_exc()
            os._exit(1)


def writing(generator: Generator) -> Work:
    """`{"prompts": […], "settings": {…}, "stream": bool, "tools": […]}` → pieces, then what it cost in tokens."""

    def write(request: Mapping[str, Any], tell: Tell, stop: Cancel) -> dict[str, int]:
        settings = settings_of(request["settings"])
        prompts = [_prompt(generator, prompt, request.get("tools")) for prompt in request["prompts"]]
        if len(prompts) == 1 and settings.beams == 1:
            # A stream also where the answer is told whole: it can be cancelled while it waits in line.
            pieces: list[Piece] = []
            with generator.stream(prompts[0], settings) as stream:
                stop.tell(stream.cancel)
                tell("began", stream.usage.prompt_tokens)
                stream.pour(
                    (lambda piece: tell("piece", piece_json(piece))) if request["stream"] else pieces.append
                )
                told = [stream.usage]
            if stop.is_set():
                raise Interrupted("The writing was stopped before its end.")
            for number, choice in enumerate(gathered(pieces, told[0]).choices):
                tell("piece", choice_json(number, choice))
        else:
            whole = generator.generate(prompts, settings, stop=stop.is_set)
            for number, completion in enumerate(whole):
                for at, choice in enumerate(completion.choices):
                    tell("piece", choice_json(number * settings.n + at, choice))
            told = [completion.usage for completion in whole]
        return {
            "prompt_tokens": sum(one.prompt_tokens for one in told),
            "completion_tokens": sum(one.completion_tokens for one in told),
            "cached_tokens": sum(one.cached_tokens for one in told),
        }

    return write


def _prompt(generator: Generator, prompt: Any, tools: Any) -> Any:
    """Messages with tools are rendered here, for the port takes no tools; ids of the text are what it reads."""
    if not tools or isinstance(prompt, str) or (prompt and isinstance(prompt[0], int)):
        return prompt
    folder = generator.folder
    text = folder.template.render(prompt, add_generation_prompt=True, tools=tools)
    return list(folder.tokenizer.encode(text, add_special_tokens=False).ids)


def classifying(classifier: Classifier) -> Work:
    """`{"texts": […]}` → `[[[label, probability], …], tokens, truncated]` a text; `[first, second]` is a pair"""

    def classify(request: Mapping[str, Any], tell: Tell, stop: Cancel) -> list[Any]:
        told = classifier.classify(
            [text if isinstance(text, str) else (text[0], text[1]) for text in request["texts"]],
            stop=stop.is_set,
        )
        return [[list(one.probabilities.items()), one.tokens, one.truncated] for one in told]

    return classify


def embedding(embedder: Embedder) -> Work:
    """`{"texts": […]}` → vectors (base64 of little-endian float32), tokens and whether cut, a text each"""

    def embed(request: Mapping[str, Any], tell: Tell, stop: Cancel) -> dict[str, Any]:
        told = embedder.embed(request["texts"], stop=stop.is_set)
        return {
            "vectors": [base64.b64encode(row.astype("<f4").tobytes()).decode() for row in told.vectors],
            "tokens": list(told.tokens),
            "truncated": list(told.truncated),
        }

    return embed


def tagging(tagger: Any) -> Work:
    """`{"texts": […]}` → entities `[text, kind, start, end]` a text; `{"words": [[…]]}` → a tag a word"""
    from catenary.inference.port import go_on
    from catenary.inference.tag import entities

    def tag(request: Mapping[str, Any], tell: Tell, stop: Cancel) -> list[Any]:
        if "words" in request:
            return list(tagger.tag(request["words"], stop=stop.is_set))
        told = []
        for text in request["texts"]:
            go_on(stop.is_set)
            told.append([[one.text, one.kind, one.start, one.end] for one in entities(tagger, text)])
        return told

    return tag


def opened(spec: Mapping[str, Any]) -> tuple[Mapping[str, Work], dict[str, Any], int]:
    """The works of the model in `spec["folder"]`, what there is to know of it, and how many threads may ask it."""
    from catenary.inference.load import load

    folder, task = Path(spec["folder"]), spec["task"]
    threads, engine = spec.get("threads"), spec.get("engine", "auto")
    if task == "generate":
        generator = load(folder, "generate", engine=engine, threads=threads)
        if isinstance(generator, Paced):
            generator.pace(spec.get("pieces_per_second") or PIECES_PER_SECOND)
        at = generator.folder
        facts = {
            "max_tokens": at.max_tokens,
            "kind": at.kind,
            "reads_tools": "tools" in at.template.source,
            "vocab_size": at.vocab_size,
        }
        return {"write": writing(generator)}, facts, WRITERS
    if task == "embed":
        embedder = load(folder, "embed", engine=engine, threads=threads)
        return {"embed": embedding(embedder)}, {"size": embedder.size}, 1
    if task == "tag":
        from catenary.inference.tag import load_tagger

        tagger = load_tagger(folder, threads=threads)
        return {"tag": tagging(tagger)}, {"labels": list(tagger.labels)}, 1
    classifier = load(folder, engine=engine, threads=threads)
    return {"classify": classifying(classifier)}, {"labels": list(classifier.labels)}, 1


def serve(
    make: Callable[[], tuple[Mapping[str, Work], dict[str, Any], int]], arguments: Sequence[str] = ()
) -> None:
    """The child's whole life: standard input and output are the pipes, whatever prints goes to standard error."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    try:
        works, facts, threads = make()
    except BaseException as error:
        failed = refusal(error)
        if not isinstance(error, CatenaryError):
            traceback.print_exc()
        answers.write(wire.packed([[0, "failed", failed]]))
        answers.flush()
        os._exit(1)
    Worker(works, facts, threads=threads).run(requests, answers)


def main() -> None:
    """`python -m catenary.inference.process <JSON>`"""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which drains first
    if hasattr(signal, "SIGTERM"):
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    spec = json.loads(sys.argv[1])
    serve(lambda: opened(spec))
