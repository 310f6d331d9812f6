"""The one cookie that a payer's browser gets. It says which remembered customer it is, and is
signed."""

from __future__ import annotations

from fastapi import Request, Response

from backend.core.context import Backend
from backend.customers import returning
from backend.customers.tables import ReturningCustomer


async def customer_cookie(ctx: Backend, request: Request, session_id: str) -> str | None:
    """Return the cookie as the browser sent it, without checking it. SessionNotFound."""
    account_id = await returning.account_of(ctx, session_id)
    return request.cookies.get(returning.cookie_name(account_id))


def set_customer(ctx: Backend, response: Response, customer: ReturningCustomer) -> None:
    age = int((customer.expires_at - ctx.clock.now()).total_seconds())
    _set(ctx, response, customer.account_id, returning.cookie_value(ctx, customer), age)


def clear_customer(ctx: Backend, response: Response, account_id: str) -> None:
    _set(ctx, response, account_id, "", 0)


def _set(ctx: Backend, response: Response, account_id: str, value: str, age: int) -> None:
    """Set the cookie. The page may be in a shop's iframe. There a browser keeps a cookie only for
    that shop (`Partitioned`), and only if the page is https."""
    name = returning.cookie_name(account_id)
    parts = [f"{name}={value}", "Path=/", f"Max-Age={age}", "HttpOnly"]
    if ctx.settings.base_url.startswith("https://"):
        parts += ["Secure", "SameSite=None", "Partitioned"]
    else:
        parts.append("SameSite=Lax")
    response.headers.append("set-cookie", "; ".join(parts))
