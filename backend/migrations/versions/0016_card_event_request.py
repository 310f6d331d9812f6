"""An event of a gift card names the request that caused it.

Revision: 0016, after 0015
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # In place: a table that is made again would lose the triggers that keep it append-only.
    op.add_column("card_event", sa.Column("request_id", sa.String(length=36), nullable=True))


def downgrade() -> None:
    op.drop_column("card_event", "request_id")
