"""What a page, the counts and an import of a million drawings need, so that none looks at all.

Whether a reading is wrong is a column, and each order has an index that holds all that filters look
at: a page is found in it alone. The drawings of a label, a day, right or wrong, accepted or not are
counted in a table. An index on the date is for imports, which ask what is there, and for pruning.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Make column, indices and table, and fill them."""
    op.add_column("drawings", sa.Column("wrong", sa.Boolean))
    wrong = "COALESCE(label <> reading, text <> reading_text, TRUE)"
    op.execute(sa.text(f"UPDATE drawings SET wrong = {wrong}"))
    op.drop_index("drawings_label", "drawings")
    seen = ["label", "wrong", "accepted", "session", "created"]
    op.create_index("drawings_hardest", "drawings", ["confidence", sa.text("id DESC"), *seen])
    op.create_index("drawings_numbered", "drawings", ["id", *seen])
    op.create_index("drawings_created", "drawings", ["created"])
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    op.create_table(
        "counts",
        sa.Column("label", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("day", sa.String(10, collation="C" if is_postgresql else None), primary_key=True),
        sa.Column("wrong", sa.Boolean, primary_key=True),
        sa.Column("accepted", sa.Boolean, primary_key=True),
        sa.Column("n", sa.Integer, nullable=False),
    )
    group = "COALESCE(label, -1), SUBSTR(created, 1, 10), wrong, COALESCE(accepted, FALSE)"
    of_all = f"SELECT {group}, COUNT(*) FROM drawings GROUP BY 1, 2, 3, 4"
    op.execute(sa.text(f"INSERT INTO counts (label, day, wrong, accepted, n) {of_all}"))
