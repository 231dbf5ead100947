"""`/releases`, `/releases/3f9a…`: gates and their evidence, why it is blocked, what differs from another, signing."""

from __future__ import annotations

import json
import logging
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from starlette.background import BackgroundTask

from catenary.access.roles import ROLES
from catenary.chain.differences import Change, Differences, Score, differences
from catenary.console.form import Form
from catenary.console.pages.overview import require_sight
from catenary.console.table import Cell, Column, Row, Table, figure, table, told
from catenary.console.view import desk_of, moment, render, root_of, short, viewer_of
from catenary.console.viewer import Viewer, key_name, require_vouched, why_not_vouched
from catenary.errors import InvalidInput, NotFound, Refused
from catenary.messages import say
from catenary.stages.documents import documents_of
from catenary.stages.lifecycle import MOVES, move
from catenary.stages.mlflow_registry import report
from catenary.stages.standing import Standing, sign, standing, take_back
from catenary.store import Artifact, Store

log = logging.getLogger("catenary.console")

GATE_TONES = {"passed": "good", "warned": "warn", "failed": "bad"}


def release_pages() -> APIRouter:
    """See the module."""
    router = APIRouter()

    @router.get("/releases")
    def releases(request: Request) -> Response:
        require_sight(viewer_of(request))
        return render(
            request,
            "releases.html",
            title=say("Releases"),
            releases=_releases_table(desk_of(request).store, root_of(request)),
        )

    @router.get("/releases/{id}")
    def release(request: Request, id: str, against: str = "") -> Response:
        viewer, store = viewer_of(request), desk_of(request).store
        require_sight(viewer)
        found = _release(store, id)
        where = standing(store, found)
        others = [row for row in reversed(store.artifacts("release")) if row.id != found.id]
        other = _release(store, against) if against else _current(store, found)
        told_apart = None if other is None else differences(store, other, found)
        return render(
            request,
            "release.html",
            title=", ".join(_names(store, found)) or short(found.id),
            release=found,
            standing=where,
            tone=_tone(where),
            gates=[
                (gate, GATE_TONES[gate["outcome"]], _evidence(gate))
                for gate in found.manifest.report["gates"]
            ],
            gate_table=_gate_table(found),
            sign_offs=_sign_offs_table(store, found),
            refused=[finding.text() for finding in where.approval.refused],
            missing=[(ROLES[name], _may_sign(viewer, name)) for name in where.missing_roles],
            why_not=why_not_vouched(viewer),
            own=[
                row
                for row in store.sign_offs(found.id)
                if row.revoked_at is None
                and viewer.vouched
                and (row.person == viewer.person or viewer.may("revoke"))
            ],
            state=where.state or "dev",
            moves=MOVES[where.state or "dev"] if viewer.may("sign") and viewer.vouched else (),
            states=_states_table(store, found),
            others=others[:50],
            against=other,
            apart=_apart_tables(told_apart) if told_apart else [],
            papers=sorted(documents_of(store, found)),
        )

    @router.get("/releases/{id}/documents/{name}")
    def paper(request: Request, id: str, name: str) -> Response:
        require_sight(viewer_of(request))
        store = desk_of(request).store
        found = documents_of(store, _release(store, id)).get(name)
        if found is None:
            raise NotFound("This release has no document of this name.", got=name)
        return Response(
            found.encode(),
            media_type="text/plain; charset=utf-8",
            headers={"content-disposition": f'inline; filename="{name}"'},
        )

    @router.post("/releases/{id}/sign")
    def sign_one(request: Request, id: str, form: Form) -> Response:
        viewer, store = viewer_of(request), desk_of(request).store
        role, days = form.one("role"), form.one("days")
        if not _may_sign(viewer, role):
            raise Refused(
                "{person} may not do this.",
                where=f"sign: {role}",
                got=", ".join(sorted(viewer.roles)) or "-",
                expected="a session of somebody who holds this role",
                person=viewer.person,
            )
        try:
            until = float(days) if days else None
        except ValueError:
            raise InvalidInput(
                "A sign-off counts for some time.", got=days, expected="more than 0 days"
            ) from None
        sign(
            store,
            _release(store, id),
            role,
            days=until,
            person=viewer.person,
            key_name=key_name(viewer.person),
        )
        return _back(request, store, id)

    @router.post("/releases/{id}/unsign")
    def unsign(request: Request, id: str, form: Form) -> Response:
        viewer, store = viewer_of(request), desk_of(request).store
        require_vouched(viewer)
        number = form.one("number")
        if not number.isdigit():
            raise NotFound("No sign-off with this number stands.", got=number)
        take_back(store, int(number), why=form.one("why"), person=viewer.person)
        return _back(request, store, id)

    @router.post("/releases/{id}/move")
    def move_it(request: Request, id: str, form: Form) -> Response:
        viewer, store = viewer_of(request), desk_of(request).store
        require_vouched(viewer)
        move(store, _release(store, id), form.one("to"), why=form.one("why"), person=viewer.person)
        return _back(request, store, id)

    return router


def _back(request: Request, store: Store, id: str) -> Response:
    """To the release's page; a registry is told behind the answer, which does not wait for it."""
    return RedirectResponse(
        f"{root_of(request)}/releases/{id}", 303, background=BackgroundTask(_report, store, id)
    )


def _report(store: Store, id: str) -> None:
    if told := report(store, _release(store, id)):
        log.warning(told)


def _may_sign(viewer: Viewer, role: str) -> bool:
    return viewer.vouched and role in viewer.roles


def _release(store: Store, id: str) -> Artifact:
    found = store.get(id)
    if found.kind != "release":
        raise NotFound("This is no release.", got=short(found.id), expected="a release of the list")
    return found


def _names(store: Store, release: Artifact) -> list[str]:
    return [row.link for row in store.links_to(release.id) if not row.link.startswith("endpoints.")]


def _current(store: Store, release: Artifact) -> Artifact | None:
    """What it would take the place of: the newest other release that may be served, else the newest other one."""
    others = [store.get(row.id) for row in reversed(store.artifacts("release")) if row.id != release.id][:20]
    return next((one for one in others if standing(store, one).released), others[0] if others else None)


def _tone(where: Standing) -> str:
    if where.state == "withdrawn" or where.failed:
        return "bad"
    return "good" if where.released else "warn"


def _releases_table(store: Store, root: str) -> Table:
    rows = store.artifacts("release")[::-1]

    def part(offset: int, limit: int) -> list[Row]:
        return [_row(store, root, row.id, row.committed_at) for row in rows[offset : offset + limit]]

    columns = [Column(say(one)) for one in ("release", "made (UTC)", "link", "standing", "state")]
    return Table(
        "releases",
        say("Releases"),
        columns,
        len(rows),
        part,
        say("Nothing was released yet."),
        show_caption=False,
    )


def _row(store: Store, root: str, id: str, at: Any) -> Row:
    found = store.get(id)
    where = standing(store, found)
    return [
        Cell(short(id), f"{root}/releases/{id}", value=id, code=True),
        moment(at),
        ", ".join(_names(store, found)) or Cell(say("replaced since"), tone="muted"),
        Cell(where.sentence, tone=_tone(where)),
        say(where.state) if where.state else "",
    ]


def _gate_table(release: Artifact) -> Table:
    rows: list[Row] = [
        [
            Cell(say(gate["outcome"]), value=gate["outcome"], tone=GATE_TONES[gate["outcome"]]),
            gate["sentence"],
            json.dumps(gate["gate"], ensure_ascii=False),
            json.dumps(gate["evidence"], ensure_ascii=False),
        ]
        for gate in release.manifest.report["gates"]
    ]
    return table(
        "gates",
        say("Gates"),
        [say(one) for one in ("outcome", "what was measured", "rule", "evidence")],
        rows,
    )


def _evidence(gate: Any) -> list[tuple[str, str]]:
    return [
        (
            say(name.replace("_", " ")),
            json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else told(value),
        )
        for name, value in gate["evidence"].items()
        if value not in (None, [], {})
    ]


def _sign_offs_table(store: Store, release: Artifact) -> Table:
    rows: list[Row] = []
    for row in store.sign_offs(release.id):
        if row.revoked_at is None:
            state = Cell(say("stands"), tone="good")
        else:
            state = Cell(
                f"{say('revoked by {person}', person=row.revoked_by)}: {row.revoked_why or ''}", tone="bad"
            )
        rows.append(
            [
                Cell(str(row.id), value=row.id, number=True),
                row.role,
                row.person,
                moment(row.signed_at),
                Cell(row.key_id[:12], value=row.key_id, code=True),
                state,
            ]
        )
    heads = [Column(say("number"), number=True)]
    heads += [Column(say(one)) for one in ("role", "person", "signed (UTC)", "key", "state")]
    return table("sign-offs", say("Sign-offs"), heads, rows, empty=say("Nobody has signed yet."))


def _states_table(store: Store, release: Artifact) -> Table:
    rows: list[Row] = [
        [moment(row.at), say(row.state), row.person, row.why] for row in store.release_states(release.id)
    ]
    return table("moves", say("Moves"), [say(one) for one in ("at (UTC)", "state", "person", "why")], rows)


def _apart_tables(found: Differences) -> list[Table]:
    documents = found.documents
    counts = [
        Change(say("documents"), documents.before, documents.after),
        Change(say("added"), None, documents.added),
        Change(say("removed"), documents.removed, None),
        *(
            Change(say("licence {licence}", licence=one.name), one.before, one.after)
            for one in documents.licences
        ),
    ]
    gates = [Change(one.name, _verdict(one.before), _verdict(one.after)) for one in found.gates]
    return [
        _changes("apart-data", say("Data"), [*counts, *found.sources]),
        _changes("apart-settings", say("Settings that differ"), found.settings),
        _scores(found.scores),
        _changes("apart-gates", say("Gates that differ"), gates),
        _changes("apart-sizes", say("Sizes"), found.sizes),
    ]


def _changes(name: str, caption: str, changes: Any) -> Table:
    rows: list[Row] = [[one.name, _side(one.before), _side(one.after)] for one in changes]
    return table(name, caption, [say("what"), say("there"), say("here")], rows)


def _side(value: Any) -> Cell | str:
    if value is None:
        return "–"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return figure(value)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)


def _verdict(gate: Any) -> str | None:
    return f"{say(gate['outcome'])}  {gate['sentence']}" if gate else None


def _scores(scores: Any) -> Table:
    def side(one: Any) -> str:
        if one is None:
            return "–"
        low = one.get("low")
        return f"{one['value']:.4f}" + ("" if low is None else f" [{low:.4f}, {one['high']:.4f}]")

    def row(score: Score) -> Row:
        apart = Cell(say("the intervals do not touch"), tone="busy") if score.apart else ""
        return [score.name, side(score.before), side(score.after), figure(score.difference), apart]

    heads = [Column(say("figure")), Column(say("there")), Column(say("here"))]
    heads += [Column(say("difference"), number=True), Column(say("note"))]
    return table("apart-figures", say("Figures"), heads, [row(one) for one in scores])
