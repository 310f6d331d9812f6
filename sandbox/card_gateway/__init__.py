"""A card acquirer to test against: Stripe's wire protocol, a hosted card page, its own storage.

A program of its own (`python -m sandbox.card_gateway`); the checkout reaches it over HTTP.
"""
