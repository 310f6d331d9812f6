"""What strangers send, to the API over each database. The fixtures are those of tests/api."""

from tests.api.conftest import (  # noqa: F401
    _acquirer,
    _light_hashing,
    acquirer,
    merchant,
)
