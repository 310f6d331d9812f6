"""Identifiers. A session's or transaction's id is the payer's key: 122 random bits."""

from __future__ import annotations

import re
import uuid

import shortuuid

ACCOUNT_ID = re.compile(r"^[PT]\d{8}$")


def new_uuid() -> str:
    return str(uuid.uuid4())


def short_id() -> str:
    """22 letters and digits, so that no command takes one for an option."""
    return str(shortuuid.encode(uuid.uuid4()))


def scoped_id(account_id: str) -> str:
    """`{account id}.{22 characters}`, as `T12345678.55Q4CC1WuVJdgCssZfrf5a`."""
    return f"{account_id}.{short_id()}"
