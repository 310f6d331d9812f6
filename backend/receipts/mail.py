"""A receipt as an e-mail: plain text, and the same as HTML that mail clients show correctly
(tables, styles on the elements, nothing fetched from anywhere).

Nothing of a merchant's can become a header: addresses are checked, texts lose every line break
before they come here, and the standard library's policy refuses the rest.
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from functools import cache
from pathlib import Path

from email_validator import EmailNotValidError, validate_email
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from backend.receipts import texts
from backend.receipts.facts import Receipt
from backend.receipts.written import Row, Written, write

MAX_NAME = 64
MAX_SUBJECT = 150


def compose(
    receipt: Receipt, language: str, *, to: str, sender: str, link: str, message_id: str
) -> EmailMessage:
    """Return the message, the same on every attempt. `to` and `sender` are addresses that were
    checked."""
    written = write(receipt, language)
    message = EmailMessage(policy=SMTP)
    name = one_line(receipt.merchant)[:MAX_NAME]
    message["From"] = Address(display_name=name, addr_spec=sender)
    message["To"] = to
    message["Subject"] = one_line(written.subject)[:MAX_SUBJECT]
    message["Date"] = format_datetime(datetime.fromisoformat(receipt.paid_at).astimezone(UTC))
    message["Message-ID"] = message_id
    # No absence note must answer it.
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    message.set_content(_as_text(written, link), cte="quoted-printable")
    page = _template().render(r=written, link=link, language=texts.known(language))
    message.add_alternative(page, subtype="html", cte="quoted-printable")
    # This comes last, because setting the content removes the headers of an earlier content.
    message["Content-Language"] = texts.known(language)
    return message


def message_id(transaction_id: str, sender: str) -> str:
    """Return the id of a receipt's message. It is the same however often it is sent, so that a mail
    program shows it once."""
    return f"<receipt.{transaction_id}@{sender.rpartition('@')[2]}>"


def address(text: str) -> str | None:
    """Return the address as mail servers take it, or None if it is none. It does not ask the
    network."""
    try:
        found = validate_email(text.strip(), check_deliverability=False)
    except EmailNotValidError:
        return None
    return found.ascii_email or found.normalized


def one_line(text: str) -> str:
    """Return the text without control characters, and with one blank between words."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


@cache
def _template() -> Template:
    loader = FileSystemLoader(Path(__file__).parent / "templates")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined)
    return environment.get_template("receipt.html")


def _as_text(written: Written, link: str) -> str:
    parts = [
        [written.test] if written.test else [],
        [written.intro],
        [f"{row.label}: {row.value}" for row in written.facts[1:]],
        [written.lines_heading, *map(_line, written.lines + written.sums), _line(written.total)]
        + ([f"{written.vat}: {written.vat_amount}"] if written.vat else []),
        [written.paid_heading, *map(_line, written.paid)]
        + ([_line(written.left)] if written.left.label else []),
        [written.link_lead, link],
        ["-- ", written.footer],
    ]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def _line(row: Row) -> str:
    note = f" ({row.note})" if row.note else ""
    return f"{row.label}{note}: {row.value}"
