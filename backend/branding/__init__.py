"""Small images of the ways to pay, which shops embed on their own pages.

Source: `reference/dintero-api.md#8-the-payers-view`, and `docs/branding.md`. The drawings are ours.
"""
