"""The field's own terms: idempotency key for sending, out-of-distribution score for evidence.

The score is the negative of what was called evidence.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Rename both columns, and turn the sign of one."""
    op.drop_index("drawings_sending", "drawings")
    op.alter_column("drawings", "sending", new_column_name="idempotency_key")
    op.create_index("drawings_idempotency_key", "drawings", ["idempotency_key"], unique=True)
    op.alter_column("drawings", "evidence", new_column_name="ood_score")
    op.execute(sa.text("UPDATE drawings SET ood_score = -ood_score"))
