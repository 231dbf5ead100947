"""What a task may ask of a model, whatever it is: each ability is a function, opened when it is first used.

candidate_of(Path("models/base"))          # a folder or a GGUF file
Candidate(write=lambda prompts, settings: ["…"] * len(prompts))     # anything else: a server, a rule, a person
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catenary.errors import InvalidInput

if TYPE_CHECKING:
    from catenary.evaluate.likelihood import Likely
    from catenary.evaluate.predictions import Predictions
    from catenary.inference import GenerationSettings, Prompt


@dataclass(frozen=True)
class Candidate:
    """A model by what it can do; None: it cannot."""

    likelihoods: Callable[[Sequence[tuple[str, str]]], list[Likely]] | None = None
    write: Callable[[Sequence[Prompt], GenerationSettings], list[str]] | None = None
    classify: Callable[[Sequence[str]], Predictions] | None = None
    tag: Callable[[Sequence[Sequence[str]]], list[list[str]]] | None = None
    embed: Callable[[Sequence[str]], Any] | None = None

    def can(self, *abilities: str) -> Any:
        """The first of these abilities that it has. Raises InvalidInput where it has none."""
        for ability in abilities:
            if getattr(self, ability) is not None:
                return getattr(self, ability)
        raise InvalidInput(
            "This model cannot do what the task asks.",
            expected="a model that can: {abilities}",
            abilities=", ".join(abilities),
        )


def candidate_of(
    folder: Path, *, engine: str = "auto", threads: int | None = None, dtype: str = "float32"
) -> Candidate:
    """The model of a folder or a GGUF file with all that its kind may do; what it cannot is told when it is asked."""

    @cache
    def scorer() -> Any:
        from catenary.evaluate.likelihood import Scorer

        return Scorer.open(folder, dtype=dtype)  # type: ignore[arg-type]

    @cache
    def writer() -> Any:
        from catenary.inference import load

        return load(folder, "generate", engine=engine, threads=threads)  # type: ignore[call-overload]

    @cache
    def classifier() -> Any:
        from catenary.inference import load

        return load(folder, engine=engine, threads=threads)  # type: ignore[call-overload]

    @cache
    def embedder() -> Any:
        from catenary.inference import load

        return load(folder, "embed", threads=threads)

    def classify(texts: Sequence[str]) -> Predictions:
        import numpy as np

        from catenary.evaluate.predictions import Predictions

        labels = list(classifier().labels)
        told = [[one.probabilities[label] for label in labels] for one in classifier().classify(texts)]
        return Predictions.from_probabilities(np.array(told).reshape(-1, len(labels)), labels)

    def tag(words: Sequence[Sequence[str]]) -> list[list[str]]:
        from catenary.inference.tag import load_tagger

        return [list(row) for row in load_tagger(folder).tag(words)]

    writes = _writes(folder)
    return Candidate(
        likelihoods=(lambda pairs: scorer().score(pairs)) if writes else None,
        write=(lambda prompts, settings: [one.text for one in writer().generate(prompts, settings)])
        if writes
        else None,
        classify=None if writes else classify,
        tag=None if writes else tag,
        embed=lambda texts: embedder().embed(texts).vectors,
    )


def _writes(folder: Path) -> bool:
    import json

    if folder.suffix == ".gguf":
        return True
    config = json.loads((folder / "config.json").read_text("utf-8"))
    names = str((config.get("architectures") or [""])[0])
    return "LMHead" in names or names.endswith(("ForCausalLM", "ForConditionalGeneration", "MTModel"))
