"""Drawings, each with its label and how it was read."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "drawings",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("created", sa.String(32), nullable=False),
        sa.Column("session", sa.String(64), nullable=False),
        sa.Column("label", sa.Integer, nullable=False),
        sa.Column("reading", sa.Integer, nullable=False),
        sa.Column("confidence", sa.Float, nullable=False),
        sa.Column("evidence", sa.Float, nullable=False),
        sa.Column("accepted", sa.Boolean),
        sa.Column("model_sha256", sa.String(64), nullable=False),
        sa.Column("strokes", sa.Text),
        sa.Column("pen", sa.Float),
        sa.Column("picture", sa.LargeBinary),
    )
