"""Bambora Europe to test against: its services' wire protocol, a payment window, its own storage.

A program of its own (`python -m sandbox.bambora`); the checkout reaches it over HTTP. The
provider's hosts are path prefixes here: `/checkout-api`, `/merchant-api`, `/transaction-api`,
`/data-api`.
"""
