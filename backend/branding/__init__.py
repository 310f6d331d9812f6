"""Small images of the ways to pay, which shops show on their own pages.

Source: `docs/reference/dintero-api.md#the-payers-page`, and `docs/branding.md`. The drawings are
ours.
"""
