"""The steps of a training, whatever a backend calls its figures."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import tunekit
from tunekit import Classification, Dataset
from tunekit.curves import curve_of
from tunekit.testing.openai import OpenAIServer

DATA = Dataset.from_rows([{"text": f"{w} {n}", "label": w} for n in range(9) for w in "ab"],
                         Classification())  # fmt: skip


def test_a_hosted_run_has_its_losses(home: Path) -> None:
    with OpenAIServer() as server:
        server.story, server.least_lines = ("running", "succeeded"), 1
        backend = tunekit.backend(
            "openai", base_url=server.url, api_key_env="", settle=0.0, retries=0
        )
        model = tunekit.tune(DATA, backend=backend)
        curve = curve_of(model, home)
        assert curve and all("step" in point and len(point) > 1 for point in curve)
        assert {name for point in curve for name in point} <= {
            "step", "epoch", "train_loss", "validation_loss", "validation_metric",
        }  # fmt: skip
        assert tunekit.compare(DATA, {"tuned": model}).models["tuned"].curve == curve
    # A drawing is worth no error: the provider is gone.
    assert curve_of(model, home) == ()


@pytest.mark.soak
@pytest.mark.torch
def test_a_local_run_has_its_losses(home: Path, tiny_encoder: Path) -> None:
    rows = [
        {"text": f"{t} {n}", "label": t[-4:]} for n in range(9) for t in ("my card", "the app ")
    ]
    data = Dataset.from_rows(rows, Classification())
    model = tunekit.tune(data, backend="local", model=tiny_encoder, method="full", epochs=1)
    curve = curve_of(model, home)
    assert curve and all(isinstance(point["step"], int) for point in curve)
    assert any("train_loss" in point for point in curve)


@pytest.mark.parametrize("run", [None, 3, "nobody", "../x"])
def test_without_a_run_there_is_no_curve(home: Path, run: Any) -> None:
    rule = tunekit.baseline(DATA, backend="trivial")
    assert curve_of(replace(rule, provenance={"run": run}), home) == ()


def test_a_run_that_was_removed(home: Path) -> None:
    model = tunekit.tune(DATA, backend="fake")
    shutil.rmtree(home / "runs")
    assert curve_of(model, home) == ()
