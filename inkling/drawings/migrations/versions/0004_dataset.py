"""The data set that a drawing is of, the name of its label, and whether it is held out.

Drawings of before were digits, as far as anyone can know; the part of each is the one that its rank
gave it until now: of each digit, every fifth is held out, from the third on.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the columns, and fill them."""
    op.add_column("drawings", sa.Column("dataset", sa.String(64)))
    op.add_column("drawings", sa.Column("name", sa.String(64)))
    op.add_column("drawings", sa.Column("held_out", sa.Boolean))
    op.execute(sa.text("UPDATE drawings SET dataset = 'mnist', name = CAST(label AS VARCHAR(64))"))
    rank = "SELECT COUNT(*) FROM drawings o WHERE o.label = drawings.label AND o.id < drawings.id"
    op.execute(sa.text("UPDATE drawings SET held_out = FALSE"))
    op.execute(sa.text(f"UPDATE drawings SET held_out = TRUE WHERE ({rank}) % 5 = 2"))
