"""A customer's token gives access to that customer's own cards: docs/wallets.md."""

from __future__ import annotations

from datetime import timedelta

from backend.accounts.clients import create_client
from tests.support.checkout import ACCOUNT, Merchant, sign_in
from tests.support.wallets import CARDS, INFO, batch, later, move


async def user_token(merchant: Merchant, customer_id: str | None, expect: int = 200) -> str:
    answer = await merchant.api.post(
        f"/v1/accounts/{ACCOUNT}/auth/token",
        auth=(merchant.client_id, merchant.client_secret),
        json={
            "grant_type": "account_user_token",
            "audience": f"https://api.dintero.com/v1/accounts/{ACCOUNT}",
            "customer_id": customer_id,
        },
    )
    assert answer.status_code == expect, answer.text
    return f"Bearer {answer.json().get('access_token')}"


async def test_a_customers_token_shows_that_customers_active_cards(merchant: Merchant) -> None:
    mine = await merchant.card(1000, card_id="mine", customer_id="kari", metadata={"note": "x"})
    await merchant.card(1000, card_id="theirs", customer_id="ola")
    old = await merchant.card(
        1000, card_id="old", customer_id="kari", expires_at=later(merchant, days=1)
    )
    await batch(merchant, "unsold", customer_id="kari")
    await merchant.card(1000, card_id="gone", customer_id="kari")
    await merchant.api.delete(f"{CARDS}/gone")
    path = f"/v1/accounts/{ACCOUNT}/wallets/customers"
    whole = await merchant.get(f"{path}/kari/cards")
    assert [card["card_id"] for card in whole] == ["old", "mine"]
    assert whole[1]["metadata"] == {"note": "x"}

    merchant.api.headers["authorization"] = await user_token(merchant, "kari")
    seen = await merchant.get(f"{path}/kari/cards")
    assert [card["card_id"] for card in seen] == ["old", "mine"]
    assert "metadata" not in seen[1] and "created_by" not in seen[1]
    assert (await merchant.get(f"{path}/kari/cards/mine"))["amount_available"] == 1000
    last = await merchant.get(f"{path}/kari/cards?limit=1&starting_after={seen[0]['id']}")
    assert [card["card_id"] for card in last] == ["mine"]
    for other in ("theirs", "unsold", "gone", "nothing"):
        await merchant.get(f"{path}/kari/cards/{other}", expect=404)
    for closed in (
        f"{path}/ola/cards",
        f"{path}/ola/cards/theirs",
        CARDS,
        f"{CARDS}/mine",
        "/v1/transactions/x",
        "/v1/admin/signature",
    ):
        await merchant.get(closed, expect=403)
    await move(merchant, 403, card_id="mine")
    await merchant.post(f"{CARDS}/mine/tokens", {"ref_id": "x", "expires_in": 1}, expect=403)
    # A look-up of a card needs its PIN.
    await merchant.post(INFO, {"token": mine["number"]}, expect=404)
    by_pin = {"token": mine["number"], "pin": mine["pin"]}
    assert (await merchant.post(INFO, by_pin))["card_id"] == "mine"
    merchant.clock.ahead = timedelta(hours=3)
    assert len(await merchant.get(f"{path}/kari/cards")) == 2
    merchant.clock.ahead = timedelta(days=2)
    merchant.api.headers["authorization"] = await user_token(merchant, "kari")
    assert [c["card_id"] for c in await merchant.get(f"{path}/kari/cards")] == ["mine"]
    assert old["card_id"] == "old"


async def test_a_client_that_may_not_issue_customers_tokens(merchant: Merchant) -> None:
    await user_token(merchant, None, 400)
    few = await create_client(merchant.ctx, ACCOUNT, frozenset({"write:wallets", "user:wallets"}))
    merchant.client_id, merchant.client_secret = few.client_id, few.client_secret
    await user_token(merchant, "kari", 403)
    # `user:wallets` opens nothing for a client that represents no customer.
    merchant.api.headers["authorization"] = f"Bearer {await sign_in(merchant)}"
    await merchant.get(f"/v1/accounts/{ACCOUNT}/wallets/customers/kari/cards", expect=403)


async def test_a_customers_wrong_tries_lock_nobody_else_out(merchant: Merchant) -> None:
    cards = [await merchant.card(1000) for _ in range(12)]
    merchants = merchant.api.headers["authorization"]
    merchant.api.headers["authorization"] = await user_token(merchant, "eve")
    tried = [
        (await merchant.api.post(INFO, json={"token": card["number"], "pin": "wrong"})).status_code
        for card in cards[:11]
    ]
    # One payer makes the free mistakes, then some more, and then has to wait.
    assert tried[:6] == [404] * 6
    assert 429 in tried
    right = {"token": cards[11]["number"], "pin": cards[11]["pin"]}
    for _ in range(2):
        wrong = await merchant.api.post(INFO, json=right | {"pin": "wrong"})
    assert wrong.status_code == 429
    assert int(wrong.headers["retry-after"]) >= 1
    merchant.api.headers["authorization"] = await user_token(merchant, "kari")
    await merchant.post(INFO, right)
    merchant.api.headers["authorization"] = merchants
    for card in cards[:11]:
        await merchant.post(INFO, {"token": card["number"], "pin": "wrong"}, expect=404)
    # A till with many mistaken customers continues, because each card has its own budget.
    await merchant.post(INFO, right)
