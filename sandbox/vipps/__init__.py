"""Vipps MobilePay as a program of its own: the ePayment API, its landing page and an app's page."""
