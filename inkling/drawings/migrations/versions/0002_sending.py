"""The request that sent a drawing: a drawing sent again, its answer lost, is stored once."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the column, unique."""
    op.add_column("drawings", sa.Column("sending", sa.String(64)))
    op.create_index("drawings_sending", "drawings", ["sending"], unique=True)
