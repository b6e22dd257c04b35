"""Calls through OpenAI's SDK; what can become of them is in :mod:`tunekit.backends.sdk`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import openai

from ..http_errors import message_of
from ..keys import Key
from ..sdk import Sdk, SdkWire, field

__all__ = ["Wire", "field"]

#: Headers that say for whom calls are made.
WHOSE = {"OpenAI-Organization": "organization", "OpenAI-Project": "project"}


class Wire(SdkWire[openai.OpenAI, openai.AsyncOpenAI]):
    """As :class:`SdkWire`, for OpenAI's API.

    Args:
        backend, base_url, key, options: as there.
        organization, project: for whom calls are made.
    """

    sdk: ClassVar[Sdk] = Sdk(
        client=openai.OpenAI,
        async_client=openai.AsyncOpenAI,
        error=openai.OpenAIError,
        status=openai.APIStatusError,
        timeout=openai.APITimeoutError,
        connection=openai.APIConnectionError,
        key_headers=("authorization",),
        request_id="x-request-id",
        cursor="after",
    )

    def __init__(
        self,
        backend: str,
        base_url: str,
        key: Key,
        *,
        organization: str | None = None,
        project: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__(backend, base_url, key, **options)
        self._whose = {"organization": organization, "project": project}

    def own_options(self) -> Mapping[str, Any]:
        return {
            **self._whose,
            # The SDK reads these from the environment for any host; here options alone say them.
            "default_headers": {
                header: openai.Omit() for header, name in WHOSE.items() if self._whose[name] is None
            },
        }

    def said(self, raised: openai.APIStatusError) -> str:
        body = raised.body
        if isinstance(body, dict) and isinstance(body.get("message"), str):
            return str(body["message"])
        return message_of(raised.response)

    def code(self, raised: openai.APIStatusError) -> str | None:
        return raised.code if isinstance(raised.code, str) else None
