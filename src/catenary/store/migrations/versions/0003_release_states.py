"""Where a release stands: dev, staging, production or withdrawn, and who moved it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from catenary.db import RowNumber, UtcTime

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "release_states",
        sa.Column("id", RowNumber, primary_key=True),
        sa.Column("release_id", sa.String(64), sa.ForeignKey("artifacts.id"), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("at", UtcTime, nullable=False),
        sa.Column("person", sa.String(256), nullable=False),
        sa.Column("why", sa.Text, nullable=False),
    )
    op.create_index("ix_release_states_release_id_id", "release_states", ["release_id", "id"])
