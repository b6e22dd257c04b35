"""The Anthropic backend against the suite, over real sockets."""

from __future__ import annotations

from tunekit.testing.conformance import ConformanceSuite

from .harnesses import AnthropicHarness


class TestAnthropic(ConformanceSuite):
    harness = AnthropicHarness()
