"""What gates look at: the facts of a release, gathered from all that it was made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from catenary.chain.gates import Comparison, Metric
from catenary.chain.stage import Work
from catenary.data.texts import texts_of
from catenary.stages.release_settings import ReleaseSettings
from catenary.store import Artifact


def _evaluations(inputs: Mapping[str, Artifact]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for role_name, artifact in inputs.items():
        kind, _, name = role_name.partition(".")
        if kind == "evaluation":
            yield name, artifact.manifest.report


def metrics(inputs: Mapping[str, Artifact]) -> dict[str, Metric]:
    """Every figure of the evaluations that a release stands on: "quality.sentiment.accuracy"."""
    return {
        f"{evaluation}.{model}.{metric}": Metric(figure["value"], figure["low"], figure["high"], figure["n"])
        for evaluation, report in _evaluations(inputs)
        for model, figures in report["metrics"].items()
        for metric, figure in figures.items()
    }


def comparisons(inputs: Mapping[str, Artifact]) -> dict[tuple[str, str], Comparison]:
    """Each pair both ways: a gate may name either first."""
    found: dict[tuple[str, str], Comparison] = {}
    for evaluation, report in _evaluations(inputs):
        for row in report["comparisons"]:
            first, second = (f"{evaluation}.{row[side]}.{row['metric']}" for side in ("first", "second"))
            of = row["difference"]
            found[first, second] = Comparison(of["value"], of["low"], of["high"], row["p"], of["n"])
            found[second, first] = Comparison(-of["value"], -of["high"], -of["low"], row["p"], of["n"])
    return found


def licences(lineage: Sequence[Artifact]) -> dict[str, list[str]]:
    """licence → the sources under it."""
    found: dict[str, list[str]] = {}
    for artifact in lineage:
        if artifact.kind == "collection" or artifact.stage == "adopt":
            report = artifact.manifest.report
            found.setdefault(report["licence"], []).append(report["source"])
    return found


def personal_data(lineage: Sequence[Artifact]) -> Mapping[str, int]:
    """Personal data of every kind that is known, in the training texts of every dataset behind the model."""
    return personal_data_in(
        text
        for artifact in lineage
        if artifact.kind == "dataset"
        for text in texts_of(artifact.path, "train")
    )


def personal_data_in(texts: Iterable[str]) -> Mapping[str, int]:
    """kind → how often it stands in these texts."""
    from catenary.data import find

    found = Counter(span.kind for text in texts for span in find(text))
    return dict(sorted(found.items()))


def profile(
    work: Work[ReleaseSettings], lineage: Sequence[Artifact], name: str, rule: str
) -> tuple[bool, Mapping[str, Any], str]:
    """A regulator's profile judged by the release's evidence, as `Gate.check` tells it."""
    from catenary.govern.profiles import evidence_of, judge_profile, read_profile

    rules = read_profile(name)
    folder = work.base / work.settings.evidence if work.settings.evidence else work.out / "no-evidence"
    items = sum(
        int(one.manifest.report.get("headline", {}).get("kept", 0))
        for one in lineage
        if one.kind == "dataset"
    )
    found = judge_profile(rules, evidence_of(folder), rule=rule, corpus_items=items)
    failed = [one.sentence for one in found.results if not one.passed]
    evidence = {
        "profile": found.profile,
        "version": found.version,
        "profile_digest": found.digest,
        "rule": rule,
        "corpus_items": items,
        "requirements": {
            one.id: {"passed": one.passed, **one.evidence, "sentence": one.sentence} for one in found.results
        },
    }
    met = len(found.results) - len(failed)
    head = f"{name}@{found.version}: {met} of {len(found.results)} requirements met"
    return found.passed, evidence, head if found.passed else f"{head}; {failed[0]}"
