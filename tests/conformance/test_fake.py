"""The fake backend against the suite: inside the process, and over a socket with faults."""

from __future__ import annotations

from tunekit.testing.conformance import ConformanceSuite

from .harnesses import FakeHarness, ServedFakeHarness


class TestFake(ConformanceSuite):
    harness = FakeHarness()


class TestFakeOverASocket(ConformanceSuite):
    harness = ServedFakeHarness()
