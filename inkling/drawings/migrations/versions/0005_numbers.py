"""Numbers beside digits: the text of a number's label, and of its reading.

A number has no class and no out-of-distribution score, so these may be null from now on.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the columns. SQLite makes the table again, as it cannot change a column."""
    with op.batch_alter_table("drawings") as table:
        for name, kind in (("label", sa.Integer), ("reading", sa.Integer), ("ood_score", sa.Float)):
            table.alter_column(name, existing_type=kind(), nullable=True)
        table.add_column(sa.Column("text", sa.String(64)))
        table.add_column(sa.Column("reading_text", sa.Text))
