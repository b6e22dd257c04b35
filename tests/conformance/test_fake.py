"""The fake backend against the suite: inside the process, and over a socket with faults."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from harnesses import FakeHarness, ServedFakeHarness

from tunekit.testing.conformance import ConformanceSuite


class TestFake(ConformanceSuite):
    harness = FakeHarness()


class TestFakeOverASocket(ConformanceSuite):
    harness = ServedFakeHarness()
