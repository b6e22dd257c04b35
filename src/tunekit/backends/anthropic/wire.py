"""Calls through Anthropic's SDK; what can become of them is in :mod:`tunekit.backends.sdk`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, ClassVar

import anthropic
import httpx2

from ..sdk import NO_KEY, Sdk, SdkWire, field

__all__ = ["Wire", "field"]

#: A variable from which the SDK takes headers for every host.
HEADERS = "ANTHROPIC_CUSTOM_HEADERS"
VERSION = "2023-06-01"


class Wire(SdkWire[anthropic.Anthropic, anthropic.AsyncAnthropic]):
    """As :class:`SdkWire`, for Anthropic's API.

    Bodies are made by us: the SDK's own methods know neither all settings of older models nor a
    batch that is written already.
    """

    sdk: ClassVar[Sdk] = Sdk(
        client=anthropic.Anthropic,
        async_client=anthropic.AsyncAnthropic,
        error=anthropic.AnthropicError,
        status=anthropic.APIStatusError,
        timeout=anthropic.APITimeoutError,
        connection=anthropic.APIConnectionError,
        key_header="x-api-key",
        request_id="request-id",
        cursor="after_id",
    )

    def own_options(self) -> Mapping[str, Any]:
        # A key that is given makes the SDK leave the other credentials of the environment alone.
        # Headers from there are for somebody else's server, as far as anybody knows.
        ours = {
            "x-api-key": self.key.value() or NO_KEY,
            "anthropic-version": VERSION,
            "accept": "application/json",
            "content-type": "application/json",
        }
        told = (line.partition(":")[0].strip() for line in os.environ.get(HEADERS, "").split("\n"))
        headers = {name: ours.get(name.lower(), anthropic.Omit()) for name in told if name}
        return {"default_headers": headers}

    def said(self, raised: anthropic.APIStatusError) -> str:
        return raised.api_message or raised.message

    def code(self, raised: anthropic.APIStatusError) -> str | None:
        return raised.type

    def get(self, path: str, what: str, **params: Any) -> httpx2.Response:
        """Read something; repeated where that may help. Raises BackendError."""
        with self.errors(what), self.client() as client:
            return client.get(path, cast_to=httpx2.Response, options={"params": params})
