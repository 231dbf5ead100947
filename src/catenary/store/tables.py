"""The catalog's tables of what exists and what happened. `access/tables.py` has those of who may do what.

What a table here says of an artifact is an index of what its manifest says; the manifest is the truth.
A change here needs a migration (`store/migrations/versions`): a test compares the two.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Date,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    true,
)

from catenary.db import RowNumber, UtcTime, metadata

artifacts = Table(
    "artifacts",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("kind", String(64), nullable=False),
    Column("stage", String(64), nullable=False),
    Column("version", Integer, nullable=False),
    Column("manifest_sha256", String(64), nullable=False),
    Column("files", Integer, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("committed_at", UtcTime, nullable=False),
    Column("erased_at", UtcTime),  # its files are gone, for a document's sake; its manifest stayed
    Index(None, "kind"),
)

erasures = Table(
    "erasures",
    metadata,
    Column("document_id", String(64), primary_key=True),
    Column("source", String(256), nullable=False),
    Column("licence", String(256), nullable=False),
    Column("consent", Text, nullable=False),
    Column("person", String(256), nullable=False),
    Column("why", Text, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("done_at", UtcTime),  # none: something may still hold it
    Index(None, "source"),
)

erasure_closings = Table(
    "erasure_closings",
    metadata,
    Column("id", RowNumber, primary_key=True),
    Column("document_id", String(64), ForeignKey("erasures.document_id"), nullable=False),
    Column("role", String(64), nullable=False),
    Column("person", String(256), nullable=False),
    Column("key_id", String(64), nullable=False),
    Column("envelope", JSON, nullable=False),  # DSSE: what is kept and why, and the signature
    Column("at", UtcTime, nullable=False),
    Index(None, "document_id"),
)

edges = Table(
    "edges",
    metadata,
    Column("artifact_id", String(64), ForeignKey("artifacts.id"), primary_key=True),
    Column("role", String(256), primary_key=True),
    Column("input_id", String(64), ForeignKey("artifacts.id"), nullable=False),
    Index(None, "input_id", "artifact_id"),  # the way down: what was made from this
)

links = Table(
    "links",
    metadata,
    Column("chain", String(256), primary_key=True),
    Column("link", String(256), primary_key=True),
    Column("artifact_id", String(64), ForeignKey("artifacts.id"), nullable=False),
    Column("pointed_at", UtcTime, nullable=False),
    Index(None, "artifact_id"),
)

runs = Table(
    "runs",
    metadata,
    Column("id", RowNumber, primary_key=True),
    Column("chain", String(256), nullable=False),
    Column("link", String(256), nullable=False),
    Column("stage", String(64), nullable=False),
    # No foreign key: a run begins before its artifact exists, and stays when `gc` has removed it.
    Column("artifact_id", String(64), nullable=False),
    Column("host", String(256), nullable=False),
    Column("pid", Integer, nullable=False),
    Column("started_at", UtcTime, nullable=False),
    Column("ended_at", UtcTime),
    Column("outcome", String(16)),  # done, failed, interrupted, reused, lost; none while it runs
    Column("error", Text),
    Column("seconds", Float),
    Column("peak_memory_bytes", BigInteger),
    Index(None, "artifact_id"),
    Index(None, "chain", "link"),
    Index(None, "outcome"),
)

metrics = Table(
    "metrics",
    metadata,
    Column("id", RowNumber, primary_key=True),
    Column("run_id", ForeignKey("runs.id"), nullable=False),
    Column("name", String(256), nullable=False),
    Column("value", Float),  # none stands for "not a number"
    Column("step", BigInteger),
    Column("at", UtcTime, nullable=False),
    Index(None, "run_id", "name", "step"),
)

gates = Table(
    "gates",
    metadata,
    Column("id", RowNumber, primary_key=True),
    Column("release_id", String(64), ForeignKey("artifacts.id"), nullable=False),
    Column("gate", String(1024), nullable=False),
    Column("outcome", String(16), nullable=False),  # passed, warned, failed
    Column("evidence", JSON, nullable=False),
    Column("at", UtcTime, nullable=False),  # the gates of one evaluation share it
    Index(None, "release_id", "at"),
)

sign_offs = Table(
    "sign_offs",
    metadata,
    Column("id", RowNumber, primary_key=True),
    Column("release_id", String(64), ForeignKey("artifacts.id"), nullable=False),
    Column("role", String(64), nullable=False),
    Column("person", String(256), nullable=False),
    Column("key_id", String(64), nullable=False),
    Column("envelope", JSON, nullable=False),  # DSSE: what was signed, and the signature (govern/signing.py)
    Column("signed_at", UtcTime, nullable=False),
    Column("revoked_at", UtcTime),
    Column("revoked_by", String(256)),
    Column("revoked_why", Text),
    Index(None, "release_id"),
)

release_states = Table(
    "release_states",
    metadata,
    Column("id", RowNumber, primary_key=True),
    Column("release_id", String(64), ForeignKey("artifacts.id"), nullable=False),
    Column("state", String(16), nullable=False),  # dev, staging, production, withdrawn; the newest row holds
    Column("at", UtcTime, nullable=False),
    Column("person", String(256), nullable=False),
    Column("why", Text, nullable=False),
    Index(None, "release_id", "id"),
)

receipts = Table(
    "receipts",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("at", UtcTime, nullable=False),
    Column("endpoint", String(256), nullable=False),
    Column("app", String(256)),
    Column("release_id", String(64), ForeignKey("artifacts.id"), nullable=False),
    Column("unreleased", Boolean, nullable=False),  # served without its gates and sign-offs
    Column("key_id", String(64)),
    Column("body", JSON, nullable=False),  # template, retrieved chunks, sampling, guard verdicts, digests
    Column("has_texts", Boolean, nullable=False, server_default=true()),  # not forgotten yet
    Index(None, "release_id"),
    Index(None, "at"),
    Index(None, "has_texts", "at"),
)

feedback = Table(
    "feedback",
    metadata,
    Column("id", RowNumber, primary_key=True),
    Column("receipt_id", String(64), ForeignKey("receipts.id"), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("kind", String(32), nullable=False),  # thumb, edit, rating, complaint …
    Column("body", JSON, nullable=False),
    Column("consent", String(256), nullable=False),
    Column("licence", String(256), nullable=False),
    Index(None, "receipt_id"),
    Index(None, "at"),
)

held_answers = Table(
    "held_answers",
    metadata,
    Column("receipt_id", String(64), ForeignKey("receipts.id"), primary_key=True),
    Column("at", UtcTime, nullable=False),
    Column("app", String(256), nullable=False),
    Column("role", String(64), nullable=False),  # who must sign
    Column("draft", JSON),  # what would have been answered; none once it is forgotten
    Column("decision", String(16)),  # approved, edited, refused, forgotten; none while it waits
    Column("person", String(256)),
    Column("key_id", String(64)),
    Column("envelope", JSON),  # DSSE: what was decided, and the signature
    Column("why", Text),
    Column("decided_at", UtcTime),
    Index(None, "decision", "at"),
)

usage = Table(
    "usage",
    metadata,
    Column("day", Date, primary_key=True),
    Column("key_id", String(64), primary_key=True),
    Column("model", String(256), primary_key=True),
    Column("requests", BigInteger, nullable=False),
    Column("input_tokens", BigInteger, nullable=False),
    Column("output_tokens", BigInteger, nullable=False),
)
