"""How often a code by SMS may be tried: counted in the database, before the attempt.

Parallel attempts cannot outrun it, and a restart forgets nothing. What is past its window counts
for nothing any more, and the worker deletes it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import case
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.cards.tables import CodeBudget
from backend.core.context import Backend
from backend.core.due_work import purge


async def count(db: AsyncSession, scope: str, limit: int, now: datetime, window: timedelta) -> bool:
    """Count one attempt; whether it was within the budget. A spent budget's window is not extended,
    or anybody could keep a card locked for ever."""
    dialect = postgresql if db.get_bind().dialect.name == "postgresql" else sqlite
    tries, last = col(CodeBudget.tries), col(CodeBudget.last_try_at)
    fresh = last <= now - window
    insert = dialect.insert(CodeBudget).values(scope=scope, tries=1, last_try_at=now)
    query = insert.on_conflict_do_update(
        index_elements=["scope"],
        set_={
            "tries": case((fresh, 1), else_=tries + 1),
            "last_try_at": case((fresh, now), (tries < limit, now), else_=last),
        },
    ).returning(tries)
    counted = (await db.exec(query)).scalar_one()
    return int(counted) <= limit


async def purge_old_attempts(ctx: Backend) -> int:
    """Delete budgets that are whole again, one batch; return how many."""
    window = timedelta(seconds=ctx.settings.scc_window)
    return await purge(ctx.db, CodeBudget, col(CodeBudget.last_try_at) <= ctx.clock.now() - window)
