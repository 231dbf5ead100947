"""The catalog's tables of who may do what, and of what was done. `store/migrations` makes them."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Boolean, Column, ForeignKey, Index, Integer, String, Table, Text

from catenary.db import RowNumber, UtcTime, metadata

roles = Table(
    "roles",
    metadata,
    Column("id", RowNumber, primary_key=True),
    Column("person", String(256), nullable=False),
    Column("role", String(64), nullable=False),
    Column("granted_at", UtcTime, nullable=False),
    Column("granted_by", String(256), nullable=False),
    Column("revoked_at", UtcTime),
    Column("revoked_by", String(256)),
    Index(None, "person"),
)

keys = Table(
    "keys",
    metadata,
    Column("id", String(64), primary_key=True),  # SHA-256 of the raw public key
    Column("person", String(256), nullable=False),
    Column("public_key", Text, nullable=False),  # PEM (SubjectPublicKeyInfo)
    Column("made_at", UtcTime, nullable=False),
    Column("revoked_at", UtcTime),
    Column("revoked_by", String(256)),
    Column("revoked_why", Text),
    Index(None, "person"),
)

# Keys of the served API: who may ask what, how often, until when. The secret itself is kept nowhere.
api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("secret_sha256", String(64), nullable=False),
    Column("name", String(256), nullable=False),
    Column("role", String(64), nullable=False),
    Column("models", JSON),  # the endpoints that it may ask; null: all
    Column("requests_per_minute", Integer),
    Column("tokens_per_day", BigInteger),
    Column("plan", String(64), nullable=False),
    Column("keep_texts", Boolean, nullable=False),
    Column("made_at", UtcTime, nullable=False),
    Column("made_by", String(256), nullable=False),
    Column("expires_at", UtcTime),
    Column("revoked_at", UtcTime),
    Column("revoked_by", String(256)),
    Index(None, "secret_sha256", unique=True),
)

# Both are kept as the very text that was hashed, so that no edit of a byte can mean the same and pass.
audit = Table(
    "audit",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),  # 1, 2, 3 … without a gap
    Column("at", String(32), nullable=False),
    Column("actor", String(256), nullable=False),
    Column("action", String(256), nullable=False),
    Column("detail", Text, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
)

audit_checkpoints = Table(
    "audit_checkpoints",
    metadata,
    Column("seq", BigInteger, ForeignKey("audit.seq"), primary_key=True, autoincrement=False),
    Column("statement", Text, nullable=False),
    Column("key_id", String(64), nullable=False),
    Column("signature", Text, nullable=False),
)
