"""Documents that were erased, and artifacts of which only the manifest stayed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from catenary.db import UtcTime

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("artifacts", sa.Column("erased_at", UtcTime))
    op.create_table(
        "erasures",
        sa.Column("document_id", sa.String(64), primary_key=True),
        sa.Column("source", sa.String(256), nullable=False),
        sa.Column("licence", sa.String(256), nullable=False),
        sa.Column("consent", sa.Text, nullable=False),
        sa.Column("person", sa.String(256), nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("at", UtcTime, nullable=False),
        sa.Column("done_at", UtcTime),
    )
    op.create_index("ix_erasures_source", "erasures", ["source"])
