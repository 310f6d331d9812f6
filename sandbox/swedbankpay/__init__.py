"""Swedbank Pay to test against: payment orders v3.1, its redirect page, its own storage.

A program of its own (`python -m sandbox.swedbankpay`); the checkout reaches it over HTTP.
Source: `docs/reference/psp/swedbankpay.md#sandbox-duties`.
"""
