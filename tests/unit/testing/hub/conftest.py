"""A scripted hub, and the real client of it."""

from __future__ import annotations

from collections.abc import Iterator

import huggingface_hub
import pytest
from huggingface_hub import HfApi

from tunekit.testing.hub import HubServer, User

WRITER, READER, STRANGER = "hf_writer", "hf_reader", "hf_stranger"


@pytest.fixture(autouse=True)
def _plain_client(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_HUB_DISABLE_XET", "HF_HUB_DISABLE_EXPERIMENTAL_WARNING"):
        monkeypatch.setattr(huggingface_hub.constants, name, True)


@pytest.fixture
def server() -> Iterator[HubServer]:
    tokens = {
        WRITER: User("ada", ("lab",)),
        READER: User("ada", ("lab",), role="read"),
        STRANGER: User("bob"),
    }
    with HubServer(tokens=tokens) as server:
        yield server


@pytest.fixture
def api(server: HubServer) -> HfApi:
    return HfApi(endpoint=server.url, token=WRITER)
