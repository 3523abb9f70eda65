"""How many drawings there are, and of how many bytes, so that a limit needs no count of them all.

An index on the label, so that a drawing's rank needs none either. In PostgreSQL, times are compared
byte by byte, as in SQLite, whatever the language of the database.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make the table, of one row, and the index."""
    op.create_table(
        "totals",
        sa.Column("drawings", sa.BigInteger, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
    )
    size = "COALESCE(LENGTH(strokes), 0) + COALESCE(LENGTH(picture), 0)"
    of_all = f"SELECT COUNT(*), COALESCE(SUM({size}), 0) FROM drawings"
    op.execute(sa.text(f"INSERT INTO totals (drawings, bytes) {of_all}"))
    op.create_index("drawings_label", "drawings", ["label"])
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("drawings", "created", type_=sa.String(32, collation="C"))
