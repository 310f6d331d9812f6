"""Preset cards that are not in their session; cards that replace others; what was done to a card.

Revision: 0014, after 0013
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from backend.core.db import JsonColumn, UtcDateTime

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("checkout_session", sa.Column("preset_refused", sa.String(20), nullable=True))
    for name in ("replaces", "replaced_by"):
        op.add_column("card", sa.Column(name, sa.String(255), nullable=True))
    # A new column is no change of what is written: the table stays append only.
    op.add_column("transaction_event", sa.Column("gift_card_shown", JsonColumn, nullable=True))
    op.create_table(
        "card_event",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("card", sa.String(), nullable=False),
        sa.Column("name", sa.String(length=24), nullable=False),
        sa.Column("details", JsonColumn, nullable=False),
        sa.Column("reason", sa.String(length=255), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["card"], ["card.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("card_event_listed", "card_event", ["card", "created_at", "id"])
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER card_event_no_{verb.lower()} BEFORE {verb} ON card_event "
                "BEGIN SELECT RAISE(ABORT, 'card_event is append only'); END"
            )
    else:
        op.execute(
            "CREATE TRIGGER card_event_append_only BEFORE UPDATE OR DELETE ON card_event "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
        op.execute(
            "CREATE TRIGGER card_event_no_truncate BEFORE TRUNCATE ON card_event "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )


def downgrade() -> None:
    op.drop_table("card_event")
    op.drop_column("transaction_event", "gift_card_shown")
    for name in ("replaced_by", "replaces"):
        op.drop_column("card", name)
    op.drop_column("checkout_session", "preset_refused")
