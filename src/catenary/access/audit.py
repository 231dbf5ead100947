"""The audit log: who did what, when, in a chain of hashes that ends, always, in a signed checkpoint.

    with recording(engine, home) as log:
        log.connection.execute(...)             # what is done, and that it was done: one transaction
        log.append("ada", "release.sign", {"release": "…"})
    verify(engine, home)                        # [] when nothing was touched

Each entry's hash covers its number, time, actor, action, detail and the hash before it. What one transaction appends
is closed by one checkpoint: a statement of the last number and hash and of the checkpoint before, signed with this
home's audit key. The newest checkpoint is kept in the home too (`audit.head`), outside the database.

Who can write to the database, but has no audit key of a home, is found out by `verify` whatever he does: an entry
or a checkpoint edited, dropped, inserted, swapped or moved breaks a hash or a signature; entries added at the end
are not signed; a log cut off at its end lacks the checkpoint that the home holds. Nor can a later entry cover it up:
`recording` refuses to go on from a log that lacks it (`accept` goes on all the same, and says so in the log).

What cannot be found from inside: entries lost again that were written between a home's last append and its loss
(another home's on a shared catalog, or those of a process killed after its commit and before it wrote `audit.head`);
database and home both put back to what they were at one earlier time; and anything at all done by one who holds the
private audit key, for he can write a new log. Against these, keep `anchor` now and then where he cannot reach (a
ticket, a mail, a public repository) and hand it to `verify`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC
from typing import Any

from sqlalchemy import Connection, Engine, insert, select
from sqlalchemy.exc import DatabaseError

from catenary.access.keys import PublicKey, SigningKey, own_key, trusted_keys
from catenary.access.tables import audit, audit_checkpoints
from catenary.config import Home
from catenary.db import now, reading, serialise, writing
from catenary.digest import digest
from catenary.errors import Damaged, InvalidInput, Refused
from catenary.files import write_whole
from catenary.findings import Finding

GENESIS = "0" * 64  # stands for the hash before the first entry
AUDIT_KEY = "audit"
HEAD = "audit.head"
LOCK_SECONDS = 60  # how long to queue behind other processes that append
STATEMENT = "catenary audit checkpoint 1"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the log. `at` and `detail` (canonical JSON) are texts: the very ones that were hashed."""

    seq: int
    at: str
    actor: str
    action: str
    detail: str
    previous: str
    hash: str

    def expected_hash(self) -> str:
        """The hash that belongs to this entry's content."""
        return digest(["audit", self.seq, self.at, self.actor, self.action, self.detail, self.previous])


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A signature over the log as it stood after entry `seq`. `signature` is in hexadecimal digits."""

    seq: int
    statement: str
    key_id: str
    signature: str

    def verifies(self, key: PublicKey) -> bool:
        """Whether `key` signed this statement."""
        try:
            signature = bytes.fromhex(self.signature)
        except (TypeError, ValueError):
            return False
        if signature.hex() != self.signature or not isinstance(self.statement, str):
            return False
        return key.verifies(signature, self.statement.encode())


@dataclass(frozen=True, slots=True)
class Anchor:
    """What to keep elsewhere: the log had this hash after entry `seq`."""

    seq: int
    hash: str

    def __str__(self) -> str:
        return f"{self.seq}:{self.hash}"

    @classmethod
    def parse(cls, text: str) -> Anchor:
        """Read what `str` wrote. Raises InvalidInput."""
        number, _, hashed = text.strip().partition(":")
        if not number.isdecimal() or len(hashed) != len(GENESIS):
            raise InvalidInput(
                "An anchor of the audit log cannot be read.",
                got=text,
                expected="a number, a colon, 64 digits",
            )
        return cls(int(number), hashed)


class Recorder:
    """A transaction that is being recorded: change what is to change through `connection`, and append."""

    def __init__(self, connection: Connection, tail: Anchor, checkpoint: int) -> None:
        self.connection = connection
        self.tail = tail
        self._checkpoint = checkpoint
        self._appended = False

    def append(self, actor: str, action: str, detail: Mapping[str, Any]) -> Entry:
        """Append one entry; `detail` holds JSON values."""
        at = now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        seq = self.tail.seq + 1
        unsealed = Entry(seq, at, actor, action, _canonical(detail), self.tail.hash, "")
        entry = Entry(**{**asdict(unsealed), "hash": unsealed.expected_hash()})
        self.connection.execute(insert(audit).values(**asdict(entry)))
        self.tail, self._appended = Anchor(seq, entry.hash), True
        return entry

    def seal(self, key: SigningKey) -> Checkpoint | None:
        """Sign what was appended; None when nothing was."""
        if not self._appended:
            return None
        statement = _statement(self.tail.seq, self.tail.hash, self._checkpoint)
        checkpoint = Checkpoint(self.tail.seq, statement, key.public.id, key.sign(statement.encode()).hex())
        self.connection.execute(insert(audit_checkpoints).values(**asdict(checkpoint)))
        return checkpoint


@contextmanager
def recording(engine: Engine, home: Home) -> Iterator[Recorder]:
    """A writing transaction and its audit entries: both are kept, or neither.

    Raises Damaged when the log is not what this home last signed, Refused when others hold it for too long.
    """
    with _appending(home) as key:
        with writing(engine) as connection:
            serialise(connection, audit)
            recorder = _recorder(connection)
            _require_own_head(connection, recorder.tail, home)
            yield recorder
            sealed = recorder.seal(key)
        if sealed is not None:  # only now: the head may say nothing that the database has not kept
            _write_head(home, sealed)


def record(engine: Engine, home: Home, actor: str, action: str, detail: Mapping[str, Any]) -> Entry:
    """Append one entry in a transaction of its own."""
    with recording(engine, home) as log:
        return log.append(actor, action, detail)


def entries(connection: Connection, *, after: int | None = None, limit: int | None = None) -> Iterator[Entry]:
    """The log in order, whole or from the entry behind `after` on."""
    query = select(audit).order_by(audit.c.seq).limit(limit)
    if after is not None:
        query = query.where(audit.c.seq > after)
    for row in connection.execute(query):
        yield Entry(*row)


def anchor(engine: Engine) -> Anchor | None:
    """The newest number and hash, to keep elsewhere; None while the log is empty."""
    with reading(engine) as connection:
        tail = _recorder(connection).tail
    return tail if tail.seq else None


def verify(engine: Engine, home: Home, anchors: Sequence[Anchor] = ()) -> list[Finding]:
    """What is not as it was written; an empty list when all is. See the top of this file for what that means."""
    head, unreadable = _head_or_finding(home)
    trusted = trusted_keys(home.keys)
    try:
        with reading(engine) as connection:
            query = select(audit_checkpoints).order_by(audit_checkpoints.c.seq)
            checkpoints = [Checkpoint(*row) for row in connection.execute(query)]
            found = check(entries(connection), checkpoints, trusted, anchors)
    except DatabaseError as error:  # a text that is none, a page that is torn
        return [Finding("The audit log cannot be read: {error}", None, {"error": error.orig or error})]
    if head is not None and head not in checkpoints:
        found.append(
            Finding(
                "This home signed entry {seq}, and the log does not have it so: it was cut off or replaced.",
                None,
                {"seq": head.seq},
            )
        )
    if head is None and unreadable is None and _signed_by_this_home(checkpoints, home):
        found.append(
            Finding(
                "The record of the log's end is missing from this home: {path}",
                None,
                {"path": home.path / HEAD},
            )
        )
    return found if unreadable is None else [*found, unreadable]


def check(
    log: Iterable[Entry],
    checkpoints: Sequence[Checkpoint],
    trusted: Mapping[str, PublicKey],
    anchors: Sequence[Anchor] = (),
) -> list[Finding]:
    """Whether entries and checkpoints, in the order of their numbers, are what was written. Reads the log once."""
    wanted = {checkpoint.seq for checkpoint in checkpoints} | {anchored.seq for anchored in anchors}
    found: list[Finding] = []
    hashes: dict[int, str] = {0: GENESIS}
    last, previous = 0, GENESIS
    for entry in log:
        found += _entry_findings(entry, last, previous)
        # An edit may have left another type than a number in SQLite.
        last, previous = entry.seq if isinstance(entry.seq, int) else last + 1, entry.hash
        if entry.seq in wanted:
            hashes[entry.seq] = entry.hash
    before = 0
    for checkpoint in checkpoints:
        found += _checkpoint_findings(checkpoint, before, hashes, trusted)
        before = checkpoint.seq
    if before != last:
        found.append(Finding("What follows entry {seq} was not signed.", None, {"seq": before}))
    found += [
        Finding("The log does not agree with the anchor at entry {seq}.", None, {"seq": anchored.seq})
        for anchored in anchors
        if hashes.get(anchored.seq) != anchored.hash
    ]
    return found


def accept(engine: Engine, home: Home, actor: str, why: str) -> Entry:
    """Go on from a log that lost what this home had signed (a catalog restored from a backup, say).

    The log says from now on that it did so, who let it, why, and what was found; the old head is kept beside the
    new one. An entry that was edited stays found for ever.
    """
    found = [finding.text("en") for finding in verify(engine, home)]
    with _appending(home) as key:
        head = home.path / HEAD
        detail: dict[str, Any] = {"why": why, "found": found}
        if head.exists():
            detail["head"] = head.read_text("utf-8", "replace")
        with writing(engine) as connection:
            serialise(connection, audit)
            recorder = _recorder(connection)
            entry = recorder.append(actor, "audit.accept", detail)
            sealed = recorder.seal(key)
        assert sealed is not None
        if head.exists():
            head.rename(home.path / f"{HEAD}.before-{entry.seq}")
        _write_head(home, sealed)
    return entry


def _entry_findings(entry: Entry, last: int, previous: str) -> Iterator[Finding]:
    values = {"seq": entry.seq}
    if entry.seq != last + 1:
        yield Finding("Entries are missing before entry {seq}.", None, values)
    if entry.previous != previous:
        yield Finding("Entry {seq} does not follow the entry before it.", None, values)
    if entry.hash != entry.expected_hash():
        yield Finding("Entry {seq} is not what was written.", None, values)


def _checkpoint_findings(
    checkpoint: Checkpoint, before: int, hashes: Mapping[int, str], trusted: Mapping[str, PublicKey]
) -> Iterator[Finding]:
    values: dict[str, object] = {"seq": checkpoint.seq}
    key = trusted.get(checkpoint.key_id)
    if key is None:
        yield Finding(
            "The checkpoint at entry {seq} is signed by a key that this home does not trust: {key}",
            None,
            {**values, "key": checkpoint.key_id},
        )
    elif not checkpoint.verifies(key):
        yield Finding("The checkpoint at entry {seq} is not what was signed.", None, values)
    elif checkpoint.statement != _statement(checkpoint.seq, hashes.get(checkpoint.seq), before):
        yield Finding("The log does not agree with its checkpoint at entry {seq}.", None, values)


def _statement(seq: int, hashed: str | None, previous: int) -> str:
    return _canonical({"statement": STATEMENT, "seq": seq, "hash": hashed, "previous": previous})


def _canonical(value: Mapping[str, Any]) -> str:
    """The one JSON text of a value: sorted keys, no spaces, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


@contextmanager
def _appending(home: Home) -> Iterator[SigningKey]:
    """One process of this home appends at a time, so that `audit.head` never goes back."""
    from filelock import FileLock, Timeout

    lock = FileLock(home.path / "audit.lock", timeout=LOCK_SECONDS)
    try:
        lock.acquire()
    except Timeout as error:
        raise Refused(
            "Another process is holding the audit log.",
            where=str(home.path),
            expected="a turn within {seconds} seconds",
            next="catenary status",
            seconds=LOCK_SECONDS,
        ) from error
    try:
        yield own_key(home.keys, AUDIT_KEY)
    finally:
        lock.release()


def _recorder(connection: Connection) -> Recorder:
    entry = connection.execute(
        select(audit.c.seq, audit.c.hash).order_by(audit.c.seq.desc()).limit(1)
    ).one_or_none()
    last = select(audit_checkpoints.c.seq).order_by(audit_checkpoints.c.seq.desc()).limit(1)
    return Recorder(
        connection, Anchor(*entry) if entry else Anchor(0, GENESIS), connection.execute(last).scalar() or 0
    )


def _require_own_head(connection: Connection, tail: Anchor, home: Home) -> None:
    """Refuse to build on a log that was cut off, or whose end was rewritten: it would cover the traces."""
    head = _read_head(home)
    kept = None
    if head is not None:
        query = select(audit_checkpoints).where(audit_checkpoints.c.seq == head.seq)
        row = connection.execute(query).one_or_none()
        kept = Checkpoint(*row) if row else None
    newest = connection.execute(
        select(audit_checkpoints).order_by(audit_checkpoints.c.seq.desc()).limit(1)
    ).one_or_none()
    sealed = (
        tail.seq == 0
        if newest is None
        else json.loads(newest.statement)["hash"] == tail.hash and newest.seq == tail.seq
    )
    if kept != head or not sealed:
        raise Damaged(
            "The audit log is not as this home has signed it, so nothing is added to it.",
            where=str(home.path / HEAD),
            next="catenary audit verify",
        )


def _signed_by_this_home(checkpoints: Sequence[Checkpoint], home: Home) -> bool:
    if not (home.keys / f"{AUDIT_KEY}.key").exists():
        return False
    own = own_key(home.keys, AUDIT_KEY).public.id
    return any(checkpoint.key_id == own for checkpoint in checkpoints)


def _read_head(home: Home) -> Checkpoint | None:
    path = home.path / HEAD
    try:
        return Checkpoint(**json.loads(path.read_text("utf-8")))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise Damaged("The record of the audit log's end cannot be read.", where=str(path)) from error


def _head_or_finding(home: Home) -> tuple[Checkpoint | None, Finding | None]:
    try:
        return _read_head(home), None
    except Damaged as error:
        return None, Finding(error.what, HEAD)


def _write_head(home: Home, checkpoint: Checkpoint) -> None:
    write_whole(home.path / HEAD, (_canonical(asdict(checkpoint)) + "\n").encode())
