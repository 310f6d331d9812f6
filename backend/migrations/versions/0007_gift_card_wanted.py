"""How much of the gift card is to be used in a session.

Revision: 0007, after 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("session_gift_card") as table:
        table.add_column(sa.Column("wanted", sa.BigInteger(), nullable=True))
        table.create_check_constraint("session_gift_card_wanted_positive", "wanted > 0")


def downgrade() -> None:
    with op.batch_alter_table("session_gift_card") as table:
        table.drop_constraint("session_gift_card_wanted_positive", type_="check")
        table.drop_column("wanted")
