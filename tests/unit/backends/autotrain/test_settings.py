"""Settings by portable names: what AutoTrain is told, and what is refused, with the reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import tunekit
from tunekit import Classification, Dataset, errors
from tunekit.backends.autotrain.methods import ROUTES, family_of, task_of
from tunekit.backends.autotrain.parameters import KNOBS, checked, parameters, portable
from tunekit.backends.autotrain.project import Names, parse
from tunekit.planning import Route

EVERY = {route.method: route for route in ROUTES[None]}


def told(method: str, devices: int = 1, length: int = 64, **given: Any) -> dict[str, Any]:
    applied = checked("mine", EVERY[method], given, devices)
    return parameters("mine", method, applied, devices=devices, length=length, limit=512)


def test_every_method_has_settings_and_a_task() -> None:
    assert set(KNOBS) == set(EVERY)
    assert {task_of(method).name for method in EVERY} == {
        "text-classification", "token-classification", "seq2seq",
        "llm:sft", "llm:reward", "llm:dpo", "llm:orpo",
    }  # fmt: skip
    assert {family_of(method) for method in EVERY} == {"encoder", "causal", "seq2seq"}


def test_portable_names_become_autotrain_s() -> None:
    said = told(
        "text-classification", epochs=2, learning_rate=1e-4, batch_size=16, warmup=0.2,
        weight_decay=0.01, max_length=32, mixed_precision="fp16",
    )  # fmt: skip
    assert said["epochs"] == 2
    assert said["lr"] == 1e-4
    assert said["batch_size"] == 16
    assert said["gradient_accumulation"] == 1
    assert said["warmup_ratio"] == 0.2
    assert said["weight_decay"] == 0.01
    assert said["max_seq_length"] == 32
    assert said["mixed_precision"] == "fp16"


def test_adapters_are_merged_so_that_there_is_a_model() -> None:
    said = told("sft", lora_rank=8, lora_alpha=16)
    assert (said["peft"], said["merge_adapter"], said["quantization"]) == (True, True, None)
    assert (said["lora_r"], said["lora_alpha"]) == (8, 16)
    whole = told("sft", peft=False)
    assert (whole["peft"], whole["merge_adapter"]) == (False, False)
    assert "lora_r" not in whole


def test_a_reward_model_is_trained_as_a_whole() -> None:
    said = told("reward")
    assert (said["trainer"], said["peft"], said["merge_adapter"]) == ("reward", False, False)


def test_prompts_of_pairs_aren_t_cut_at_autotrain_s_usual_128() -> None:
    said = told("dpo", length=300, beta=0.5)
    assert said["max_prompt_length"] == 300
    assert said["dpo_beta"] == 0.5
    assert told("orpo", max_prompt_length=50)["max_prompt_length"] == 50


@pytest.mark.parametrize(
    ("devices", "given", "there"),
    [
        (1, {"batch_size": 8}, (2, 4)),
        (4, {"batch_size": 8}, (1, 2)),
        (1, {"batch_size": 3}, (3, 1)),
        (2, {"batch_size": 12, "gradient_accumulation": 3}, (2, 3)),
    ],
)
def test_a_step_has_the_rows_that_were_asked_for(
    devices: int, given: dict[str, Any], there: tuple[int, int]
) -> None:
    said = told("sft", devices, **given)
    assert (said["batch_size"], said["gradient_accumulation"]) == there
    assert there[0] * there[1] * devices == given["batch_size"]
    assert portable("sft", said, devices)["batch_size"] == given["batch_size"]


@pytest.mark.parametrize(
    ("method", "given", "why"),
    [
        ("text-classification", {"seed": 1}, "uses it nowhere"),
        ("token-classification", {"seed": 1}, "uses it nowhere"),
        ("sft", {"seed": 1}, "uses it nowhere"),
        ("sft", {"beta": 0.1}, "belongs to method 'dpo'"),
        ("orpo", {"beta": 0.1}, "leaves ORPO's at 0.1"),
        ("seq2seq", {"lora_rank": 8}, "an adapter alone"),
        ("reward", {"lora_rank": 8}, "loses the head that scores"),
        ("text-classification", {"lora_rank": 8}, "no adapters here"),
        ("sft", {"lora_rank": 8, "peft": False}, "Leave one out"),
        ("sft", {"epoch": 1}, "Did you mean 'epochs'"),
        ("sft", {"epochs": 0}, "epochs=0"),
        ("sft", {"epochs": True}, "epochs=True"),
        ("sft", {"warmup": 1}, "warmup=1"),
        ("sft", {"quantization": "int2"}, "quantization='int2'"),
        ("text-classification", {"batch_size": 8, "gradient_accumulation": 3}, "batch_size=8"),
    ],
)
def test_what_nothing_would_read_is_refused_by_name(
    method: str, given: dict[str, Any], why: str
) -> None:
    with pytest.raises(errors.HyperparameterError, match=why) as caught:
        told(method, **given)
    assert any(name in str(caught.value) for name in given)


def test_what_was_applied_comes_back_by_portable_names() -> None:
    said = told("dpo", learning_rate=1e-4, beta=0.2)
    back = portable("dpo", said, 1)
    assert back["learning_rate"] == 1e-4
    assert back["beta"] == 0.2
    assert back["max_length"] == 64
    assert back["lora_rank"] == 16


def test_names_are_found_again() -> None:
    names = Names("ada", "20261126-215409971-a20a9c4d-db2f", 12)
    assert parse(names.space) == names
    assert parse(names.project) == names._replace(user="")
    assert parse(names._replace(attempt=1).space).attempt == 1
    assert len(names.project) <= 50
    assert names.project.replace("-", "").isalnum()


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"runner": "server"}, "needs endpoint"),
        ({"endpoint": "http://127.0.0.1:1"}, "belongs to runner='server'"),
        ({"hardware": "spaces-huge"}, "no hardware 'spaces-huge'"),
        (
            {"runner": "server", "endpoint": "http://127.0.0.1:1", "hardware": "spaces-t4-small"},
            "trains on itself",
        ),
        ({"max_cost": 3.0}, "without price_per_minute"),
        ({"attempts": 0}, "attempts=0"),
        ({"hub_endpoint": "http://me:secret@127.0.0.1"}, "holds a secret"),
    ],
)
def test_options_that_don_t_go_together(options: dict[str, Any], why: str) -> None:
    with pytest.raises(errors.ConfigError, match=why):
        tunekit.backend("autotrain", **options)


def planned(home: Path, rows: int = 8, **options: Any) -> tunekit.Plan:
    data = Dataset.from_rows(
        [{"text": f"{word} {n}", "label": word} for n in range(rows) for word in ("yes", "no")],
        Classification(),
    )
    return tunekit.plan(data, backend=tunekit.backend("autotrain", **options))


def test_a_plan_says_what_is_paid_and_that_nobody_maintains_it(home: Path) -> None:
    free = planned(home)
    assert "for free" in str(free.estimate.cost)
    assert any(one.code == "unmaintained" for one in free.findings)
    paid = planned(home, hardware="spaces-t4-small", price_per_minute=0.01, max_cost=2.0)
    assert "$0.01 for each minute" in str(paid.estimate.cost)
    assert "stopped at $2" in str(paid.estimate.cost)
    assert planned(home, hardware="spaces-t4-small").estimate.cost is None


def test_validation_without_every_label_is_refused_before_anything_is_sent(home: Path) -> None:
    rows = [{"text": f"{word} {n}", "label": word} for n in range(4) for word in ("yes", "no")]
    data = Dataset.from_rows(rows, Classification())
    with pytest.raises(errors.DataError, match="no 'no'"):
        tunekit.submit(
            data,
            validation=data.filter(lambda row: row.label == "yes"),
            backend=tunekit.backend("autotrain"),
        )


def test_validation_that_autotrain_would_lose_is_refused(home: Path) -> None:
    rows = [{"text": f"{word} {n}", "label": word} for n in range(4) for word in ("yes", "no")]
    data = Dataset.from_rows(rows, Classification())
    backend = tunekit.backend("autotrain")
    plan = tunekit.plan(data, backend=backend, model="smollm2-135m", validation=data)
    assert any(one.code == "validation-unusable" for one in plan.findings)


def test_routes_follow_the_kind_of_base_model(home: Path) -> None:
    backend = tunekit.backend("autotrain")

    def methods(model: str) -> list[str]:
        routes: list[Route] = list(backend.routes(model))
        return [route.method for route in routes]

    assert methods("minilm") == ["text-classification", "token-classification"]
    assert methods("smollm2-135m") == ["reward", "sft", "dpo", "orpo"]
    assert methods("acme/nobody-knows") == list(EVERY)
