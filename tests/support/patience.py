"""Shorten the wait for a provider's answer that never comes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from backend.psp.protocol import Connector
from backend.psp.tools import Tools

IMPATIENT_SECONDS = 0.5


@contextmanager
def impatient(connector: type[Connector]) -> Iterator[None]:
    """Let this kind of connector wait only half a second for an answer inside the block.

    Put only an unanswered call into the block. On a busy machine any other answer may take longer
    and would count as lost.
    """
    real = vars(connector)["__init__"]

    def init(self: Connector, *args: Any, tools: Tools, **more: Any) -> None:
        real(self, *args, tools=replace(tools, read_timeout=IMPATIENT_SECONDS), **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connector, "__init__", init)
        yield
