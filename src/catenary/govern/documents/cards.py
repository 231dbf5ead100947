"""The model card (Mitchell et al. 2019, 1810.03993) and the data card (Gebru et al. 2021, 1803.09010) of a release."""

from __future__ import annotations

from catenary.govern.documents.dossier import Dossier, Made, count, documents_in, source_name
from catenary.govern.documents.words import Lang, table, word


def model_card(dossier: Dossier, lang: Lang) -> str:
    """What was released, what it was made of, how it scores beside its controls, and where its limits are. Markdown."""

    def told(text: str) -> str:
        return word(text, lang)

    release, model = dossier.release, dossier.model
    lines = [f"# {told('Model card')}: {dossier.name}", "", f"## {told('What it is')}", ""]
    labels = ", ".join(map(str, release.report.get("labels") or ()))
    facts = [
        (told("Release"), release.id),
        (told("Model"), f"{model.id} ({model.stage})"),
        (told("Precision"), str(precision(release))),
        (told("Formats"), ", ".join(release.settings.get("formats", ()))),
        (told("Parameters"), f"{int(model.report.get('parameters', 0) or 0):,}"),
        (told("Size in bytes"), f"{release.bytes:,}"),
        *([(told("Labels"), labels)] if labels else []),
    ]
    lines += table((told("field"), told("value")), facts)
    lines += [f"## {told('What it was made of')}", ""]
    lines += table(
        (told("artifact"), told("kind"), told("Stage"), told("bytes")),
        [(one.id[:12], one.kind, one.stage, one.bytes) for one in dossier.lineage],
    )
    lines += [f"## {told('Figures')}", ""]
    lines += table(
        (told("model"), told("metric"), told("value"), told("95 % interval"), told("items")),
        [
            (one.model, one.metric, one.value, f"{one.low:.4f}–{one.high:.4f}", one.n)
            for one in dossier.figures
        ],
    )
    lines += [f"## {told('Gates')}", ""]
    lines += table(
        (told("outcome"), ""),
        [(told(gate["outcome"]), gate["sentence"]) for gate in release.report.get("gates", ())],
    )
    limits = (
        "Figures hold for the held-out documents they were measured on, and for nothing else. What the training text "
        "does not show, the model has not learnt; what it shows too often, the model repeats."
    )
    lines += [f"## {told('Limits')}", "", told(limits), ""]
    lines += [told("Every figure is read from manifests; made again, this file is the same bytes."), ""]
    return "\n".join(lines)


def data_card(dossier: Dossier, lang: Lang) -> str:
    """Every source with its licence, and every dataset with what was kept and what went, and why. Markdown."""

    def told(text: str) -> str:
        return word(text, lang)

    lines = [f"# {told('Data card')}: {dossier.name}", "", f"## {told('Sources')}", ""]
    lines += table(
        (told("Source"), told("Licence"), told("documents"), told("artifact")),
        [
            (
                source_name(one),
                str(one.report.get("licence") or told("unknown")),
                documents_in(one),
                one.id[:12],
            )
            for one in dossier.sources
        ],
    )
    for one in dossier.of_kind("dataset"):
        lines += [f"## {told('Datasets')}: {one.id[:12]}", ""]
        lines += table(
            (told("field"), told("value")),
            [
                (told("documents"), int(one.report.get("documents", 0))),
                (told("kept"), documents_in(one)),
                (told("Steps"), ", ".join(str(step["name"]) for step in one.settings.get("steps", ()))),
                *((told("licence"), f"{name}: {n:,}") for name, n in sorted(count(one, "licences").items())),
            ],
        )
        lines += table((told("Steps"), told("reason"), told("dropped")), _dropped(one))
    lines += [told("Every figure is read from manifests; made again, this file is the same bytes."), ""]
    return "\n".join(lines)


def precision(release: Made) -> str:
    """The precision that was set, or chosen."""
    chosen = count(release, "headline").get("precision")
    return str(chosen or release.settings.get("quantise", "none"))


def _dropped(dataset: Made) -> list[tuple[str, str, int]]:
    rows = []
    for step, reasons in sorted(count(dataset, "dropped").items()):
        told = reasons if isinstance(reasons, dict) else {"": reasons}
        rows += [(str(step), str(reason), int(n)) for reason, n in sorted(told.items())]
    return rows
