"""Where the project's files are. Nothing else computes these paths."""

from __future__ import annotations

from pathlib import Path

BACKEND = Path(__file__).resolve().parent.parent
ROOT = BACKEND.parent
"""The folder that has `backend` and `checkout_ui`: the repository, or where they are installed."""
