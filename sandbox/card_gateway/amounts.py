"""Which amounts are accepted. Source: the provider's "Minimum and maximum charge amounts"."""

from __future__ import annotations

from sandbox.card_gateway.wire import ApiError
from sandbox.card_gateway.world import World


def check_amount(world: World, amount: int, currency: str, param: str) -> None:
    """Raise ApiError 400 for an amount (minor units of `currency`) that is too small or too
    large."""
    minimum = world.minimum(currency)
    if amount < minimum:
        message = f"Amount must convert to at least {_written(minimum, currency)}."
        raise ApiError(400, message, code="amount_too_small", param=param)
    if world.is_too_large(amount):
        message = f"Amount must be no more than {_written(world.maximum() or 0, currency)}."
        raise ApiError(400, message, code="amount_too_large", param=param)


def _written(amount: int, currency: str) -> str:
    return f"{amount // 100}.{amount % 100:02d} {currency.lower()}"
