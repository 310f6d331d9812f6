"""What strangers send, over each database and with the real acquirer on its own port."""

from __future__ import annotations

from tests.api.conftest import _acquirer, _light_hashing, acquirer, merchant

__all__ = ["_acquirer", "_light_hashing", "acquirer", "merchant"]
