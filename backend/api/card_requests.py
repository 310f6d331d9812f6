"""The bodies of card requests. Source: `docs/reference/dintero-api.md#wallets-api`."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from backend.cards import formats
from backend.cards.barcodes import can_be_barcode
from backend.cards.formats import Format
from backend.cards.issue import CardOrder
from backend.cards.tables import NO_CURRENCY
from backend.core.clock import utc
from backend.core.errors import FieldError, InvalidRequest
from backend.sessions.request import Amount, Flag, Loose, Moment, Text

MAX_EXPIRES_IN = 10 * 365 * 24 * 3600
MAX_BATCH = 100


def _no_blanks_around(value: str) -> str:
    if value != value.strip():
        raise ValueError("must not begin or end with blanks")
    return value


CardId = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_no_blanks_around)]
CardCurrency = Literal["NOK", "SEK", "DKK", "EUR", "USD"]
CardType = Literal["gift_card", "credit_note"]
ExpiresIn = Annotated[int, Field(ge=1, le=MAX_EXPIRES_IN)]
RefId = Annotated[str, Field(min_length=1, max_length=200)]


class FormatRequest(Loose):
    length: Annotated[int, Field(ge=formats.MIN_PIN_LENGTH, le=formats.MAX_LENGTH)] | None = None
    prefix: Annotated[str, Field(max_length=32)] = ""
    numbers: Flag = False
    characters: Flag = False
    symbols: Flag = False
    barcode: Flag = False

    def as_format(self, default_length: int, minimum: int = formats.MIN_PIN_LENGTH) -> Format:
        """Return the format. InvalidRequest if it is too short, or cannot be written as a bar
        code."""
        length = self.length or default_length
        if length < minimum:
            text = f"at least {minimum} characters are needed"
            raise InvalidRequest(text, (FieldError("format.length", text),))
        if self.barcode and not can_be_barcode(self.prefix):
            text = "a bar code can only hold ASCII characters"
            raise InvalidRequest(text, (FieldError("format.prefix", text),))
        any_ = self.numbers or self.characters or self.symbols
        return Format(
            length,
            self.prefix,
            self.numbers or not any_,
            self.characters,
            self.symbols,
            self.barcode,
        )

    def as_number(self) -> Format:
        return self.as_format(16, formats.MIN_NUMBER_LENGTH)


class PinRequest(Loose):
    format: FormatRequest = FormatRequest()


class Behaviour(Loose):
    """How long a card's number is valid (seconds), and whether it can be used for one transaction
    only."""

    expires_in: ExpiresIn | None = None
    expires_after_transaction: Flag = False


class TokenFormatRequest(Behaviour):
    format: FormatRequest | None = None


class Described(Loose):
    """What a request may say about a card, when it is issued and when it is activated."""

    customer_id: Text | None = None
    name: Text | None = None
    active_from: Moment | None = None
    expires_at: Moment | None = None
    originated_by: Text | None = None
    metadata: dict[str, Any] | None = None


class CardRequest(Described):
    """`amount` in minor units."""

    card_id: CardId
    amount: Amount
    currency: CardCurrency
    type: CardType = "gift_card"
    pin: PinRequest | None = None
    card_token: TokenFormatRequest | None = None

    def order(self, account_id: str, client_id: str) -> CardOrder:
        order = _inactive(self, account_id, client_id, self.pin, self.card_token)
        return replace(order, amount=self.amount, currency=self.currency, active=True)


class BatchCard(Described):
    card_id: CardId
    type: CardType = "gift_card"
    currency: CardCurrency | None = None
    """The card's currency, if it is known. The card can then only be activated in this currency."""


class BatchOptions(Loose):
    pin: PinRequest | None = None
    card_token: TokenFormatRequest | None = None


class BatchRequest(Loose):
    cards: Annotated[list[BatchCard], Field(min_length=1, max_length=MAX_BATCH)]
    options: BatchOptions = BatchOptions()

    def orders(self, account_id: str, client_id: str) -> list[CardOrder]:
        options = self.options
        return [
            _inactive(card, account_id, client_id, options.pin, options.card_token)
            for card in self.cards
        ]


class ActivateRequest(Described):
    """Fields that are not given stay as the card was issued. `ref_id` makes a repeat safe."""

    amount: Amount
    currency: CardCurrency
    ref_id: RefId | None = None
    card_token: Behaviour | None = None


class RotateRequest(Loose):
    pin: PinRequest | None = None


Reason = Annotated[str, Field(max_length=255)]


class UnlockRequest(Loose):
    """`reason` is kept with who unlocked the card."""

    reason: Reason | None = None


class ExtendRequest(Loose):
    """`expires_at` is the later last moment; null means none."""

    expires_at: Moment | None
    reason: Reason | None = None


class RestoreRequest(Loose):
    reason: Reason | None = None


class ReissueRequest(Loose):
    """Formats of the new number and PIN. Without them, the card's own formats are used."""

    pin: PinRequest | None = None
    card_token: TokenFormatRequest | None = None
    reason: Reason | None = None


class TokenRequest(Behaviour):
    """A temporary token: `expires_in` in seconds."""

    ref_id: RefId
    expires_in: ExpiresIn
    format: FormatRequest | None = None
    metadata: dict[str, Any] | None = None


def _inactive(
    card: CardRequest | BatchCard,
    account_id: str,
    client_id: str,
    pin: PinRequest | None,
    token: TokenFormatRequest | None,
) -> CardOrder:
    """Return the order of a card that is empty until somebody activates it."""
    token = token or TokenFormatRequest()
    return CardOrder(
        account_id=account_id,
        card_id=card.card_id,
        amount=0,
        currency=card.currency or NO_CURRENCY,
        created_by=client_id,
        active=False,
        pin_format=pin.format.as_format(formats.MIN_PIN_LENGTH) if pin else None,
        number_format=token.format.as_number() if token.format else None,
        number_expires_in=token.expires_in,
        number_single_use=token.expires_after_transaction,
        customer_id=card.customer_id,
        name=card.name,
        type=card.type,
        active_from=utc(card.active_from),
        expires_at=utc(card.expires_at),
        originated_by=card.originated_by,
        metadata=card.metadata or {},
        extra=dict(card.model_extra or {}),
    )
