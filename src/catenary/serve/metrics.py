"""Figures for Prometheus, in vLLM's names, so that its dashboards show this gateway too.

https://docs.vllm.ai/en/latest/usage/metrics.html; the text format is Prometheus' version 0.0.4.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

SECONDS = (
    0.001,
    0.005,
    0.01,
    0.02,
    0.04,
    0.06,
    0.08,
    0.1,
    0.25,
    0.5,
    0.75,
    1,
    2.5,
    5,
    7.5,
    10,
    20,
    40,
    80,
    160,
)
STEP_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5)
TOKENS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000)
Labels = tuple[tuple[str, str], ...]


class Histogram:
    """Counts of values up to each bound, their sum and number, by labels."""

    def __init__(self, name: str, about: str, bounds: Sequence[float]) -> None:
        self.name, self._about, self._bounds = name, about, tuple(bounds)
        self._counts: dict[Labels, list[int]] = defaultdict(lambda: [0] * (len(self._bounds) + 1))
        self._sums: dict[Labels, float] = defaultdict(float)

    def see(self, value: float, **labels: str) -> None:
        """Count one value."""
        key = tuple(sorted(labels.items())) if len(labels) > 1 else tuple(labels.items())
        self._counts[key][bisect_left(self._bounds, value)] += 1
        self._sums[key] += value

    def lines(self) -> Iterable[str]:
        yield f"# HELP {self.name} {self._about}"
        yield f"# TYPE {self.name} histogram"
        for labels, counts in self._counts.items():
            reached = 0
            for bound, count in zip((*self._bounds, "+Inf"), counts, strict=True):
                reached += count
                yield f"{self.name}_bucket{_labels((*labels, ('le', str(bound))))} {reached}"
            yield f"{self.name}_sum{_labels(labels)} {self._sums[labels]:.9g}"
            yield f"{self.name}_count{_labels(labels)} {reached}"


class Counter:
    """A number that only grows, by labels."""

    def __init__(self, name: str, about: str) -> None:
        self.name, self._about = name, about
        self._values: dict[Labels, float] = defaultdict(float)

    def add(self, amount: float = 1, **labels: str) -> None:
        """Count `amount` more."""
        self._values[tuple(sorted(labels.items()))] += amount

    def lines(self) -> Iterable[str]:
        yield f"# HELP {self.name} {self._about}"
        yield f"# TYPE {self.name} counter"
        for labels, value in self._values.items():
            yield f"{self.name}{_labels(labels)} {value:.15g}"


class Metrics:
    """What the gateway counts."""

    def __init__(self) -> None:
        self.prompt_tokens = Counter("vllm:prompt_tokens_total", "Prefill tokens read.")
        self.generation_tokens = Counter("vllm:generation_tokens_total", "Tokens written.")
        self.success = Counter("vllm:request_success_total", "Answers by why they ended.")
        self.cached_tokens = Counter("vllm:prefix_cache_hits_total", "Prompt tokens read before and kept.")
        self.first_token = Histogram(
            "vllm:time_to_first_token_seconds", "Seconds to the first token.", SECONDS
        )
        self.each_token = Histogram(
            "vllm:inter_token_latency_seconds", "Seconds from one token to the next.", STEP_SECONDS
        )
        self.per_token = Histogram(
            "vllm:request_time_per_output_token_seconds", "Seconds a token, of an answer.", STEP_SECONDS
        )
        self.whole = Histogram(
            "vllm:e2e_request_latency_seconds", "Seconds from admission to the end.", SECONDS
        )
        self.asked = Histogram("vllm:request_prompt_tokens", "Tokens of a prompt.", TOKENS)
        self.written = Histogram("vllm:request_generation_tokens", "Tokens of an answer.", TOKENS)
        self.cache_hits = Counter("catenary:response_cache_hits_total", "Answers that were known.")
        self.guard = Counter("catenary:guard_verdicts_total", "Verdicts of the guard, by rule and action.")

    def text(self, gauges: Iterable[tuple[str, str, Mapping[str, str], float]]) -> str:
        """All figures; `gauges` are (name, about, labels, value now)."""
        lines: list[str] = []
        for one in vars(self).values():
            lines += one.lines()
        seen = set()
        for name, about, labels, value in gauges:
            if name not in seen:
                lines += [f"# HELP {name} {about}", f"# TYPE {name} gauge"]
                seen.add(name)
            lines.append(f"{name}{_labels(tuple(labels.items()))} {value:.15g}")
        return "\n".join(lines) + "\n"


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    escaped = (
        (name, value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")) for name, value in labels
    )
    return "{" + ",".join(f'{name}="{value}"' for name, value in escaped) + "}"
