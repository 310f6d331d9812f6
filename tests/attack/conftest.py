"""What strangers, and merchants who mean harm, send: over the API with the real acquirer."""

from __future__ import annotations

from tests.api.conftest import *  # noqa: F403
from tests.api.conftest import _acquirer, _light_hashing  # noqa: F401
