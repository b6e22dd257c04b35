"""The suite that every backend passes, and what this one is for.

Jobs are found again by the backend's name, in another process too: install the package first
(``pip install -e '.[dev]'``), then ``pytest``.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from tunekit_nearest import NearestBackend

import tunekit
from tunekit import Classification, Dataset
from tunekit.backends.base import Backend
from tunekit.errors import HyperparameterError
from tunekit.testing.conformance import ConformanceSuite
from tunekit.testing.harness import BackendHarness, Provider

HERE = Path(__file__).parent


class NearestHarness(BackendHarness):
    name = "nearest"
    support = HERE / "support.json"
    golden = HERE / "golden"

    def make(self, home: Path, provider: Provider | None) -> Backend:
        return NearestBackend(home=home)


class TestNearest(ConformanceSuite):
    harness = NearestHarness()


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dataset:
    monkeypatch.setenv("TUNEKIT_HOME", str(tmp_path))
    rows = [
        {"text": f"{opening} {subject}", "label": label}
        for label, subject in (("car", "my car was hit"), ("home", "water in the cellar"))
        for opening in ("Hello,", "Please help:", "Dear team,")
    ]
    return Dataset.from_rows(rows, Classification())


def test_it_is_known_by_its_name(data: Dataset) -> None:
    assert "nearest" in tunekit.list_backends()
    model = tunekit.tune(data, backend="nearest", neighbours=3)
    answer = model.predict("They hit my CAR again")
    assert answer.label == "car"
    assert answer.probability > 0.9
    assert model.predict("").probabilities == {"car": 0.5, "home": 0.5}


def test_what_it_cannot_do_is_refused_by_name(data: Dataset) -> None:
    with pytest.raises(HyperparameterError, match="no 'epochs' here"):
        tunekit.plan(data, backend="nearest", epochs=3)
    with pytest.raises(HyperparameterError, match="whole number"):
        tunekit.plan(data, backend="nearest", neighbours=0)
