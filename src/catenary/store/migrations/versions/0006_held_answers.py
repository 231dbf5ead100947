"""Answers that wait for a person, and what became of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from catenary.db import UtcTime

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "held_answers",
        sa.Column("receipt_id", sa.String(64), sa.ForeignKey("receipts.id"), primary_key=True),
        sa.Column("at", UtcTime, nullable=False),
        sa.Column("app", sa.String(256), nullable=False),
        sa.Column("role", sa.String(64), nullable=False),
        sa.Column("draft", sa.JSON),
        sa.Column("decision", sa.String(16)),
        sa.Column("person", sa.String(256)),
        sa.Column("key_id", sa.String(64)),
        sa.Column("envelope", sa.JSON),
        sa.Column("why", sa.Text),
        sa.Column("decided_at", UtcTime),
    )
    op.create_index("ix_held_answers_decision_at", "held_answers", ["decision", "at"])
