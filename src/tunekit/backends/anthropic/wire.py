"""Calls through Anthropic's SDK; what can become of them is in :mod:`tunekit.backends.sdk`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, ClassVar

import anthropic
import httpx2

from ..http_errors import message_of
from ..keys import Key
from ..sdk import NO_KEY, Sdk, SdkWire, field

__all__ = ["VERSION", "WITH_TEMPERATURE", "Wire", "field"]

#: A variable from which the SDK takes headers for every host.
HEADERS = "ANTHROPIC_CUSTOM_HEADERS"
#: The version of the API that bodies are made for, and the last one that takes a temperature.
VERSION, WITH_TEMPERATURE = "2026-10-21", "2023-06-01"


class Wire(SdkWire[anthropic.Anthropic, anthropic.AsyncAnthropic]):
    """As :class:`SdkWire`, for Anthropic's API.

    Bodies are made by us, for one version of the API: the SDK's own methods know no settings of
    older versions, and no batch that is written already.

    Args:
        backend, base_url, key, options: as there.
        version: of the API.
    """

    sdk: ClassVar[Sdk] = Sdk(
        client=anthropic.Anthropic,
        async_client=anthropic.AsyncAnthropic,
        error=anthropic.AnthropicError,
        status=anthropic.APIStatusError,
        timeout=anthropic.APITimeoutError,
        connection=anthropic.APIConnectionError,
        key_headers=("authorization", "x-api-key"),
        request_id="request-id",
        cursor="after_id",
    )

    def __init__(
        self, backend: str, base_url: str, key: Key, *, version: str = VERSION, **options: Any
    ) -> None:
        super().__init__(backend, base_url, key, **options)
        self._version = version

    def own_options(self) -> Mapping[str, Any]:
        # A key that is given makes the SDK leave the other credentials of the environment alone.
        # Headers from there are for somebody else's server, as far as anybody knows.
        ours = {
            "authorization": f"Bearer {self.key.value() or NO_KEY}",
            "accept": "application/json",
            "content-type": "application/json",
        }
        told = (line.partition(":")[0].strip() for line in os.environ.get(HEADERS, "").split("\n"))
        headers = {name: ours.get(name.lower(), anthropic.Omit()) for name in told if name}
        return {"default_headers": {**headers, "anthropic-version": self._version}}

    def said(self, raised: anthropic.APIStatusError) -> str:
        said = raised.api_message
        return said if isinstance(said, str) and said else message_of(raised.response)

    def code(self, raised: anthropic.APIStatusError) -> str | None:
        return raised.type if isinstance(raised.type, str) else None

    def get(self, path: str, what: str, **params: Any) -> httpx2.Response:
        """Read something; repeated where that may help. Raises BackendError."""
        with self.errors(what), self.client() as client:
            return client.get(path, cast_to=httpx2.Response, options={"params": params})
