"""The database and the API's answers contain these words, so nobody may change one unnoticed."""

from __future__ import annotations

from enum import StrEnum

import pytest

from backend.rules import (
    gift_card,
    payment_attempt,
    payment_option,
    pin_budget,
    remainder,
    session,
    transaction,
)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (transaction.Status,
         "INITIATED AUTHORIZED ON_HOLD AUTHORIZATION_VOIDED CAPTURED PARTIALLY_CAPTURED REFUNDED"
         " PARTIALLY_REFUNDED PARTIALLY_CAPTURED_REFUNDED DECLINED FAILED UNKNOWN"),
        (session.SessionState, "open paying on_hold paid cancelled"),
        (session.Obstacle, "closed details nothing_to_pay remainder"),
        (session.GiftCardUse, "offered not_offered"),
        (gift_card.Refusal,
         "not_matched empty expired not_active_yet inactive other_currency already_added"
         " not_offered held_elsewhere still_held"),
        (payment_attempt.PaymentState, "open pending on_hold authorized captured failed"),
        (payment_attempt.Release, "nothing abort void refund wait"),
        (gift_card.CardStatus, "deleted inactive expired unused used partially_used"),
        (gift_card.Ending, "soon before_refund"),
        (pin_budget.Kind, "card pair session firsts repeats"),
        (pin_budget.Answer, "go wait spent"),
        (remainder.Verdict,
         "payable no_option use_less use_all remove_card order_too_small"),
    ],
)  # fmt: skip
def test_every_word_is_written_as_it_is_stored(kind: type[StrEnum], words: str) -> None:
    assert [member.value for member in kind] == words.split()
    assert [member.name.lower() for member in kind] == words.lower().split()


def test_a_scope_is_stored_by_its_kind_and_key() -> None:
    assert pin_budget.Scope(pin_budget.Kind.PAIR, "a:1", 3).name == "pair:a:1"


def test_the_names_of_our_own_products() -> None:
    assert (payment_option.WALLETS, payment_option.ZERO) == ("dintero.wallets", "dintero.zero")
    assert {"klarna.klarna", "klarna.billie"} == payment_option.UPDATABLE_OPTIONS
    assert payment_option.STANDALONE == ("vipps",)
    assert payment_option.OWN_PRODUCTS == ("wallets", "zero", "external")


def test_the_options_are_those_of_the_api() -> None:
    assert {name: " ".join(products) for name, products in payment_option.PRODUCTS.items()} == {
        "payex": "creditcard vipps mobilepay swish applepay googlepay clicktopay",
        "bambora": "creditcard vipps mobilepay applepay googlepay",
        "dintero_psp": "creditcard vipps applepay googlepay clicktopay",
        "klarna": "klarna billie",
        "swish": "swish",
        "collector": "invoice invoice_b2b invoice_b2b_preapproved finance installment",
        "instabank": "finance invoice installment postponement",
        "netaxept": "creditcard",
        "santander": "debit_account",
        "kravia": "invoice",
        "two": "invoice",
        "seitatech": "creditcard",
    }
