"""Which payment options a session has. Source: `docs/reference/gift-cards.md`;
`docs/reference/dintero-api.md#configuration`, `#gift-card-rules`.

An option's name is `type.product` (`dintero_psp.creditcard`); `vipps` stands alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

PRODUCTS: Mapping[str, tuple[str, ...]] = {
    "payex": (
        "creditcard", "vipps", "mobilepay", "swish", "applepay", "googlepay", "clicktopay",
    ),
    "bambora": ("creditcard", "vipps", "mobilepay", "applepay", "googlepay"),
    "dintero_psp": ("creditcard", "vipps", "applepay", "googlepay", "clicktopay"),
    "klarna": ("klarna", "billie"),
    "swish": ("swish",),
    "collector": (
        "invoice", "invoice_b2b", "invoice_b2b_preapproved", "finance", "installment",
    ),
    "instabank": ("finance", "invoice", "installment", "postponement"),
    "netaxept": ("creditcard",),
    "santander": ("debit_account",),
    "kravia": ("invoice",),
    "two": ("invoice",),
    "seitatech": ("creditcard",),
}  # fmt: skip
STANDALONE = ("vipps",)
OWN_PRODUCTS = ("wallets", "zero", "external")
WALLETS = "dintero.wallets"
ZERO = "dintero.zero"

PUSHES = frozenset({"vipps", "swish.swish"})
"""Options whose provider can ask the payer in the app on their phone, without a page of ours."""

UPDATABLE_OPTIONS = frozenset({"klarna.klarna", "klarna.billie"})
"""Options whose authorization can be changed to another amount, or extended."""

_TYPES_WITH_GIFT_CARD = ("payex", "bambora")
_OPTIONS_WITH_GIFT_CARD = ("dintero_psp.creditcard", "klarna.klarna")


def works_with_gift_card(option: str) -> bool:
    """Return whether the option can stand beside a gift card: all of `payex` and `bambora`, and two
    named options."""
    return option.split(".")[0] in _TYPES_WITH_GIFT_CARD or option in _OPTIONS_WITH_GIFT_CARD


def may_push(option: str | None, *, gift_card: bool) -> bool:
    """Return whether the payer may be asked in the wallet's app. The answer is no while a gift card
    can be used: the payer adds the card first, on the checkout's page."""
    return option in PUSHES and not gift_card


@dataclass(frozen=True, slots=True)
class Switches:
    """What one `configuration` switches on or off: each option that it names, and Dintero's own two
    switches."""

    all_active: bool | None
    named: tuple[tuple[str, bool], ...]
    wallets: bool | None
    zero: bool | None

    def is_on(self, option: str) -> bool | None:
        """Return whether the option is on. None if the configuration does not name it."""
        return dict(self.named).get(option)


def read_switches(configuration: Mapping[str, Any]) -> Switches:
    """Return the switches of a configuration. None stands for a switch that it does not name.
    Unknown keys are ignored."""
    named: list[tuple[str, bool]] = []
    for name in STANDALONE:
        enabled = _enabled(configuration.get(name))
        if enabled is not None:
            named.append((name, enabled))
    for payment_type in PRODUCTS:
        products = configuration.get(payment_type)
        if not isinstance(products, Mapping):
            continue
        for product, value in products.items():
            enabled = _enabled(value)
            if enabled is not None:
                named.append((f"{payment_type}.{product}", enabled))
    own = configuration.get("dintero")
    own = own if isinstance(own, Mapping) else {}
    return Switches(
        all_active=_enabled(configuration.get("active_payment_types")),
        named=tuple(named),
        wallets=_enabled(own.get("wallets")),
        zero=_enabled(own.get("zero")),
    )


def _enabled(value: object) -> bool | None:
    if not isinstance(value, Mapping):
        return None
    enabled = value.get("enabled")
    return enabled if isinstance(enabled, bool) else None


def unsupported_with_gift_card(named: Iterable[tuple[str, bool]]) -> tuple[str, ...]:
    """Return the options that the request switches on by name although they cannot stand beside a
    gift card."""
    return tuple(name for name, on in named if on and not works_with_gift_card(name))


def takes(option: str, currency: str, currencies: Mapping[str, Collection[str]]) -> bool:
    """Return whether an option takes a currency. `currencies` is by option; an option that is not
    in it takes any currency."""
    return option not in currencies or currency in currencies[option]


def offered(
    request: Switches,
    profile: Switches,
    connected: Iterable[str],
    *,
    gift_card: bool,
    currency: str,
    currencies: Mapping[str, Collection[str]],
) -> tuple[str, ...]:
    """Return the options of a session, in the order in which the profile connected them.

    The request overrides the profile, name by name. `active_payment_types` switches on all options
    that are connected. An option that is not connected, or that does not take the order's currency
    (`currencies` as for `takes`), is never offered. While a gift card can be used, options that
    cannot stand beside one are left out.
    """
    every = request.all_active if request.all_active is not None else bool(profile.all_active)
    options = []
    for option in connected:
        on = request.is_on(option)
        if on is None:
            on = True if every else bool(profile.is_on(option))
        if not takes(option, currency, currencies):
            continue
        if on and (not gift_card or works_with_gift_card(option)):
            options.append(option)
    return tuple(options)
