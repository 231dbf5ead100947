"""What regulators ask for, filled from manifests: the EU's training summary and Annex XI, China's filing tables.

A filing is a list of fields. Each has its clause, its name in both languages, its value, and the
artifacts that it is from;
what no manifest can tell has no value and is `open`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from catenary.govern.documents.dossier import Dossier, count, documents_in, source_name
from catenary.govern.documents.words import Lang, table, word

FilingName = Literal["eu-training-summary", "eu-annex-xi", "china-filing"]
Value = str | int | float | list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a filing; `value` None: open."""

    id: str
    clause: str
    en: str
    zh: str
    value: Value | None
    artifacts: Sequence[str] = ()


def filing(dossier: Dossier, name: FilingName) -> dict[str, Any]:
    """The filing as JSON values, after its schema (`schemas/filing.json`)."""
    return {
        "document": name,
        "release": dossier.release.id,
        "name": dossier.name,
        "tool": f"catenary {dossier.version}",
        "status": "draft",
        "fields": [
            {
                "id": one.id,
                "clause": one.clause,
                "title": {"en": one.en, "zh": one.zh},
                "state": "open" if one.value is None else "filled",
                "value": one.value,
                "artifacts": list(one.artifacts),
            }
            for one in FILINGS[name](dossier)
        ],
    }


def as_json(raw: Mapping[str, Any]) -> str:
    """The filing's text."""
    return json.dumps(raw, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def as_markdown(raw: Mapping[str, Any], lang: Lang) -> str:
    """The filing for people to read."""
    note = (
        "Draft. The structure is taken from general knowledge of the text and must be checked against the official "
        "one."
    )
    lines = [f"# {TITLES[raw['document']][lang]}: {raw['name']}", "", word(note, lang), ""]
    for field in raw["fields"]:
        lines += [f"## {field['clause']} {field['title'][lang]}", ""]
        value = field["value"]
        if value is None:
            lines += [word("open: no manifest can tell; a person states it in signed evidence", lang), ""]
        elif isinstance(value, list):
            head = list(value[0]) if value else []
            lines += table([word(key, lang) for key in head], [[row[key] for key in head] for row in value])
        else:
            lines += [f"{value:,}" if isinstance(value, int) else str(value), ""]
        if field["artifacts"]:
            lines += [f"({word('from', lang)}: {', '.join(id[:12] for id in field['artifacts'])})", ""]
    return "\n".join(lines)


TITLES: Mapping[str, Mapping[Lang, str]] = {
    "eu-training-summary": {
        "en": "Summary of the content used for training, Article 53(1)(d)",
        "zh": "训练内容摘要（第 53 条第 1 款 (d)）",
    },
    "eu-annex-xi": {"en": "Technical documentation, Annex XI", "zh": "技术文件（附件 XI）"},
    "china-filing": {"en": "Filing tables of a generative AI service", "zh": "生成式人工智能服务备案表"},
}


def _sources(dossier: Dossier) -> list[dict[str, Any]]:
    return [
        {
            "Source": source_name(one),
            "Licence": str(one.report.get("licence") or "unknown"),
            "documents": documents_in(one),
            "artifact": one.id[:12],
        }
        for one in dossier.sources
    ]


def _datasets(dossier: Dossier) -> list[dict[str, Any]]:
    return [
        {
            "artifact": one.id[:12],
            "documents": int(one.report.get("documents", 0)),
            "kept": documents_in(one),
            "Steps": ", ".join(str(step["name"]) for step in one.settings.get("steps", ())),
        }
        for one in dossier.of_kind("dataset")
    ]


def _figures(dossier: Dossier) -> list[dict[str, Any]]:
    return [
        {"model": one.model, "metric": one.metric, "value": round(one.value, 6),
         "95 % interval": f"{one.low:.4f}–{one.high:.4f}", "items": one.n}
        for one in dossier.figures
    ]  # fmt: skip


def _gates(dossier: Dossier) -> list[dict[str, Any]]:
    return [
        {"outcome": gate["outcome"], "gate": gate["sentence"]}
        for gate in dossier.release.report.get("gates", ())
    ]


def _ids(dossier: Dossier, kind: str) -> list[str]:
    return [one.id for one in dossier.of_kind(kind)]


def _size(dossier: Dossier) -> int:
    return sum(int(count(one, "characters").get("after", one.report.get("characters_after", 0)) or 0)
               for one in dossier.of_kind("dataset"))  # fmt: skip


def _training_summary(dossier: Dossier) -> list[Field]:
    collections, datasets = _ids(dossier, "collection"), _ids(dossier, "dataset")
    return [
        Field("provider", "1.1", "Provider", "提供者", None),
        Field("model", "1.2", "Model", "模型", dossier.name, [dossier.release.id]),
        Field(
            "size",
            "1.3",
            "Training text after curation, characters",
            "整理后的训练文本字符数",
            _size(dossier),
            datasets,
        ),
        Field(
            "sources", "2", "Data sources", "数据来源", _sources(dossier), [one.id for one in dossier.sources]
        ),
        Field("crawled", "2.3", "Data crawled and scraped from online sources", "网络抓取的数据", None),
        Field("user-data", "2.4", "User data", "用户数据", None),
        Field("processing", "3.1", "How the data were processed", "数据处理", _datasets(dossier), datasets),
        Field("copyright", "3.1", "Respect of reservations of rights", "对权利保留的尊重", None),
        Field(
            "illegal",
            "3.2",
            "Removal of illegal content",
            "违法内容的去除",
            _drops(dossier),
            datasets or collections,
        ),
    ]


def _drops(dossier: Dossier) -> list[dict[str, Any]]:
    rows = []
    for one in dossier.of_kind("dataset"):
        for step, reasons in sorted(count(one, "dropped").items()):
            told = reasons if isinstance(reasons, Mapping) else {"": reasons}
            rows += [
                {"artifact": one.id[:12], "Steps": str(step), "reason": str(reason), "dropped": int(n)}
                for reason, n in sorted(told.items())
            ]
    return rows


def _annex_xi(dossier: Dossier) -> list[Field]:
    model = dossier.model
    training = {
        key: value for key, value in sorted(model.settings.items()) if isinstance(value, str | int | float)
    }
    return [
        Field("intended-tasks", "1(a)", "Tasks the model is intended for", "预期任务", None),
        Field("acceptable-use", "1(b)", "Acceptable use policies", "可接受使用政策", None),
        Field("distribution", "1(c)", "Date of release and methods of distribution", "发布日期与分发方式", None),
        Field("architecture", "1(d)", "Architecture and number of parameters", "架构与参数量",
              [{"Stage": one.stage, "Parameters": int(one.report.get("parameters", 0) or 0), "artifact": one.id[:12]}
               for one in dossier.of_kind("model")], _ids(dossier, "model")),
        Field("modality", "1(e)", "Modality and format of inputs and outputs", "输入输出的形式", "text", [model.id]),
        Field("licence", "1(f)", "Licence", "许可", None),
        Field("design", "2(b)", "Design and training settings", "设计与训练设置",
              [{"field": key, "value": str(value)} for key, value in training.items()], [model.id]),
        Field("data", "2(c)", "Data used for training, testing and validation", "训练、测试与验证数据",
              _sources(dossier), [one.id for one in dossier.sources]),
        Field("curation", "2(c)", "How the data were curated", "数据整理", _datasets(dossier), _ids(dossier,
        "dataset")),
        Field("compute", "2(d)", "Computational resources", "计算资源", None),
        Field("energy", "2(e)", "Known or estimated energy consumption", "能耗", None),
        Field("evaluation", "II.1", "Evaluation strategies and results", "评测与结果",
              _figures(dossier), _ids(dossier, "evaluation")),
        Field("gates", "II.2", "Conditions checked by machine", "机器核对的条件", _gates(dossier),
        [dossier.release.id]),
    ]  # fmt: skip


def _china(dossier: Dossier) -> list[Field]:
    unknown = sum(len(names) for licence, names in dossier.licences.items() if not licence)
    personal = [gate for gate in dossier.release.report.get("gates", ()) if "personal_data" in gate["gate"]]
    profile = [gate for gate in dossier.release.report.get("gates", ()) if "profile" in gate["gate"]]
    return [
        Field("service", "1", "Service and provider", "服务与提供者", None),
        Field("model", "2", "Model", "模型信息",
              [{"Stage": one.stage, "Parameters": int(one.report.get("parameters", 0) or 0), "artifact": one.id[:12]}
               for one in dossier.of_kind("model")], _ids(dossier, "model")),
        Field("corpus", "3.1", "Sources of the corpus", "语料来源", _sources(dossier), [one.id for one in
        dossier.sources]),
        Field("corpus-size", "3.2", "Size of the corpus, characters", "语料规模（字符）",
              _size(dossier), _ids(dossier, "dataset")),
        Field("unknown-licences", "3.3", "Sources without a known licence", "许可不明的来源数", unknown,
              [one.id for one in dossier.sources]),
        Field("filtering", "3.4", "What was filtered out, and why", "语料过滤", _drops(dossier),
        _ids(dossier, "dataset")),
        Field("personal", "3.5", "Personal data left in the corpus", "语料中的个人信息",
              "; ".join(gate["sentence"] for gate in personal) or None, [dossier.release.id] if personal else []),
        Field("annotation", "4", "Annotation: people and rules", "标注人员与规则", None),
        Field("assessment", "5", "Safety assessment by profile", "安全评估",
              "; ".join(gate["sentence"] for gate in profile) or None, [dossier.release.id] if profile else []),
        Field("tests", "6", "Test results", "测试结果", _figures(dossier), _ids(dossier, "evaluation")),
        Field("labelling", "7", "Labelling of generated content (GB 45438-2025)", "生成内容标识", None),
        Field("complaints", "8", "Channel for complaints", "投诉渠道", None),
    ]  # fmt: skip


FILINGS: Mapping[FilingName, Callable[[Dossier], list[Field]]] = {
    "eu-training-summary": _training_summary,
    "eu-annex-xi": _annex_xi,
    "china-filing": _china,
}
