"""A back end over one database, without any page, provider or worker."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from backend.accounts.clients import create_account
from backend.cards.issue import CardOrder, issue_card
from backend.cards.tables import Card
from backend.core import context
from backend.core.context import Backend
from backend.core.settings import Settings

ACCOUNT = "T12345678"


def open_backend(url: str) -> Backend:
    settings = Settings(secret_key="k" * 40, database_url=url)
    return context.create(settings)


async def issue(ctx: Backend, card_id: str, amount: int, currency: str = "NOK") -> Card:
    order = CardOrder(ACCOUNT, card_id, amount, currency, "tests")
    return (await issue_card(ctx, order)).card


@pytest.fixture
async def ctx(database_url: str) -> AsyncIterator[Backend]:
    ctx = open_backend(database_url)
    await create_account(ctx, ACCOUNT, "Fjord & Form")
    yield ctx
    await ctx.close()


@pytest.fixture
async def card(ctx: Backend) -> Card:
    """100.00 NOK."""
    return await issue(ctx, "card-1", 10000)
