"""Tracing, in either direction: what an answer, artifact or document was made of, and what was made from it.

    tree = trace(store, "rcpt_…")          # answer → release → sign-offs, gates → … → source files and licences
    tree = trace(store, "doc:…", down=True)  # document → datasets → models → releases → endpoints

What is drawn is lineage, taken from the manifests' own input ids: it says what an artifact was made from, not how
much each part mattered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from catenary.errors import NotFound
from catenary.messages import say
from catenary.store import Artifact, ArtifactRow, LinkRow, RunRow, Store
from catenary.store.lineage import Direction
from catenary.store.outside_files import FILES_TABLE, outside_files

DOCUMENT = "doc:"
RECEIPT = "rcpt_"


@dataclass(frozen=True)
class Node:
    """One thing in a lineage: what it is, its id, facts to read, and what it stands on (or what stands on it)."""

    kind: str  # answer, release, sign_off, gate, evaluation, model, tokenizer, dataset, collection, file, document …
    title: str
    id: str = ""
    facts: Sequence[str] = ()
    children: Sequence[Node] = field(default=())
    seen: bool = False  # drawn in full elsewhere in this tree

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


Standing = Callable[[Artifact], str]
"""Says in a few words whether a release may be served (from `stages/standing.py`, which knows signatures)."""

Exposure = Callable[[Artifact, str], tuple[Sequence[int], int] | None]
"""The steps of a model's training that a document was in, and how many there were (from `stages/exposure.py`)."""

Nearest = Callable[[str, Sequence[Artifact]], Sequence[Mapping[str, Any]]]
"""The training documents most like a text, of these datasets (from `stages/nearest.py`, which knows texts)."""


def trace(
    store: Store,
    what: str,
    *,
    down: bool = False,
    standing: Standing = lambda release: "",
    nearest: Nearest = lambda text, datasets: (),
    exposure: Exposure = lambda model, document: None,
) -> Node:
    """The lineage of a receipt (`rcpt_…`), a document (`doc:…`) or an artifact (ids of 6 digits or more).

    Raises NotFound where nothing has this id, InvalidInput where several begin so.
    """
    tracer = _Tracer(store, standing, nearest, exposure)
    if what.startswith(RECEIPT):
        return tracer.answer(what)
    if what.startswith(DOCUMENT):
        return tracer.document(what.removeprefix(DOCUMENT), down)
    artifact = store.get(what)
    return tracer.down(artifact) if down else tracer.up(artifact)


class _Tracer:
    """Draws each artifact in full once; where it is met again, only its name."""

    def __init__(self, store: Store, standing: Standing, nearest: Nearest, exposure: Exposure) -> None:
        self.store = store
        self.standing = standing
        self.nearest = nearest
        self.exposure = exposure
        self.document_id = ""  # the one that is traced
        self.drawn: set[str] = set()
        self.rows: dict[str, ArtifactRow] = {}
        self.opened: dict[str, Artifact] = {}
        self.made_from: dict[str, list[str]] = {}  # artifact → what was made straight from it
        self.links: dict[str, list[LinkRow]] = {}
        self.runs: dict[str, RunRow] = {}

    def gather(self, artifact: Artifact, direction: Direction) -> None:
        """Look up, all at once, what will be said of an artifact and of all that it leads to."""
        if artifact.id in self.opened:
            return
        lineage = self.store.lineage(artifact.id, direction)
        new = [row for row in lineage.artifacts if row.id not in self.opened]
        self.rows |= {row.id: row for row in new}
        self.opened |= {row.id: self.store.opened(row) for row in new}
        self.links |= self.store.links_to_each([row.id for row in new])
        self.runs |= self.store.newest_runs([row.id for row in new])
        for edge in lineage.edges:
            made = self.made_from.setdefault(edge.input_id, [])
            if edge.artifact_id not in made:
                made.append(edge.artifact_id)

    def answer(self, receipt_id: str) -> Node:
        receipt = self.store.receipt(receipt_id)
        facts = [
            say(
                "asked {at} at the endpoint {endpoint}",
                at=f"{receipt.at:%Y-%m-%d %H:%M:%S} UTC",
                endpoint=receipt.endpoint,
            )
        ]
        if receipt.unreleased:
            facts.append(say("UNRELEASED: served without its gates and sign-offs"))
        for text in receipt.body.get("texts", []):
            shown = text["text"] if text.get("text") is not None else f"sha256 {text['sha256'][:12]}"
            score = text["scores"].get(text["label"], 0.0)
            facts.append(f"{_cut(shown, 60)} → {text['label']} ({score:.3f})")
        for answer in receipt.body.get("answers", []):
            shown = answer["text"] if answer.get("text") is not None else f"sha256 {answer['sha256'][:12]}"
            facts.append(f"{_cut(shown, 60)} ({answer['finish_reason']})")
        facts += _signed(receipt.body.get("made") or {})
        release = self.store.get(receipt.release_id)
        return Node(
            "answer",
            receipt_id,
            receipt_id,
            facts,
            [*self._cited(receipt.body), self.up(release), *self._like(receipt.body, release)],
        )

    def _cited(self, body: Mapping[str, Any]) -> list[Node]:
        """What an application's answer cites, each passage with its document; and the index that it comes from."""
        made = body.get("made") or {}
        if not made:
            return []
        template = made.get("template") or {}
        facts = [say("application {name}, {kind}", **made["app"])] if "app" in made else []
        if template:
            facts.append(
                say("template {name} {digest}", name=template["name"], digest=template["sha256"][:12])
            )
        cited = [
            Node(
                "passage",
                f"[{one['number']}] {' › '.join((*one['headings'], one['file']))}",
                one["passage"],
                [
                    say("{file}, record {offset}", file=one["file"], offset="–".join(map(str, one["quote"]))),
                    say("licence {licence}", licence=one["licence"] or say("unknown")),
                ],
                [Node("document", f"{DOCUMENT}{one['document']}", one["document"])],
            )
            for one in made.get("citations", ())
        ]
        index = made.get("index_release") or made.get("index")
        found = [self.up(self.store.get(index))] if index and self.store.has(index) else []
        return [
            Node("application", say("what the application stood on"), facts=facts, children=[*cited, *found])
        ]

    def _like(self, body: Mapping[str, Any], release: Artifact) -> list[Node]:
        """Training documents like the question: a match of words, not the cause of the answer."""
        texts = [text["text"] for text in body.get("texts", []) if text.get("text")]
        if not texts:
            return []
        datasets = [
            self.store.get(row.id) for row in self.store.ancestors(release.id) if row.kind == "dataset"
        ]
        found = [
            Node(
                "document",
                f"{DOCUMENT}{row['id']}",
                row["id"],
                [
                    say("{file}, record {offset}", file=row["file"], offset=row["offset"]),
                    say("licence {licence}", licence=row["licence"] or say("unknown")),
                    f"{row['label'] or ''}  {_cut(row['text'], 60)}",
                ],
            )
            for text in texts[:1]
            for row in self.nearest(text, datasets)
        ]
        return (
            [
                Node(
                    "match",
                    say("training documents most like it (a match of words, not a cause)"),
                    children=found,
                )
            ]
            if found
            else []
        )

    def up(self, artifact: Artifact, role: str = "") -> Node:
        self.gather(artifact, "up")
        title = self._title(artifact, role)
        if artifact.id in self.drawn:
            return Node(artifact.kind, title, artifact.id, seen=True)
        self.drawn.add(artifact.id)
        children = [
            *(self._release_facts(artifact) if artifact.kind == "release" else ()),
            *(
                self.up(self.opened[id], role)
                for role, id in sorted(artifact.manifest.inputs.items(), key=_reading_order)
            ),
            *(_files(artifact) if "files" in artifact.manifest.report else ()),  # it came from outside
        ]
        return Node(artifact.kind, title, artifact.id, self._facts(artifact), children)

    def down(self, artifact: Artifact) -> Node:
        self.gather(artifact, "down")
        title = self._title(artifact)
        if artifact.id in self.drawn:
            return Node(artifact.kind, title, artifact.id, seen=True)
        self.drawn.add(artifact.id)
        children = [self.down(self.opened[id]) for id in self.made_from.get(artifact.id, ())]
        children += [
            Node("endpoint", f"{link.chain}: {link.link.removeprefix('endpoints.')}")
            for link in self.links[artifact.id]
            if link.link.startswith("endpoints.")
        ]
        facts = [*self._seen(artifact), *self._facts(artifact)]
        return Node(artifact.kind, title, artifact.id, facts, children)

    def _seen(self, artifact: Artifact) -> list[str]:
        """From which step on a model had seen the document that is traced."""
        if artifact.kind != "model" or not self.document_id:
            return []
        found = self.exposure(artifact, self.document_id)
        if found is None:
            return []
        steps, of = found
        if not steps:
            return [say("never in one of its {of} steps", of=of)]
        return [
            say(
                "seen from step {first} of {of} on, in {count} steps",
                first=steps[0],
                of=of,
                count=len(steps),
            )
        ]

    def document(self, document_id: str, down: bool) -> Node:
        found = list(self.store.find_document(document_id))
        if not found:
            raise NotFound(
                "No collection or dataset holds this document.",
                got=f"{DOCUMENT}{document_id}",
                expected="the id of a document, as `catenary trace <dataset>` and the Parquet files show them",
            )
        row = found[0][1]
        self.document_id = document_id = row["id"]
        self.links |= self.store.links_to_each([artifact.id for artifact, _ in found])
        facts = [
            say("{file}, record {offset}", file=row["file"], offset=row["offset"]),
            say("licence {licence}", licence=row["licence"] or say("unknown")),
            f"sha256 {row['sha256']}",
        ]
        children = [self._holder(artifact, held, down) for artifact, held in found]
        return Node("document", f"{DOCUMENT}{document_id}", document_id, facts, children)

    def _holder(self, artifact: Artifact, row: Mapping[str, Any], down: bool) -> Node:
        dropped = row.get("dropped")
        if dropped:
            what = say("dropped here: {reason}", reason=dropped)
            duplicate = row.get("duplicate_of")
            facts = [what, say("a copy of {other}", other=f"{DOCUMENT}{duplicate}")] if duplicate else [what]
            return Node(artifact.kind, self._title(artifact), artifact.id, facts)
        facts = (
            [say("kept here, split {split}", split=row["split"])] if row.get("split") else [say("kept here")]
        )
        if artifact.kind == "collection":
            return Node(artifact.kind, self._title(artifact), artifact.id, facts)
        tree = self.down(artifact) if down else Node(artifact.kind, self._title(artifact), artifact.id)
        return Node(tree.kind, tree.title, tree.id, [*facts, *tree.facts], tree.children)

    def _title(self, artifact: Artifact, role: str = "") -> str:
        links = self.links[artifact.id]
        names = sorted({link.link for link in links if not link.link.startswith("endpoints.")})
        return ", ".join(names) or role or artifact.stage

    def _facts(self, artifact: Artifact) -> list[str]:
        if (row := self.rows.get(artifact.id)) is not None and row.erased_at is not None:
            return [say("emptied on {at}: a document in it was erased", at=f"{row.erased_at:%Y-%m-%d}")]
        headline = artifact.manifest.report.get("headline", {})
        facts = (
            ["  ".join(f"{say(name)} {_figure(value)}" for name, value in headline.items())]
            if headline
            else []
        )
        run = self.runs.get(artifact.id)
        if run is not None:
            facts.append(
                say(
                    "{stage} run {run}, {at}, {seconds} s on {host}",
                    stage=artifact.stage,
                    run=run.id,
                    at=f"{run.started_at:%Y-%m-%d %H:%M} UTC",
                    seconds=f"{run.seconds or 0:.1f}",
                    host=run.host,
                )
            )
        return facts

    def _release_facts(self, release: Artifact) -> list[Node]:
        nodes = [Node("standing", told)] if (told := self.standing(release)) else []
        for row in self.store.sign_offs(release.id):
            revoked = say("revoked by {person}", person=row.revoked_by) if row.revoked_at else ""
            nodes.append(
                Node(
                    "sign_off",
                    say("signed by {person} as {role}", person=row.person, role=row.role),
                    row.key_id[:12],
                    [f"{row.signed_at:%Y-%m-%d %H:%M:%S} UTC", *([revoked] if revoked else [])],
                )
            )
        nodes += [
            Node("gate", f"{say(gate['outcome'])}  {gate['sentence']}")
            for gate in release.manifest.report["gates"]
        ]
        return nodes


def _files(outside: Artifact) -> list[Node]:
    report = outside.manifest.report
    files = outside_files(report)
    if files.count and not files.listed:
        title = say("{count} files, each a row of {table}", count=f"{files.count:,}", table=FILES_TABLE)
        licence = say("licence {licence}", licence=report.get("licence") or say("unknown"))
        return [Node("file", title, files.sha256, [licence, f"sha256 {files.sha256[:12]}"])]
    package = f"{report['package']} {report['version']}: " if report.get("package") else ""
    return [
        Node(
            "file",
            f"{package}{file['name']}",
            file["sha256"] or "",
            [
                *([say("records 1–{n}", n=f"{file['records']:,}")] if "records" in file else []),
                say("licence {licence}", licence=report.get("licence") or say("unknown")),
                f"sha256 {(file['sha256'] or '')[:12]}",
            ],
        )
        for file in files.listed
    ]


def _reading_order(item: tuple[str, str]) -> tuple[int, str]:
    """The model first, then what judged it, then its text."""
    order = ("from", "init", "of", "evaluation", "on", "tokenizer")
    head = item[0].split(".")[0]
    return (order.index(head) if head in order else len(order), item[0])


def _figure(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,}" if isinstance(value, int) or float(value).is_integer() else f"{value:.4g}"


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def _signed(made: Mapping[str, Any]) -> list[str]:
    """Who signed an answer that a person had to sign, or who still has to."""
    if "held" in made:
        return [say("waits for a person who signs as {role}", role=made["held"]["role"])]
    if "sign_off" not in made:
        return []
    signed = made["sign_off"]
    text = "{decision} by {person} as {role}, {at}"
    decision = say(signed["decision"])
    return [say(text, decision=decision, person=signed["person"], role=signed["role"], at=signed["at"][:19])]
