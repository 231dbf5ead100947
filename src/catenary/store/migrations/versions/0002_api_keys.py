"""Keys of the served API, and which receipts hold texts still."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from catenary.db import UtcTime

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("secret_sha256", sa.String(64), nullable=False),
        sa.Column("name", sa.String(256), nullable=False),
        sa.Column("role", sa.String(64), nullable=False),
        sa.Column("models", sa.JSON),
        sa.Column("requests_per_minute", sa.Integer),
        sa.Column("tokens_per_day", sa.BigInteger),
        sa.Column("plan", sa.String(64), nullable=False),
        sa.Column("keep_texts", sa.Boolean, nullable=False),
        sa.Column("made_at", UtcTime, nullable=False),
        sa.Column("made_by", sa.String(256), nullable=False),
        sa.Column("expires_at", UtcTime),
        sa.Column("revoked_at", UtcTime),
        sa.Column("revoked_by", sa.String(256)),
    )
    op.create_index("ix_api_keys_secret_sha256", "api_keys", ["secret_sha256"], unique=True)
    op.add_column("receipts", sa.Column("has_texts", sa.Boolean, nullable=False, server_default=sa.true()))
    op.create_index("ix_receipts_has_texts_at", "receipts", ["has_texts", "at"])
