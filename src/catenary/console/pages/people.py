"""`/people`: who holds which roles, the keys of the service; given and taken by who may."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from catenary.access import (
    CALLER,
    ROLES,
    ApiKey,
    api_key_rows,
    claim,
    grant,
    grants,
    known_keys,
    make_api_key,
    recording,
    revoke_api_key,
    revoke_role,
    single_user,
)
from catenary.access.people import local_person
from catenary.console.form import Form
from catenary.console.pages.overview import require_sight
from catenary.console.table import Cell, Column, Row, Table, figure, table
from catenary.console.view import desk_of, moment, render, root_of, viewer_of
from catenary.console.viewer import Viewer, require
from catenary.errors import InvalidInput, Refused
from catenary.messages import say


def people_pages() -> APIRouter:
    """See the module."""
    router = APIRouter()

    @router.get("/people")
    def people(request: Request) -> Response:
        require_sight(viewer_of(request))
        return _page(request)

    @router.post("/people/roles")
    def give(request: Request, form: Form) -> Response:
        viewer, store = viewer_of(request), desk_of(request).store
        _require(viewer, "grant")
        person, role = form.one("person"), form.one("role")
        if not person or len(person) > 256:
            raise InvalidInput(
                "Who is to hold the role?", got=person[:40], expected="a name of 1 to 256 characters"
            )
        with recording(store.engine, store.home) as log:
            claim(log, local_person())
            if form.one("do") == "take":
                revoke_role(log, person, role, by=viewer.person)
            else:
                grant(log, person, role, by=viewer.person)
        return RedirectResponse(f"{root_of(request)}/people", 303)

    @router.post("/people/keys")
    def make(request: Request, form: Form) -> Response:
        viewer, store = viewer_of(request), desk_of(request).store
        role = form.one("role", CALLER)
        # A key with a role reads what the role reads: who may only serve makes keys that ask.
        _require(viewer, "serve" if role == CALLER else "grant")
        with recording(store.engine, store.home) as log:
            claim(log, local_person())
            key, secret = make_api_key(
                log,
                name=form.one("name"),
                by=viewer.person,
                role=role,
                models=form.get("models") or None,
                requests_per_minute=_count(form.one("rate")),
                tokens_per_day=_count(form.one("budget")),
                plan=form.one("plan") or "standard",
                keep_texts=form.one("texts") != "no",
                expires_at=_expiry(form.one("days")),
            )
        return _page(request, made=key, secret=secret)

    @router.post("/people/keys/{id}/revoke")
    def revoke(request: Request, id: str, form: Form) -> Response:
        viewer, store = viewer_of(request), desk_of(request).store
        _require(viewer, "serve")
        with recording(store.engine, store.home) as log:
            revoke_api_key(log, id, by=viewer.person)
        return RedirectResponse(f"{root_of(request)}/people", 303)

    return router


def _page(request: Request, made: ApiKey | None = None, secret: str = "") -> Response:
    viewer, desk = viewer_of(request), desk_of(request)
    with desk.store.reading() as connection:
        held = grants(connection)
        keys = api_key_rows(connection)
        signers = known_keys(connection)
        alone = single_user(connection)
    role_rows: list[Row] = [
        [
            role.name,
            say(role.title),
            ", ".join(one.person for one in held if one.role == role.name),
            ", ".join(sorted(role.may)),
            say(role.attests),
        ]
        for role in ROLES.values()
    ]
    signer_rows: list[Row] = [
        [
            Cell(one.id[:12], value=one.id, code=True),
            one.person,
            moment(one.made_at),
            f"{moment(one.revoked_at)} {one.revoked_why or ''}" if one.revoked_at else "",
        ]
        for one in signers
    ]
    heads = [say(one) for one in ("role", "title", "held by", "may", "signs that")]
    return render(
        request,
        "people.html",
        title=say("People and keys"),
        roles=table("roles", say("Roles"), heads, role_rows),
        role_names=list(ROLES),
        held=held,
        alone=alone,
        may_grant=viewer.may("grant") and viewer.vouched,
        may_serve=viewer.may("serve") and viewer.vouched,
        keys=_keys_table(keys),
        standing=[one for one in keys if one.stands(datetime.now(UTC))],
        signers=table(
            "signers",
            say("Keys that sign"),
            [say(one) for one in ("key", "person", "made", "revoked")],
            signer_rows,
        ),
        endpoints=list(desk.chain.serve.endpoints),
        plans=list(desk.chain.serve.plans) or ["standard"],
        made=made,
        secret=secret,
        first=not keys,
    )


def _keys_table(keys: list[ApiKey]) -> Table:
    now = datetime.now(UTC)
    rows: list[Row] = [
        [
            Cell(one.id, code=True),
            one.name,
            one.role,
            ", ".join(one.models or ("*",)),
            figure(one.requests_per_minute),
            figure(one.tokens_per_day),
            one.plan,
            moment(one.expires_at),
            Cell(say("stands"), tone="good")
            if one.stands(now)
            else Cell(say("revoked") if one.revoked_at else say("expired"), tone="bad"),
        ]
        for one in keys
    ]
    heads = [Column("id"), Column(say("name")), Column(say("role")), Column(say("models"))]
    heads += [Column(say("a minute"), number=True), Column(say("tokens a day"), number=True)]
    heads += [Column(say("plan")), Column(say("until")), Column(say("state"))]
    return table(
        "keys",
        say("Keys of the service"),
        heads,
        rows,
        empty=say("No key was made: whoever is here may ask."),
    )


def _require(viewer: Viewer, action: str) -> None:
    require(viewer, action)  # type: ignore[arg-type]
    if not viewer.vouched:
        raise Refused(
            "This key does not speak for a person.",
            got=viewer.person,
            expected="a key with the name of somebody who holds its role, made by who may give roles",
            next="catenary roles",
        )


def _count(text: str) -> int | None:
    if not text:
        return None
    if not text.isdigit() or not 0 < int(text) < 10**15:
        raise InvalidInput("This is no number of them.", got=text, expected="a whole number above 0")
    return int(text)


def _expiry(days: str) -> datetime | None:
    count = _count(days)
    return None if count is None else datetime.now(UTC) + timedelta(days=min(count, 36500))
