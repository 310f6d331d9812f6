"""Identifiers. The id of a session or a transaction is the payer's key: 122 random bits."""

from __future__ import annotations

import re
import uuid

import shortuuid

ACCOUNT_ID = re.compile(r"^[PT]\d{8}$")


def new_uuid() -> str:
    return str(uuid.uuid4())


def short_id() -> str:
    """Return 22 letters and digits. It never begins with a hyphen, so that no command takes it for
    an option."""
    return str(shortuuid.encode(uuid.uuid4()))


def scoped_id(account_id: str) -> str:
    """Return `{account id}.{22 characters}`, for example `T12345678.55Q4CC1WuVJdgCssZfrf5a`."""
    return f"{account_id}.{short_id()}"
