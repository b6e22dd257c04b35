"""Tuning here compiles a prompt: offline, at once, kept as a file, and said to be one."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path
from typing import Any

import orjson
import pytest

import tunekit
from tunekit import Classification, Dataset, Transformation, errors
from tunekit.backends.choose import who_else_trains
from tunekit.prompted import Compiled
from tunekit.testing.anthropic import AnthropicServer

ROWS = [{"text": f"{word} number {n}", "label": word} for word in ("car", "pet") for n in range(9)]
DATA = Dataset.from_rows(ROWS, Classification())
#: Nobody listens there: whatever is done offline may name it.
NOWHERE = "http://127.0.0.1:9"


def here(**options: Any) -> Any:
    return tunekit.backend("anthropic", base_url=NOWHERE, **options)


def test_a_model_is_there_without_key_or_network() -> None:
    job = tunekit.submit(DATA, backend=here(), shots=4, nearest=3, seed=5)
    assert job.status == "succeeded"
    compiled = Compiled.read(job.folder / "artifact" / "prompt.json")
    model = job.wait()
    assert (len(compiled.shots), compiled.nearest, compiled.seed) == (4, 3, 5)
    assert compiled.model == model.base == "claude-haiku-4-5"
    assert model.kind == "prompted" and "prompted" in repr(model)
    assert model.provenance["artifact"] == {"kind": "prompt", "version": 1, "hash": compiled.hash}
    assert model.provenance["hyperparameters"] == {
        "shots": 4, "nearest": 3, "token_budget": 6000, "seed": 5,
    }  # fmt: skip
    assert model.provenance["metrics"]["shots"] == 4


def test_the_model_in_a_call_wins_over_the_configured_one() -> None:
    assert tunekit.tune(DATA, backend=here(model="claude-x")).base == "claude-x"
    made = tunekit.tune(DATA, backend=here(model="claude-x"), model="claude-y")
    assert Compiled.read(_artifact(made)).model == "claude-y"


def _artifact(model: tunekit.Model) -> Path:
    job = tunekit.attach(model.provenance["run"])
    return job.folder / "artifact" / "prompt.json"


def test_the_same_rows_make_the_same_prompt() -> None:
    first, second = (tunekit.tune(DATA, backend=here()) for _ in range(2))
    assert first.provenance["run"] != second.provenance["run"]
    assert first.provenance["artifact"] == second.provenance["artifact"]
    assert _artifact(first).read_bytes() == _artifact(second).read_bytes()


def test_a_kill_while_it_is_compiled_is_made_good() -> None:
    job = tunekit.submit(DATA, backend=here())
    kept = (job.folder / "artifact" / "prompt.json").read_bytes()
    record = orjson.loads((job.folder / "job.json").read_bytes())
    # As a kill leaves it: the run is there, and nothing was compiled.
    record.update(ref=None, states=record["states"][:1], steps=[], trained=None)
    (job.folder / "job.json").write_bytes(orjson.dumps(record))
    shutil.rmtree(job.folder / "artifact")
    again = tunekit.attach(job.id)
    assert again.status == "created"
    again.wait(timeout=20)
    assert (job.folder / "artifact" / "prompt.json").read_bytes() == kept


def test_a_saved_model_needs_its_run_no_more(tmp_path: Path) -> None:
    with AnthropicServer() as server:
        backend = tunekit.backend("anthropic", base_url=server.url, api_key_env="")
        model = tunekit.tune(DATA, backend=backend)
        saved = model.save(tmp_path / "saved")
        before = model.predict(["car number 1", "pet number 2"])
        shutil.rmtree(tunekit.attach(model.provenance["run"]).folder)
        loaded = tunekit.load(saved)
        assert loaded.predict(["car number 1", "pet number 2"]) == before
    assert (loaded.kind, loaded.provenance) == ("prompted", model.provenance)


def test_a_saved_model_that_is_damaged_is_refused(tmp_path: Path) -> None:
    saved = tunekit.tune(DATA, backend=here()).save(tmp_path / "saved")
    path = saved / "artifact" / "prompt.json"
    path.write_bytes(path.read_bytes().replace(b"car number 3", b"cat number 3"))
    with pytest.raises(errors.ModelError, match="changed after it was written"):
        tunekit.load(saved)
    path.unlink()
    with pytest.raises(errors.ModelError, match="holds no model"):
        tunekit.load(saved)


def test_a_model_without_examples_is_zero_shot_and_can_be_kept(tmp_path: Path) -> None:
    model = tunekit.baseline(DATA, backend=here())
    assert (model.kind, model.ref.id) == ("zero-shot", "claude-haiku-4-5")
    loaded = tunekit.load(model.save(tmp_path / "saved"))
    assert (loaded.kind, loaded.ref) == ("zero-shot", model.ref)


@pytest.mark.parametrize(
    "name",
    ["epochs", "learning_rate", "batch_size", "warmup", "weight_decay", "lora_rank", "beta"],
)
def test_what_belongs_to_training_is_refused_with_the_way_out(name: str) -> None:
    with pytest.raises(errors.HyperparameterError, match=rf"{name}.*No weights.*'shots'"):
        tunekit.plan(DATA, backend=here(), **{name: 1})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"max_length": 512}, "token_budget"),
        ({"shot": 3}, "Did you mean 'shots'"),
        ({"shots": -1}, "whole number from 0 to 512"),
        ({"nearest": 2.0}, "nearest=2.0"),
        ({"seed": True}, "seed=True"),
    ],
)
def test_settings_are_checked(given: dict[str, Any], said: str) -> None:
    with pytest.raises(errors.HyperparameterError, match=said):
        tunekit.plan(DATA, backend=here(), **given)


def test_a_plan_says_what_a_prediction_takes() -> None:
    plan = tunekit.plan(DATA, backend=here())
    assert plan.estimate.cost is None
    assert "No weights are trained" in plan.estimate.note
    assert "no price is known" in str(plan)
    priced = here(price_per_million_input=1.0, price_per_million_output=5.0)
    cost = tunekit.plan(DATA, backend=priced).estimate.cost
    assert cost is not None and "1,000 predictions" in cost and "as configured" in cost


def test_a_row_that_no_model_reads_is_found_before_anything_is_done() -> None:
    long = {"text": "word " * 1_000, "label": "car"}
    data = Dataset.from_rows([*ROWS, long], Classification())
    (found,) = [
        one
        for one in tunekit.plan(data, backend=here(context_tokens=1_000)).findings
        if one.code == "too-long-for-model"
    ]
    assert (found.row, found.severity) == (len(ROWS), "error")
    with pytest.raises(errors.DataError, match="context_tokens"):
        tunekit.tune(data, backend=here(context_tokens=1_000))


def test_validation_rows_are_said_to_change_nothing() -> None:
    rows = [{"text": f"another {word} {n}", "label": word} for word in ("car", "pet") for n in "ab"]
    plan = tunekit.plan(DATA, backend=here(), validation=Dataset.from_rows(rows, Classification()))
    assert "validation-unused" in [one.code for one in plan.findings]


def test_nobody_is_sent_here_who_wants_to_train(tmp_path: Path) -> None:
    assert "anthropic" not in who_else_trains(Transformation("Do."), "openai", tmp_path)


def test_plans_don_t_depend_on_the_day() -> None:
    backend, plan = here(), tunekit.plan(DATA, backend=here())
    from dataclasses import replace

    later = replace(plan.setup, today=date(2100, 1, 1))
    assert backend.prepare(later) == plan.estimate
