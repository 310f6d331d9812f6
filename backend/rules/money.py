"""Amounts: an integer of minor units with its ISO 4217 currency. No float touches money."""

from __future__ import annotations

from dataclasses import dataclass


class CurrencyMismatch(ValueError):
    """The amounts are of different currencies."""


@dataclass(frozen=True, slots=True)
class Money:
    """`amount` in minor units (øre, cents) of `currency` (ISO 4217, upper case)."""

    amount: int
    currency: str

    def __post_init__(self) -> None:
        if isinstance(self.amount, bool) or not isinstance(self.amount, int):
            raise TypeError("an amount is an int of minor units")
        if len(self.currency) != 3 or not self.currency.isalpha() or not self.currency.isupper():
            raise ValueError(f"not an ISO 4217 code: {self.currency!r}")

    def _same(self, other: Money) -> int:
        if self.currency != other.currency:
            raise CurrencyMismatch(f"{self.currency} and {other.currency}")
        return other.amount

    def __add__(self, other: Money) -> Money:
        return Money(self.amount + self._same(other), self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.amount - self._same(other), self.currency)

    def __lt__(self, other: Money) -> bool:
        return self.amount < self._same(other)

    def __le__(self, other: Money) -> bool:
        return self.amount <= self._same(other)

    def smaller_of(self, other: Money) -> Money:
        """Return the smaller of two amounts. CurrencyMismatch if their currencies differ."""
        return self if self <= other else other
