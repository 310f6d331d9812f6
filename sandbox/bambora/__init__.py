"""Bambora Europe to test against: its services' wire protocol, a payment window, its own storage.

It is a program of its own (`python -m sandbox.bambora`), which the checkout reaches over HTTP. The
provider's hosts are path prefixes here: `/checkout-api`, `/merchant-api`, `/transaction-api`,
`/data-api`.
"""
