"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from catenary.db import RowNumber, UtcTime

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "artifacts",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("stage", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("manifest_sha256", sa.String(64), nullable=False),
        sa.Column("files", sa.Integer, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("committed_at", UtcTime, nullable=False),
    )
    op.create_index("ix_artifacts_kind", "artifacts", ["kind"])

    op.create_table(
        "edges",
        sa.Column("artifact_id", sa.String(64), sa.ForeignKey("artifacts.id"), primary_key=True),
        sa.Column("role", sa.String(256), primary_key=True),
        sa.Column("input_id", sa.String(64), sa.ForeignKey("artifacts.id"), nullable=False),
    )
    op.create_index("ix_edges_input_id_artifact_id", "edges", ["input_id", "artifact_id"])

    op.create_table(
        "links",
        sa.Column("chain", sa.String(256), primary_key=True),
        sa.Column("link", sa.String(256), primary_key=True),
        sa.Column("artifact_id", sa.String(64), sa.ForeignKey("artifacts.id"), nullable=False),
        sa.Column("pointed_at", UtcTime, nullable=False),
    )
    op.create_index("ix_links_artifact_id", "links", ["artifact_id"])

    op.create_table(
        "runs",
        sa.Column("id", RowNumber, primary_key=True),
        sa.Column("chain", sa.String(256), nullable=False),
        sa.Column("link", sa.String(256), nullable=False),
        sa.Column("stage", sa.String(64), nullable=False),
        sa.Column("artifact_id", sa.String(64), nullable=False),
        sa.Column("host", sa.String(256), nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("started_at", UtcTime, nullable=False),
        sa.Column("ended_at", UtcTime),
        sa.Column("outcome", sa.String(16)),
        sa.Column("error", sa.Text),
        sa.Column("seconds", sa.Float),
        sa.Column("peak_memory_bytes", sa.BigInteger),
    )
    op.create_index("ix_runs_artifact_id", "runs", ["artifact_id"])
    op.create_index("ix_runs_chain_link", "runs", ["chain", "link"])
    op.create_index("ix_runs_outcome", "runs", ["outcome"])

    op.create_table(
        "metrics",
        sa.Column("id", RowNumber, primary_key=True),
        sa.Column("run_id", RowNumber, sa.ForeignKey("runs.id"), nullable=False),
        sa.Column("name", sa.String(256), nullable=False),
        sa.Column("value", sa.Float),
        sa.Column("step", sa.BigInteger),
        sa.Column("at", UtcTime, nullable=False),
    )
    op.create_index("ix_metrics_run_id_name_step", "metrics", ["run_id", "name", "step"])

    op.create_table(
        "gates",
        sa.Column("id", RowNumber, primary_key=True),
        sa.Column("release_id", sa.String(64), sa.ForeignKey("artifacts.id"), nullable=False),
        sa.Column("gate", sa.String(1024), nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("evidence", sa.JSON, nullable=False),
        sa.Column("at", UtcTime, nullable=False),
    )
    op.create_index("ix_gates_release_id_at", "gates", ["release_id", "at"])

    op.create_table(
        "sign_offs",
        sa.Column("id", RowNumber, primary_key=True),
        sa.Column("release_id", sa.String(64), sa.ForeignKey("artifacts.id"), nullable=False),
        sa.Column("role", sa.String(64), nullable=False),
        sa.Column("person", sa.String(256), nullable=False),
        sa.Column("key_id", sa.String(64), nullable=False),
        sa.Column("envelope", sa.JSON, nullable=False),
        sa.Column("signed_at", UtcTime, nullable=False),
        sa.Column("revoked_at", UtcTime),
        sa.Column("revoked_by", sa.String(256)),
        sa.Column("revoked_why", sa.Text),
    )
    op.create_index("ix_sign_offs_release_id", "sign_offs", ["release_id"])

    op.create_table(
        "receipts",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("at", UtcTime, nullable=False),
        sa.Column("endpoint", sa.String(256), nullable=False),
        sa.Column("app", sa.String(256)),
        sa.Column("release_id", sa.String(64), sa.ForeignKey("artifacts.id"), nullable=False),
        sa.Column("unreleased", sa.Boolean, nullable=False),
        sa.Column("key_id", sa.String(64)),
        sa.Column("body", sa.JSON, nullable=False),
    )
    op.create_index("ix_receipts_release_id", "receipts", ["release_id"])
    op.create_index("ix_receipts_at", "receipts", ["at"])

    op.create_table(
        "feedback",
        sa.Column("id", RowNumber, primary_key=True),
        sa.Column("receipt_id", sa.String(64), sa.ForeignKey("receipts.id"), nullable=False),
        sa.Column("at", UtcTime, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("body", sa.JSON, nullable=False),
        sa.Column("consent", sa.String(256), nullable=False),
        sa.Column("licence", sa.String(256), nullable=False),
    )
    op.create_index("ix_feedback_receipt_id", "feedback", ["receipt_id"])
    op.create_index("ix_feedback_at", "feedback", ["at"])

    op.create_table(
        "usage",
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("key_id", sa.String(64), primary_key=True),
        sa.Column("model", sa.String(256), primary_key=True),
        sa.Column("requests", sa.BigInteger, nullable=False),
        sa.Column("input_tokens", sa.BigInteger, nullable=False),
        sa.Column("output_tokens", sa.BigInteger, nullable=False),
    )

    op.create_table(
        "roles",
        sa.Column("id", RowNumber, primary_key=True),
        sa.Column("person", sa.String(256), nullable=False),
        sa.Column("role", sa.String(64), nullable=False),
        sa.Column("granted_at", UtcTime, nullable=False),
        sa.Column("granted_by", sa.String(256), nullable=False),
        sa.Column("revoked_at", UtcTime),
        sa.Column("revoked_by", sa.String(256)),
    )
    op.create_index("ix_roles_person", "roles", ["person"])

    op.create_table(
        "keys",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("person", sa.String(256), nullable=False),
        sa.Column("public_key", sa.Text, nullable=False),
        sa.Column("made_at", UtcTime, nullable=False),
        sa.Column("revoked_at", UtcTime),
        sa.Column("revoked_by", sa.String(256)),
        sa.Column("revoked_why", sa.Text),
    )
    op.create_index("ix_keys_person", "keys", ["person"])

    op.create_table(
        "audit",
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("actor", sa.String(256), nullable=False),
        sa.Column("action", sa.String(256), nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )

    op.create_table(
        "audit_checkpoints",
        sa.Column("seq", sa.BigInteger, sa.ForeignKey("audit.seq"), primary_key=True, autoincrement=False),
        sa.Column("statement", sa.Text, nullable=False),
        sa.Column("key_id", sa.String(64), nullable=False),
        sa.Column("signature", sa.Text, nullable=False),
    )
