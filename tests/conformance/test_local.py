"""The local backend against the suite. It calls nobody, so no check of faults is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tunekit.backends.base import Backend
from tunekit.backends.local import LocalBackend
from tunekit.testing.conformance import ConformanceSuite
from tunekit.testing.harness import BackendHarness, Provider

HERE = Path(__file__).parent


class LocalHarness(BackendHarness):
    name = "local"
    support = HERE / "support.json"
    golden = HERE.parent / "golden"

    def make(self, home: Path, provider: Provider | None) -> Backend:
        return LocalBackend(home=home)


@pytest.mark.torch
class TestLocal(ConformanceSuite):
    harness = LocalHarness()

    @pytest.fixture(autouse=True)
    def weights(self, minilm: Path) -> None:
        # By its path: every check has a home of its own, in which nothing is cached.
        LocalHarness.model = str(minilm)


def test_what_a_scripted_provider_is_for_is_absent_and_not_skipped() -> None:
    names = [name for name in vars(TestLocal) if name.startswith("test_")]
    assert "test_the_bytes_are_golden__classification_head" in names
    assert [name for name in names if "faults_of" in name or "key" in name] == []
