"""The messages between the page and the one that embeds it, in both directions.

Pure. An outgoing message is a dict without `sid` and `mid`, which assets/embed.js adds. All
incoming messages come from a stranger. Source: `docs/reference/dintero-api.md#messages-to-the-sdk`,
`#messages-from-the-sdk`.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Annotated, Any, Literal
from urllib.parse import parse_qs, urlsplit

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter

from backend.sessions.view import CheckoutView, PageState

MAX_HEARD = 20_000
"""How many characters one message from the browser may have. A form of details is far shorter."""

Message = dict[str, Any]

_ENDED = (PageState.PAID, PageState.ON_HOLD, PageState.CANCELLED, PageState.EXPIRED)
_ORIGIN = re.compile(r"https?://[a-z0-9.\-\[\]:]{1,260}")


# --- page -> SDK ---------------------------------------------------------------------------------


def loaded(session: dict[str, Any]) -> Message:
    return {"type": "SessionLoaded", "session": session}


def updated(session: dict[str, Any]) -> Message:
    return {"type": "SessionUpdated", "session": session}


_ASIDE = ("updated_at", "pay_lock", "operations")


def content_of(session: dict[str, Any]) -> str:
    """Return a hash of the session as a host sees it. The lock and the time of the last change do
    not count. Otherwise a host that answers every message with lock, update and refresh would cause
    messages for ever."""
    content = {name: value for name, value in session.items() if name not in _ASIDE}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def not_found() -> Message:
    """Return the message for a session that is not found or has expired. The SDK has no other
    message for an expired one."""
    return {"type": "SessionNotFound"}


def locked(pay_lock_id: str) -> Message:
    return {"type": "SessionLocked", "pay_lock_id": pay_lock_id}


def lock_failed() -> Message:
    return {"type": "SessionLockFailed"}


def validate(session: dict[str, Any]) -> Message:
    return {"type": "ValidateSession", "session": session}


def address_callback(session: dict[str, Any]) -> Message:
    """Return the question for shipping options. `session` has the address that is not kept yet."""
    return {"type": "AddressCallback", "session": session}


def has_ended(view: CheckoutView) -> bool:
    """Return whether the payer can do nothing more here. `final` says how it ended."""
    return view.state in _ENDED


def final(view: CheckoutView) -> Message:
    """Return the message after which the host continues. `href` is the complete return URL."""
    href = view.leave_url
    if view.state in (PageState.PAID, PageState.ON_HOLD):
        paid = view.state is PageState.PAID
        return {
            "type": "SessionPaymentAuthorized" if paid else "SessionPaymentOnHold",
            "transaction_id": view.transaction_id or "",
            "merchant_reference": _added(href, "merchant_reference"),
            "href": href,
        }
    if view.state is PageState.EXPIRED:
        return not_found()
    error = error_of(view)
    if error != "cancelled":
        return {"type": "SessionPaymentError", "error": error, "href": href}
    return {"type": "SessionCancel", "href": href}


def error_of(view: CheckoutView) -> str:
    """Return why a session that was given up is not paid: `cancelled`, or the result of its
    payment."""
    return _added(view.leave_url, "error") or "cancelled"


def _added(href: str, name: str) -> str:
    """Return the value that we added to the address. The shop's own address may have one by the
    same name, which comes before it."""
    return parse_qs(urlsplit(href).query).get(name, [""])[-1]


def target(asked: str, view: CheckoutView | None, *, secure: bool) -> str:
    """Return the one origin that messages go to and are accepted from. It is empty if the page that
    embeds us may not do so. It follows the Content-Security-Policy (`served`). A pop-out's opener
    is bound by no policy, so this check is the only one. If the request names no origin
    (`no-referrer`), it is the profile's only one."""
    allowed = view.allowed_frame_ancestors if view is not None else ()
    if not asked and len(allowed) == 1 and _ORIGIN.fullmatch(allowed[0]):
        return allowed[0]
    if not _ORIGIN.fullmatch(asked):
        return ""
    if allowed:
        return asked if any(_is_one_of(asked, entry) for entry in allowed) else ""
    return asked if asked.startswith("https://") or not secure else ""


def _is_one_of(origin: str, entry: str) -> bool:
    """Return whether the entry allows the origin. `https://*.shop.example` is any name under it, as
    in the policy."""
    scheme, _, rest = entry.partition("://*.")
    return origin == entry or bool(
        rest and origin.startswith(f"{scheme}://") and origin.endswith(f".{rest}")
    )


# --- SDK -> page, and what assets/embed.js itself asks -------------------------------------------

_Told = Annotated[str, StringConstraints(strip_whitespace=True, max_length=1000)]
_Form = dict[Annotated[str, Field(max_length=80)], Annotated[str, Field(max_length=300)]]


class _Heard(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Hello(_Heard):
    """The script is there. `page` is new with every load of it."""

    kind: Literal["hello"]
    page: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]{4,40}$")]
    origin: Annotated[str, Field(max_length=300)] = ""


class Changed(_Heard):
    """The content of the page has changed."""

    kind: Literal["changed"]


class Look(_Heard):
    """Show the present state, and send no message."""

    kind: Literal["look"]


class Speak(_Heard):
    """Change the language. A language without a catalogue changes nothing."""

    kind: Literal["speak"]
    language: Annotated[str, Field(max_length=40)]


class Lock(_Heard):
    kind: Literal["lock"]


class Unlock(_Heard):
    """The page was loaded again while the host was changing the session, and it is still locked."""

    kind: Literal["unlock"]


class Refresh(_Heard):
    kind: Literal["refresh"]


class Validate(_Heard):
    """The payer pressed Pay, and the host wants to be asked first."""

    kind: Literal["validate"]
    form: Annotated[_Form, Field(max_length=40)]


class AskAddress(_Heard):
    """The payer sent the details, and the host is asked for shipping options."""

    kind: Literal["address"]
    form: Annotated[_Form, Field(max_length=40)]


class Answer(_Heard):
    """The host's answer to one of these two questions. `late`: no answer came in time."""

    kind: Literal["answer"]
    to: Literal["validate", "address"]
    success: bool
    error: _Told | None = None
    late: bool = False


Heard = Hello | Changed | Look | Speak | Lock | Unlock | Refresh | Validate | AskAddress | Answer
_READ: TypeAdapter[Heard] = TypeAdapter(Annotated[Heard, Field(discriminator="kind")])


def read_form(form_data: object) -> Heard | None:
    """Return what the browser sent in the form's field `message`, None for anything else."""
    return read(form_data.get("message") if isinstance(form_data, dict) else None)


def read(text: object) -> Heard | None:
    """Return what the browser sent; None for anything else."""
    if not isinstance(text, str) or len(text) > MAX_HEARD:
        return None
    try:
        return _READ.validate_json(text)
    except ValueError:
        return None
