"""Every list of the API with every filter: with matches, without matches, and from the middle."""

from __future__ import annotations

from sqlalchemy import text

from tests.support.checkout import ACCOUNT, Merchant

LONG_AGO = "2020-01-01T00:00:00Z"
LATER = "2099-01-01T00:00:00Z"
WALLETS = f"/v1/accounts/{ACCOUNT}/wallets/cards"
DELIVERIES = f"/v1/accounts/{ACCOUNT}/hooks/deliveries"


async def listed_paths(merchant: Merchant) -> list[str]:
    """Return paths with their queries, for a merchant whose rows come from `growth.grow`."""
    found = []
    for make in (of_sessions, of_transactions, of_cards, of_one_card, of_deliveries):
        found += await make(merchant)
    return found


async def _some(merchant: Merchant, table: str) -> tuple[str, str]:
    """Return the ids of this merchant's middle row and oldest row."""
    query = f'SELECT id FROM "{table}" WHERE account_id = :a ORDER BY created_at DESC, id DESC'  # noqa: S608
    async with merchant.ctx.db.reading() as db:
        ids = (await (await db.connection()).execute(text(query), {"a": ACCOUNT})).scalars().all()
    return ids[len(ids) // 2], ids[-1]


async def of_sessions(merchant: Merchant) -> list[str]:
    middle, oldest = await _some(merchant, "checkout_session")
    paid = (await merchant.get("/v1/sessions?limit=100"))[20]
    found = [
        "", "limit=100", f"starting_after={middle}", f"starting_after={oldest}",
        f"created_at.gte={LATER}", f"created_at.lte={LONG_AGO}",
        f"created_at.gte={LONG_AGO}&created_at.lte={LATER}", "search=nobody",
        f"search={oldest}", f"search={middle}&starting_after={middle}", "search=order-1",
        "search=kari@shop.exa00000003", "search=%2B4700000004", "search=reference-app-00000002",
        "transaction_id=none", f"transaction_id={paid['id']}&transaction_id=x",
    ]  # fmt: skip
    return [f"/v1/sessions?{query}" for query in found]


async def of_transactions(merchant: Merchant) -> list[str]:
    middle, oldest = await _some(merchant, "transaction")
    kept = await merchant.transaction(oldest)
    found = [
        "", "limit=100", f"starting_after={middle}", f"starting_after={oldest}",
        f"id={middle}", f"id={middle}&id={oldest}", f"session_id={kept['session_id']}",
        "session_id=none", "amount=1", "amount=40000", "amount.gte=40001", "amount.lte=39999",
        "amount.gte=1", f"created_at.gte={LATER}", f"created_at.lte={LONG_AGO}",
        f"captured_at.gte={LATER}", f"captured_at.lte={LONG_AGO}",
        f"captured_at.gte={LONG_AGO}", f"refunded_at.gte={LATER}",
        f"refunded_at.lte={LONG_AGO}", f"refunded_at.gte={LONG_AGO}",
        "search=nobody", "search=kari nordmann", f"search=kari nordmann&starting_after={middle}",
        f"search={oldest}",
    ]  # fmt: skip
    filters = {
        "status": ("CAPTURED", "FAILED", "INITIATED"),
        "payment_product": ("dintero_psp", "klarna", "vipps"),
        "payment_product_type": ("dintero_psp.creditcard", "vipps", "none"),
        "card_brand": ("visa", "none", "amex"),
        "currency": ("NOK", "SEK", "EUR"),
        "store_id": ("store-1", "none", "other"),
        "merchant_reference": ("reference-app-00000002", "none", None),
        "merchant_reference_2": ("none", None, None),
        "payment_operation": ("unscheduled_purchase", "none", None),
        "customer_id": ("none", None, None),
        "payout_destination_id": ("none", None, None),
        "terminal_id": ("none", None, None),
        "channel": ("till", "none", None),
        "token_id": ("none", "other", None),
    }  # fmt: skip
    for name, values in filters.items():
        given = [value for value in values if value is not None]
        found += [f"{name}={value}" for value in given]
        found += [f"{name}={given[0]}&starting_after={middle}"]
        if None not in values:
            found += [
                "&".join(f"{name}={value}" for value in several) for several in (given, given[1:])
            ]
    return [f"/v1/transactions?{query}" for query in found]


async def of_cards(merchant: Merchant) -> list[str]:
    middle, oldest = await _some(merchant, "card")
    found = [
        "", "limit=100", f"starting_after={middle}", f"starting_after={oldest}",
        "include_deleted=true", "amount_available=1", "amount_available.gte=999999",
        "amount_available.lte=0", "amount_available=0", "amount_available.gte=1",
        f"include_deleted=true&amount_available.gte=999999&starting_after={middle}",
    ]  # fmt: skip
    customers = f"/v1/accounts/{ACCOUNT}/wallets/customers"
    return [f"{WALLETS}?{query}" for query in found] + [
        f"{customers}/none/cards",
        f"{customers}/customer-app/cards",
    ]


async def of_one_card(merchant: Merchant) -> list[str]:
    listed = await merchant.get(f"{WALLETS}?limit=1")
    path = f"{WALLETS}/{listed['cards'][0]['card_id']}"
    return [path, f"{path}/transactions", f"{path}/events"]


async def of_deliveries(merchant: Merchant) -> list[str]:
    middle, oldest = await _some(merchant, "delivery")
    found = [
        "", "limit=100", f"starting_after={middle}", f"starting_after={oldest}", "subject=none",
        f"subject={middle}", "subscription_id=none", "state=delivered", "state=failed",
        "state=pending", "kind=webhook", "kind=email", "kind=sms", "kind=callback",
    ]  # fmt: skip
    return [f"{DELIVERIES}?{query}" for query in found]
