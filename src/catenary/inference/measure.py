"""How quickly a model answers here: time to the first token, decoding, many answers at once, memory.

Every engine runs in a process of its own, which waits while others are measured, and all take turns: on a machine that
others use too, only figures of one run compare. Prompts are random ids, so that no beginning was read before.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Protocol

import numpy as np

from catenary.errors import CatenaryError
from catenary.memory import peak_bytes

FIRST_IDS = 16  # below stand special tokens


class Answers(Protocol):
    """Answers all prompts (token ids) with exactly `new` tokens each, all asked at once."""

    def __call__(self, prompts: Sequence[Sequence[int]], new: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Case:
    """So many prompts at once, their tokens, and new tokens each."""

    prompts: int
    prompt_tokens: int
    new: int


@dataclass
class Figures:
    """Of one engine: `seconds` a case in each round; `ready_seconds` from a cold start; `peak_bytes` over all cases."""

    ready_seconds: float
    seconds: dict[Case, list[float]] = field(default_factory=dict)
    peak_bytes: int = 0
    failed: str | None = None

    def first_token(self, prompt_tokens: int) -> float | None:
        """Median seconds to the first token."""
        told = self.seconds.get(Case(1, prompt_tokens, 1))
        return median(told) if told else None

    def decode_rate(self, prompt_tokens: int, new: int) -> float | None:
        """Tokens a second of one answer, its prompt's time taken off."""
        whole, first = self.seconds.get(Case(1, prompt_tokens, new)), self.first_token(prompt_tokens)
        return (new - 1) / max(1e-9, median(whole) - first) if whole and first is not None else None

    def aggregate(self, case: Case) -> float | None:
        """New tokens a wall second, prompts included."""
        told = self.seconds.get(case)
        return case.prompts * case.new / median(told) if told else None


def cases(prompts: Sequence[int], prompt_tokens: int, long_tokens: int, new: int) -> list[Case]:
    """The first token after a short and a long prompt, one answer, and many at once."""
    return [
        Case(1, prompt_tokens, 1),
        Case(1, long_tokens, 1),
        *(Case(count, prompt_tokens, new) for count in dict.fromkeys([1, *prompts])),
    ]


def measure(
    engines: Mapping[str, Callable[[], Answers]],
    what: Sequence[Case],
    *,
    vocab_size: int,
    rounds: int = 3,
    said: Callable[[str], None] = lambda text: None,
) -> dict[str, Figures]:
    """Run every case `rounds` times on each engine, in turns. Makers must be picklable: they run in processes."""
    context = multiprocessing.get_context("spawn")
    told: dict[str, Figures] = {}
    random = np.random.default_rng()
    with ExitStack() as stack:
        pipes: dict[str, tuple[Any, Any]] = {}
        for name, make in engines.items():
            ours, theirs = context.Pipe()
            process = context.Process(target=_answer, args=(theirs, make), daemon=True)
            process.start()
            theirs.close()  # or its end would not be seen
            stack.callback(process.join, 10)
            stack.callback(_end, ours)
            ready = _heard(ours, process)
            told[name] = Figures(ready) if isinstance(ready, float) else Figures(0.0, failed=ready)
            if told[name].failed is None:
                pipes[name] = ours, process
        for number in range(rounds + 1):  # the first warms up
            for case in what:
                prompts = random.integers(FIRST_IDS, vocab_size, (case.prompts, case.prompt_tokens)).tolist()
                for name, (pipe, process) in list(pipes.items()):
                    said(f"{name}: {case.prompts} × {case.prompt_tokens} + {case.new}")
                    heard = _asked(pipe, process, (prompts, case.new))
                    if isinstance(heard, str):
                        told[name].failed = heard
                        del pipes[name]
                        continue
                    seconds, told[name].peak_bytes = heard
                    if number:
                        told[name].seconds.setdefault(case, []).append(seconds)
    return told


def _asked(pipe: Any, process: Any, what: Any) -> Any:
    with contextlib.suppress(OSError):  # what became of it is heard below
        pipe.send(what)
    return _heard(pipe, process)


def _heard(pipe: Any, process: Any) -> Any:
    """What an engine's process tells, or a text where it ended instead: killed for want of memory, say."""
    try:
        return pipe.recv()
    except (EOFError, OSError):
        process.join(10)
        return f"the process ended: {process.exitcode}"


def _end(pipe: Any) -> None:
    with contextlib.suppress(OSError):
        pipe.send(None)


def ours(folder: Path, engine: str, threads: int | None) -> Answers:
    """Catenary's own engine over a model folder."""
    from catenary.inference import GenerationSettings, load

    writer = load(folder, "generate", engine=engine, threads=threads)  # type: ignore[call-overload]

    def answer(prompts: Sequence[Sequence[int]], new: int) -> None:
        writer.generate(prompts, GenerationSettings(max_tokens=new, min_tokens=new))

    return answer


def makers(folder: Path, engines: Sequence[str], threads: int | None) -> dict[str, Callable[[], Answers]]:
    """What `measure` takes, for our own engines."""
    return {engine: partial(ours, folder, engine, threads) for engine in engines}


def _answer(pipe: Any, make: Callable[[], Answers]) -> None:
    """A process's life: load, say so, answer what comes down the pipe."""
    began = time.perf_counter()
    try:
        answer = make()
        answer([[FIRST_IDS] * 8], 1)
    except (CatenaryError, ImportError, RuntimeError, OSError, ValueError) as error:
        pipe.send(f"{type(error).__name__}: {error}")
        return
    pipe.send(time.perf_counter() - began)
    while (asked := pipe.recv()) is not None:
        began = time.perf_counter()
        try:
            answer(*asked)
        except (CatenaryError, RuntimeError, OSError, ValueError) as error:
            pipe.send(f"{type(error).__name__}: {error}")
            return
        pipe.send((time.perf_counter() - began, peak_bytes()))
