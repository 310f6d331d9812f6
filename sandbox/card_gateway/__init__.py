"""A card payment provider to test against: Stripe's protocol, a hosted card page, its own storage.

A program of its own (`python -m sandbox.card_gateway`); the checkout reaches it over HTTP.
"""
