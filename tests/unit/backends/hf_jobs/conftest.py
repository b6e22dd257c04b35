"""A scripted hub whose jobs run the real worker, or tell a story with an ending that is written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import pytest

from tunekit.backends.hf_jobs import HfJobsBackend
from tunekit.data.dataset import Dataset
from tunekit.tasks.classification import Classification
from tunekit.testing.hub import HubServer, User

from .samples import ROWS, TOKEN, Make


@pytest.fixture(autouse=True)
def _plain_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setenv("MY_TOKEN", TOKEN)


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with HubServer(tokens={TOKEN: User("tester", ("team",))}) as server:
        # One thread, so that sums are the same in any process.
        server.local_environment = {"OMP_NUM_THREADS": "1"}
        yield server


@pytest.fixture
def make(hub: HubServer, home: Path) -> Make:
    def made(**options: Any) -> HfJobsBackend:
        quick = {"call_timeout": 2.0, "retries": 1, "settle": 0.0, "flavor": "cpu-basic"}
        given = {"token_env": "MY_TOKEN", "endpoint": hub.url, **quick, **options}
        return HfJobsBackend(home=home, **given)

    return made


@pytest.fixture
def data() -> Dataset:
    return Dataset.from_rows(ROWS, Classification())
