"""PINs as keyed MACs, the budgets of wrong PINs, and what happened to cards besides their money.

Revision: 0015_b, after 0010
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from backend.db import JsonColumn, UtcDateTime

revision = "0015_b"
down_revision = "0010"
branch_labels = None
depends_on = None

_OLD_PIN = sa.text("pin_hash IS NOT NULL AND pin_key IS NULL")
APPEND_ONLY = ("card_event",)


def upgrade() -> None:
    op.add_column("card", sa.Column("pin_key", sa.String(length=16), nullable=True))
    op.create_index(
        "card_old_pin", "card", ["account_id"], sqlite_where=_OLD_PIN, postgresql_where=_OLD_PIN
    )
    op.create_table(
        "pin_budget",
        sa.Column("scope", sa.String(length=96), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("recent", JsonColumn, nullable=False),
        sa.Column("life", sa.Integer(), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("last_try_at", UtcDateTime(), nullable=True),
        sa.Column("forget_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("scope"),
    )
    op.create_index("ix_pin_budget_forget_at", "pin_budget", ["forget_at"])
    op.create_table(
        "card_event",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("card", sa.String(), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("by", sa.String(length=255), nullable=True),
        sa.Column("reason", sa.String(length=255), nullable=True),
        sa.Column("details", JsonColumn, nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.ForeignKeyConstraint(["card"], ["card.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("card_event_listed", "card_event", ["card", "created_at", "id"])
    sqlite = op.get_bind().dialect.name == "sqlite"
    for table in APPEND_ONLY:
        if sqlite:
            for verb in ("UPDATE", "DELETE"):
                op.execute(
                    f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                    f"BEGIN SELECT RAISE(ABORT, '{table} is append only'); END"
                )
        else:
            op.execute(
                f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
                "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
            )


def downgrade() -> None:
    """The trigger goes with its table. PINs that are MACs by now match nothing any more."""
    op.drop_table("card_event")
    op.drop_table("pin_budget")
    op.drop_index("card_old_pin", "card")
    op.drop_column("card", "pin_key")
