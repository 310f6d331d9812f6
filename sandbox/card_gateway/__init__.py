"""A card payment provider to test against: Stripe's protocol, a hosted card page, its own storage.

It is a program of its own (`python -m sandbox.card_gateway`), which the checkout reaches over HTTP.
"""
