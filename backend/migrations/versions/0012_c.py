"""Why a preset card is not in its session.

Revision: 0012_c, after 0010
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012_c"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("checkout_session", sa.Column("preset_refused", sa.String(20), nullable=True))


def downgrade() -> None:
    op.drop_column("checkout_session", "preset_refused")
