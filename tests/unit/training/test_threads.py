from __future__ import annotations

import os
import subprocess
import sys
from types import ModuleType

import pytest

from tunekit.training.threads import PATIENT, patient_threads


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PATIENT:
        monkeypatch.delenv(name, raising=False)


def test_the_first_import_of_torch_finds_patience_and_nothing_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    with patient_threads():
        assert os.environ["GOMP_SPINCOUNT"] == "0"
        assert os.environ["OMP_WAIT_POLICY"] == "ACTIVE"  # the user's own
    assert "GOMP_SPINCOUNT" not in os.environ


def test_once_torch_is_there_the_environment_is_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "torch", ModuleType("torch"))
    before = dict(os.environ)
    with patient_threads():
        assert dict(os.environ) == before


@pytest.mark.torch
@pytest.mark.parametrize("module", ["tunekit.training.worker", "tunekit.training.runtime"])
def test_what_is_imported_patiently_brings_torch_with_it(module: str) -> None:
    # Else a learner would import it later, when patience is over.
    code = f"import sys, {module}; print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=True,
    )
    assert done.stdout.strip() == "True"
