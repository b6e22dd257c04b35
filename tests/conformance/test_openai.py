"""The OpenAI backend against the suite, over real sockets."""

from __future__ import annotations

from tunekit.testing.conformance import ConformanceSuite

from .harnesses import OpenAIHarness


class TestOpenAI(ConformanceSuite):
    harness = OpenAIHarness()
