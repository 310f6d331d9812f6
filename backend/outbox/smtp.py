"""One attempt to hand a receipt to the operator's mail server. Its time is limited, and it is
encrypted unless a setting says otherwise.

A server's 5xx for this message is final, and a 4xx is tried again (RFC 5321 section 4.2.1). An
earlier failure (no connection, no TLS, a refused password or sender) concerns our own set-up, which
may be corrected, so it is tried again too.
"""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from dataclasses import dataclass
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

import aiosmtplib

from backend.core.context import Backend
from backend.outbox.outcome import Outcome
from backend.outbox.tables import Delivery
from backend.receipts import mail
from backend.receipts.facts import Receipt

_PORTS = {"smtp": 587, "smtps": 465}


@dataclass(frozen=True, slots=True)
class Server:
    """`GAVEKORT_SMTP_URL` as it was read. `implicit`: TLS from the first byte. Otherwise STARTTLS
    if `tls`."""

    host: str
    port: int
    user: str
    password: str
    implicit: bool
    tls: bool
    timeout: float


def server_of(url: str, *, tls: bool, timeout: float) -> Server:
    """Read `smtp://[user:password@]host[:587]` or `smtps://…[:465]`. ValueError for anything
    else."""
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError("must be smtp://host or smtps://host")
    return Server(
        host=parts.hostname,
        port=parts.port or _PORTS[parts.scheme],
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        implicit=parts.scheme == "smtps",
        tls=tls,
        timeout=timeout,
    )


def receipt_link(base_url: str, session_id: str, language: str) -> str:
    """Return the session's page, which shows the receipt once it is paid."""
    return f"{base_url}/v1/view/{session_id}" + (f"?language={language}" if language else "")


async def send_mail(ctx: Backend, delivery: Delivery) -> Outcome:
    """Send once. It never raises an error because of what the other side does."""
    settings = ctx.settings
    outcome = Outcome(delivery.method, delivery.url)
    if settings.smtp_url is None:
        # The merchant asked for it. The history shows that it was not sent, and it can be sent
        # again.
        outcome.error, outcome.final = "no mail server is set up", True
        return outcome
    url, tls = settings.smtp_url.get_secret_value(), settings.smtp_tls == "required"
    server = server_of(url, tls=tls, timeout=settings.smtp_timeout)
    message = compose(ctx, delivery)
    outcome.headers = {name.lower(): str(value) for name, value in message.items()}
    try:
        async with asyncio.timeout(settings.smtp_timeout * 4):
            await _hand_over(server, message, outcome)
    except TimeoutError:
        if outcome.status is None:
            outcome.error = f"timed out: no answer within {settings.smtp_timeout:g} s"
    except (aiosmtplib.SMTPException, OSError) as failed:
        # The system's own error says more than that there was one.
        cause = failed.__cause__ if isinstance(failed.__cause__, OSError) else failed
        outcome.error = f"{type(cause).__name__}: {cause}"[:255]
    return outcome


def compose(ctx: Backend, delivery: Delivery) -> EmailMessage:
    body = delivery.body or {}
    receipt = Receipt.from_json(body["receipt"])
    sender = ctx.settings.smtp_sender
    return mail.compose(
        receipt,
        body["language"],
        to=body["to"],
        sender=sender,
        link=receipt_link(ctx.settings.base_url, receipt.session_id, body["language"]),
        message_id=mail.message_id(receipt.transaction_id, sender),
    )


async def _hand_over(server: Server, message: EmailMessage, outcome: Outcome) -> None:
    """Write into `outcome` what the server says to the message. Errors before that are raised."""
    smtp = aiosmtplib.SMTP(
        hostname=server.host,
        port=server.port,
        username=server.user or None,
        password=server.password or None,
        timeout=server.timeout,
        use_tls=server.implicit,
        start_tls=server.tls and not server.implicit,
        # It reads all certificates that the system trusts.
        tls_context=await asyncio.to_thread(ssl.create_default_context),
    )
    try:
        await smtp.connect()
        await _offer(smtp, message, outcome)
        # After its yes the message is the server's, whatever happens to the connection.
        with suppress(aiosmtplib.SMTPException, OSError):
            await smtp.quit()
    finally:
        smtp.close()


async def _offer(smtp: aiosmtplib.SMTP, message: EmailMessage, outcome: Outcome) -> None:
    try:
        await smtp.send_message(message)
        outcome.status, outcome.body = 250, None
    except aiosmtplib.SMTPRecipientsRefused as refused:
        first = refused.recipients[0]
        outcome.status, outcome.body = first.code, _as_text(first.message)
    except aiosmtplib.SMTPSenderRefused as refused:
        outcome.error = f"the sender is refused: {refused.code} {_as_text(refused.message)}"
    except aiosmtplib.SMTPResponseException as refused:
        outcome.status, outcome.body = refused.code, _as_text(refused.message)
    except aiosmtplib.SMTPNotSupported as refused:
        # An address that this server cannot write to.
        outcome.error, outcome.final = str(refused), True


def _as_text(answer: str) -> str:
    return answer.replace("\x00", "�")[:2048]
