"""A scripted hub, and the real client of it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

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
        WRITER: User("me", ("lab",)),
        READER: User("me", ("lab",), role="read"),
        STRANGER: User("other"),
    }
    with HubServer(tokens=tokens) as server:
        yield server


@pytest.fixture
def api(server: HubServer) -> HfApi:
    return HfApi(endpoint=server.url, token=WRITER)


def gone(pid: int) -> bool:
    """Whether a process has ended."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{pid}/stat").read_text().split(") ")[1].startswith("Z")


def until(condition: Callable[[], object], seconds: float = 10) -> None:
    """Wait for something that is about to be so."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)
