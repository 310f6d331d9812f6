"""Swish to test against: payment requests, refunds, and a page that stands for the app.

It is a program of its own (`python -m sandbox.swish`), which the checkout reaches over HTTP, or
over TLS with client certificates (`--tls-certificate`, `--tls-key`, `--tls-clients`). Source:
`docs/reference/psp/swish.md`.
"""
