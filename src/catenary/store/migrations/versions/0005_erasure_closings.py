"""Erasures that a signed reason closed, where something is kept."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from catenary.db import RowNumber, UtcTime

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "erasure_closings",
        sa.Column("id", RowNumber, primary_key=True),
        sa.Column("document_id", sa.String(64), sa.ForeignKey("erasures.document_id"), nullable=False),
        sa.Column("role", sa.String(64), nullable=False),
        sa.Column("person", sa.String(256), nullable=False),
        sa.Column("key_id", sa.String(64), nullable=False),
        sa.Column("envelope", sa.JSON, nullable=False),
        sa.Column("at", UtcTime, nullable=False),
    )
    op.create_index("ix_erasure_closings_document_id", "erasure_closings", ["document_id"])
