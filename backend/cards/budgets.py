"""How often a code by SMS may be tried: counted in the database, before the attempt.

Parallel attempts cannot outrun the budget, and a restart forgets nothing. Attempts that are older
than the window do not count any more, and the worker deletes them.
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
    """Count one attempt, and return whether it was within the budget. The window of a spent budget
    is not extended, or anybody could keep a card locked for ever."""
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
    """Delete one batch of budgets that are whole again. Return their number."""
    window = timedelta(seconds=ctx.settings.scc_window)
    return await purge(ctx.db, CodeBudget, col(CodeBudget.last_try_at) <= ctx.clock.now() - window)
