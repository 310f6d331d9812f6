"""We inform a merchant by `callback_url`. We write the callback together with its cause and send it
safely afterwards."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from sqlmodel import col, select

from backend.core import context
from backend.outbox.deliver import deliver_due
from backend.outbox.tables import Delivery
from backend.payments.attempts.resolve import abandon
from tests.support.card_gateway import DECLINED, CardGatewaySandbox
from tests.support.checkout import Merchant, close_merchant, open_merchant


class Shop:
    """A merchant's callback address on a real socket. It answers with `statuses` in turn, and then
    with 200."""

    def __init__(self) -> None:
        self.paths: list[tuple[str, str]] = []
        self.hosts: list[str] = []
        self.statuses: list[int] = []
        self.wait = 0.0
        self.pause = threading.Event()
        shop = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                shop.paths.append((self.command, self.path))
                shop.hosts.append(self.headers["Host"])
                if shop.wait:
                    shop.pause.wait(shop.wait)
                status = shop.statuses.pop(0) if shop.statuses else 200
                self.send_response(status)
                if 300 <= status < 400:
                    self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_POST = do_GET  # noqa: N815

            def log_message(self, format: str, *args: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            request_queue_size = 64  # a dozen connect at once, and none may wait for a second SYN

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"


@pytest.fixture
def shop() -> Iterator[Shop]:
    shop = Shop()
    thread = threading.Thread(target=shop.server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield shop
    shop.pause.set()
    shop.server.shutdown()
    shop.server.server_close()
    thread.join(5)


@pytest.fixture
def more_settings() -> dict[str, Any]:
    return {"allow_insecure_addresses": True, "callback_timeout": 30, "callback_attempts": 4}


@pytest.fixture
async def merchant(
    database_url: str,
    card_gateway: CardGatewaySandbox,
    secret_key: str,
    more_settings: dict[str, Any],
) -> AsyncIterator[Merchant]:
    merchant = await open_merchant(database_url, card_gateway.base_url, secret_key, **more_settings)
    yield merchant
    await close_merchant(merchant)


@pytest.fixture
def secret_key() -> str:
    import uuid

    return f"sk_test_{uuid.uuid4().hex}"


async def paid(merchant: Merchant, callback_url: str) -> str:
    """Pay a session by gift card alone, and return its callbacks."""
    card = await merchant.card(10000)
    url = {"return_url": "https://shop.example/accept", "callback_url": callback_url}
    session_id = await merchant.ready(3000, card, url=url)
    assert (await merchant.press_pay(session_id)).state == "paid"
    return session_id


async def rows(merchant: Merchant) -> list[Delivery]:
    async with merchant.ctx.db.reading() as db:
        return list(await db.exec(select(Delivery).order_by(col(Delivery.created_at))))


async def test_the_documented_query(merchant: Merchant, shop: Shop) -> None:
    session_id = await paid(merchant, f"{shop.url}/callback?method=GET&keep=a%20b")
    row = (await rows(merchant))[0]
    assert (row.state, row.tries, shop.paths) == ("pending", 0, [])
    assert await deliver_due(merchant.ctx) == 1
    assert await deliver_due(merchant.ctx) == 0
    [(method, path)] = shop.paths
    view = await merchant.view(session_id)
    query = parse_qsl(urlsplit(path).query)
    assert method == "GET" and urlsplit(path).path == "/callback"
    assert [name for name, _ in query] == [
        "method",
        "keep",
        "transaction_id",
        "session_id",
        "merchant_reference",
        "time",
    ]
    told = dict(query)
    assert told["keep"] == "a b"
    assert (told["transaction_id"], told["session_id"], told["merchant_reference"]) == (
        view.transaction_id,
        session_id,
        "order-1",
    )
    assert datetime.fromisoformat(told["time"]).tzinfo is not None
    assert shop.hosts == [f"127.0.0.1:{shop.port}"]
    row = (await rows(merchant))[0]
    assert (row.state, row.tries) == ("delivered", 1)


async def test_other_steering(merchant: Merchant, shop: Shop) -> None:
    await paid(merchant, f"{shop.url}/?method=POST&sid_parameter_name=sid&delay_callback=30")
    assert await deliver_due(merchant.ctx) == 0
    merchant.clock.ahead += timedelta(seconds=31)
    assert await deliver_due(merchant.ctx) == 1
    [(method, path)] = shop.paths
    assert method == "POST"
    assert "sid" in dict(parse_qsl(urlsplit(path).query))
    for odd in ("²", "9" * 400, "-1", "x", ""):
        await paid(merchant, f"{shop.url}/?delay_callback={odd}")
    delays = {(row.due_at - row.created_at).total_seconds() for row in (await rows(merchant))[1:]}
    assert delays <= {0.0, 60.0}
    await merchant.audit()


async def test_captures_and_errors_only_where_they_are_wanted(
    merchant: Merchant, card_gateway: CardGatewaySandbox, shop: Shop
) -> None:
    async def told(**query: str) -> list[tuple[str | None, str | None]]:
        """Return event and error of the callbacks of a declined attempt, a payment and its
        operations."""
        more = "".join(f"&{name}={value}" for name, value in query.items())
        before = len(await rows(merchant))
        session_id = await merchant.ready(
            5000, url={"return_url": "https://x.example", "callback_url": f"{shop.url}/?a{more}"}
        )
        result = await merchant.press_pay(session_id)
        assert result.url is not None
        card_gateway.pay(result.url, DECLINED)
        from backend.payments.attempts.resolve import reopen

        await reopen(merchant.ctx, session_id)
        result = await merchant.press_pay(session_id)
        assert result.url is not None
        await merchant.come_back(card_gateway.pay(result.url).headers["location"])
        path = f"/v1/transactions/{(await merchant.view(session_id)).transaction_id}"
        await merchant.post(f"{path}/capture", {"amount": 5000})
        await merchant.post(f"{path}/refund", {"amount": 1000})
        queries = [dict(parse_qsl(urlsplit(r.url).query)) for r in (await rows(merchant))[before:]]
        return [(q.get("event"), q.get("error")) for q in queries]

    assert await told() == [(None, None)]
    assert await told(report_event="CAPTURE") == [(None, None), ("CAPTURE", None)]
    assert await told(report_error="true", report_event="REFUND") == [
        (None, "failed"),
        (None, None),
        ("REFUND", None),
    ]


async def test_a_cancelled_session_is_told_where_it_is_wanted(
    merchant: Merchant, shop: Shop
) -> None:
    url = {"return_url": "https://x.example", "callback_url": f"{shop.url}/?report_error=true"}
    await abandon(merchant.ctx, await merchant.ready(5000, url=url))
    [row] = await rows(merchant)
    told = dict(parse_qsl(urlsplit(row.url).query))
    assert told["error"] == "cancelled" and "transaction_id" not in told
    await abandon(merchant.ctx, await merchant.ready(5000))
    assert len(await rows(merchant)) == 1


async def test_the_row_is_written_with_its_cause_or_not_at_all(
    merchant: Merchant, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    from backend.payments import conclude
    from backend.payments.callbacks import tell_merchant as real

    card = await merchant.card(10000)
    url = {"return_url": "https://x.example", "callback_url": f"{shop.url}/"}
    session_id = await merchant.ready(3000, card, url=url)

    async def tell_and_crash(*args: Any, **more: Any) -> None:
        await real(*args, **more)
        raise RuntimeError("the unit of work ends here")

    with monkeypatch.context() as patch:
        patch.setattr(conclude, "tell_merchant", tell_and_crash)
        with pytest.raises(RuntimeError):
            await merchant.press_pay(session_id)
    assert await rows(merchant) == []
    assert await merchant.balance(card["card_id"]) == (10000, 0, 0)
    assert (await merchant.press_pay(session_id)).state == "paid"
    assert len(await rows(merchant)) == 1


@pytest.mark.parametrize("failure", ["5xx", "time-out", "no connection"])
async def test_what_may_pass_is_tried_again_after_growing_gaps(
    merchant: Merchant, shop: Shop, failure: str
) -> None:
    url = shop.url
    if failure == "5xx":
        shop.statuses = [500, 503, 599, 500]
    elif failure == "time-out":
        shop.wait = 5.0
        merchant.ctx.settings.callback_timeout = 0.5
    else:
        url = "http://127.0.0.1:1"
    await paid(merchant, f"{url}/callback")
    gaps: list[float] = []
    for tries in range(1, 5):
        assert await deliver_due(merchant.ctx) == 1
        assert await deliver_due(merchant.ctx) == 0  # not due again at once
        [row] = await rows(merchant)
        assert (row.tries, row.state) == (tries, "pending" if tries < 4 else "failed")
        if tries < 4:
            gaps.append((row.due_at - merchant.ctx.clock.now()).total_seconds())
            merchant.clock.ahead += timedelta(seconds=gaps[-1] + 1)
    assert 0 < gaps[0] < gaps[1] < gaps[2]
    # The delivery is abandoned after `callback_attempts`.
    merchant.clock.ahead += timedelta(days=30)
    assert await deliver_due(merchant.ctx) == 0
    assert len(shop.paths) == (0 if failure == "no connection" else 4)


async def test_a_4xx_and_a_redirect_are_final(merchant: Merchant, shop: Shop) -> None:
    for status in (400, 404, 410, 301, 302, 307):
        shop.statuses = [status]
        shop.paths.clear()
        await paid(merchant, f"{shop.url}/callback")
        assert await deliver_due(merchant.ctx) == 1
        merchant.clock.ahead += timedelta(minutes=10)
        assert await deliver_due(merchant.ctx) == 0
        assert (await rows(merchant))[-1].state == "failed"
        # We never follow the redirect.
        assert [urlsplit(path).path for _, path in shop.paths] == ["/callback"]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Give a name's answers in turn and repeat the last one. The real resolver answers for all
    other names."""
    known: dict[str, list[str]] = {}
    real = asyncio.base_events.BaseEventLoop.getaddrinfo

    async def getaddrinfo(loop: Any, host: Any, port: Any, **more: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        answers = known.get(name)
        if answers is None:
            return await real(loop, host, port, **more)
        address = answers.pop(0) if len(answers) > 1 else answers[0]
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        return [(family, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(asyncio.base_events.BaseEventLoop, "getaddrinfo", getaddrinfo)
    return known


async def test_a_name_that_changes_its_mind_reaches_nothing_else(
    merchant: Merchant, shop: Shop, names: dict[str, list[str]]
) -> None:
    names["shop.example"] = ["127.0.0.1", "192.0.2.1"]
    await paid(merchant, f"http://shop.example:{shop.port}/callback")
    assert await deliver_due(merchant.ctx) == 1
    assert shop.hosts == [f"shop.example:{shop.port}"]
    assert (await rows(merchant))[0].state == "delivered"
    assert names["shop.example"] == ["192.0.2.1"]  # asked once


async def test_a_name_with_norwegian_letters(
    merchant: Merchant, shop: Shop, names: dict[str, list[str]]
) -> None:
    for name in ("bøker.example", "xn--bker-gra.example"):
        names[name] = ["127.0.0.1"]
    await paid(merchant, f"http://bøker.example:{shop.port}/blåbær")
    assert await deliver_due(merchant.ctx) == 1
    assert (await rows(merchant))[0].state == "delivered"
    assert shop.hosts == [f"xn--bker-gra.example:{shop.port}"]


class TestInProduction:
    @pytest.fixture
    def more_settings(self) -> dict[str, Any]:
        return {"allow_insecure_addresses": False}

    async def test_http_and_private_addresses_are_not_sent_to(
        self, merchant: Merchant, shop: Shop, names: dict[str, list[str]]
    ) -> None:
        private = (
            "127.0.0.1",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "::1",
            "fd00::1",
            "fe80::1",
            "::ffff:127.0.0.1",
            "64:ff9b::7f00:1",
            "224.0.0.1",
            "2002:7f00:1::",
        )
        urls = [
            f"{shop.url}/",
            "http://shop.example/",
            f"https://127.0.0.1:{shop.port}/",
            f"https://[::1]:{shop.port}/",
            f"https://user@127.0.0.1:{shop.port}/",
            "https://2130706433/",
            "https://0x7f.1/",
        ]
        for number, address in enumerate(private):
            names[f"n{number}.example"] = [address]
            urls.append(f"https://n{number}.example:{shop.port}/")
        card = await merchant.card(100000)
        for url in urls:
            told = {"return_url": "https://x.example", "callback_url": url}
            session_id = await merchant.session(1000, url=told, express=None)
            from backend.sessions import payer
            from tests.support.checkout import DETAILS

            await payer.set_details(merchant.ctx, session_id, DETAILS)
            await payer.add_gift_card(
                merchant.ctx, session_id, card["number"], card["pin"], "1.2.3.4"
            )
            await merchant.press_pay(session_id)
        while await deliver_due(merchant.ctx):
            pass
        found = {row.url.split("?")[0]: (row.state, row.tries) for row in await rows(merchant)}
        assert found == dict.fromkeys(urls, ("failed", 1))
        assert shop.paths == []


async def test_two_workers_never_send_one_row_at_once(merchant: Merchant, shop: Shop) -> None:
    for number in range(12):
        await paid(merchant, f"{shop.url}/{number}")
    other = context.create(merchant.ctx.settings, merchant.clock)
    try:
        shop.wait = 0.05
        for _ in range(10):
            sent = await asyncio.gather(
                *(deliver_due(ctx) for ctx in (merchant.ctx, other, merchant.ctx, other))
            )
            if not any(sent):
                break
        assert sorted(int(urlsplit(path).path[1:]) for _, path in shop.paths) == list(range(12))
        assert {(row.state, row.tries) for row in await rows(merchant)} == {("delivered", 1)}
        # The process that claimed the row died. The row becomes due when its claim expires, and not
        # before.
        await paid(merchant, f"{shop.url}/99")
        async with merchant.ctx.db.unit_of_work() as db:
            row = (await db.exec(select(Delivery).where(Delivery.state == "pending"))).one()
            row.claimed_until = merchant.clock.now() + timedelta(seconds=60)
        assert await deliver_due(other) == 0
        merchant.clock.ahead += timedelta(seconds=61)
        assert await deliver_due(other) == 1
    finally:
        await other.close()
