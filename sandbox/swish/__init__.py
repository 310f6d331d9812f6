"""Swish to test against: payment requests, refunds, and a page that stands for the app.

A program of its own (`python -m sandbox.swish`); the checkout reaches it over HTTP, or over
TLS with client certificates (`--tls-certificate`, `--tls-key`, `--tls-clients`).
Source: `docs/reference/psp/swish.md`.
"""
