"""kill -9 hits between any two steps of a receipt. There is one receipt, it is sent, and a repeat
is the same."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from tests.support.callbacks import CallbackListener
from tests.support.card_gateway import CardGatewaySandbox
from tests.support.crash import Checkout
from tests.support.crash_facts import Died
from tests.support.mail import MailServer

pytestmark = pytest.mark.crash

QUIET = {"return_url": "https://shop.example/accept"}
"""Without a callback, so that the mail is all there is to deliver."""
CONFIGURATION = {
    "active_payment_types": {"enabled": True},
    "dintero": {
        "type": "payment_type",
        "wallets": {"type": "payment_product_type", "enabled": True},
    },
    "receipt": {"email": True},
}


@pytest.fixture(scope="module")
def _post() -> Iterator[MailServer]:
    with MailServer().running() as server:
        yield server


@pytest.fixture(scope="module")
def _checkout(
    _database_url: str, crash_card_gateway: CardGatewaySandbox, _post: MailServer
) -> Iterator[Checkout]:
    with CallbackListener().running() as callbacks:
        checkout = Checkout(
            _database_url,
            crash_card_gateway,
            callbacks,
            GAVEKORT_SMTP_URL=_post.url,
            GAVEKORT_SMTP_TLS="none",
            GAVEKORT_SMTP_SENDER="kvittering@checkout.example",
        )
        checkout.set_up()
        yield checkout
        checkout.close()


@pytest.fixture
def post(_post: MailServer) -> MailServer:
    _post.got.clear()
    return _post


def begun(checkout: Checkout) -> tuple[str, str]:
    """Bring a session to the provider and pay it there, without the return to us."""
    session = checkout.session(checkout.card(), url=QUIET, configuration=CONFIGURATION)
    page = checkout.press_pay(session)
    assert page is not None
    return session, checkout.pay_at_provider(page)


def has_one(checkout: Checkout, session: str, post: MailServer) -> None:
    """Assert one receipt with one delivered message, and that every mail belongs to it."""
    paid = checkout.live_transaction(session)["id"]
    kept = checkout.rows("SELECT * FROM receipt WHERE transaction_id = :id", id=paid)
    assert len(kept) == 1
    messages = checkout.rows(
        "SELECT d.state FROM receipt_message m JOIN delivery d ON d.id = m.delivery_id"
        " WHERE m.transaction_id = :id AND m.channel = 'email'",
        id=paid,
    )
    assert [message["state"] for message in messages] == ["delivered"]
    mails = [str(mail.message["Message-ID"]) for mail in post.got]
    assert set(mails) == {f"<receipt.{paid}@checkout.example>"}
    seen = checkout.ask("GET", f"/v1/sessions/{session}").json()["events"]
    assert [event.get("own_name") for event in seen].count("RECEIPT_SENT") == 1
    checkout.check_books()


@pytest.mark.parametrize("point", ["authorize.read", "authorize.storing", "authorize.stored"])
def test_killed_when_it_is_written(checkout: Checkout, post: MailServer, point: str) -> None:
    session, back = begun(checkout)
    checkout.arm(point)
    with pytest.raises(Died):
        checkout.come_back(back)
    checkout.restart()
    checkout.come_back(back)
    checkout.settle()
    has_one(checkout, session, post)
    assert len(post.got) == 1


@pytest.mark.parametrize(
    ("point", "mails"),
    [("callback.claimed", 1), ("callback.sent", 2), ("callback.storing", 2),
     ("callback.stored", 1)],
)  # fmt: skip
def test_killed_while_it_is_sent(
    checkout: Checkout, post: MailServer, point: str, mails: int
) -> None:
    """The mail goes out again if the server had it and we did not know. It goes out at least
    once."""
    session, back = begun(checkout)
    checkout.arm(point)
    # The mail goes out in parallel, perhaps before the payer gets an answer.
    with contextlib.suppress(Died):
        checkout.ask("GET", back.removeprefix(checkout.base_url), None)
    checkout.restart()
    checkout.settle()
    has_one(checkout, session, post)
    assert len(post.got) == mails


def test_killed_when_the_card_alone_pays(checkout: Checkout, post: MailServer) -> None:
    card = checkout.card(40000)
    session = checkout.session(card, url=QUIET, configuration=CONFIGURATION)
    checkout.arm("pay.writing")
    with pytest.raises(Died):
        checkout.press_pay(session)
    checkout.restart()
    # Everything was one unit of work, so nothing is paid and nothing is sent.
    assert checkout.transactions(session) == []
    assert post.got == []
    checkout.press_pay(session)
    checkout.settle()
    has_one(checkout, session, post)
    assert len(post.got) == 1
