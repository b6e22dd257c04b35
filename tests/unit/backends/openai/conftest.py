"""What tests of OpenAI's side share."""

from __future__ import annotations

from datetime import date
from typing import Self

import pytest


@pytest.fixture
def training_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """A day before OpenAI ends training, whatever the calendar says."""

    class Day(date):
        @classmethod
        def today(cls) -> Self:
            return cls(2026, 11, 1)

    monkeypatch.setattr("tunekit.starting.date", Day)
