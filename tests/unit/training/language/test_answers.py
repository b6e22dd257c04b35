"""Answers are learnt, by an adapter or by all weights, and said again by what is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tunekit.errors import ModelError
from tunekit.shapes import Example, Said
from tunekit.training.card import read_card
from tunekit.training.folder import RunFolder
from tunekit.training.recipe import Settings

from .samples import ask, measured, write_run

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch", reason="needs the extra local")

from tunekit.training import checkpoints, loop  # noqa: E402
from tunekit.training.ending import Cancelled  # noqa: E402
from tunekit.training.runtime import load  # noqa: E402
from tunekit.training.worker import train  # noqa: E402

SAID = {"dog?": "woof", "cat?": "miau ü", "cow?": "moo", "fox?": ""}
ROWS = [Example(ask(asked), Said(said)) for asked, said in SAID.items()]
QUICK = Settings(epochs=60, batch_size=4, learning_rate=1e-2)


def losses(run: RunFolder) -> list[float]:
    return [line["loss"] for line in measured(run)]


def artifact(run: RunFolder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in run.artifact.iterdir()}


@pytest.mark.parametrize("method", ["full", "lora"])
def test_what_is_learnt_is_said(method: Any, lively: Path, tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", lively, ROWS, method=method, settings=QUICK)
    result = train(run)
    first, *_, last = losses(run)
    assert last < 0.1 < 4 < first, (first, last)
    card = read_card(run.artifact)
    assert card.weights == {"full": "own", "lora": "adapter"}[method]
    assert card.options["room"] == 2 * (len("miau ü".encode()) + 1) + 16
    assert result["metrics"]["learnt_tokens"] == sum(len(one.encode()) + 1 for one in SAID.values())
    applied = result["applied"]
    assert (applied["method"], applied["epochs"], applied["batch_size"]) == (method, 60, 4)
    assert ("lora_rank" in applied) == (method == "lora")
    assert not run.checkpoints.exists()
    runtime = load(run.artifact, lively, device="cpu")
    assert runtime.predict([example.input for example in ROWS]) == [
        example.target for example in ROWS
    ]
    (chosen,) = runtime.predict([ask("cow?", choices=("woof", "moo", ""))])
    assert chosen.text == "moo"
    assert dict(chosen.probabilities)["moo"] > 0.9


def test_the_loss_is_the_mean_over_the_tokens_of_all_answers(
    tiny_causal: Path, tmp_path: Path
) -> None:
    import transformers

    settings = Settings(epochs=1, batch_size=4)
    run = write_run(tmp_path / "run", tiny_causal, ROWS, settings=settings)
    train(run)
    module: Any = transformers.AutoModelForCausalLM.from_pretrained(tiny_causal)
    tokenizer: Any = transformers.AutoTokenizer.from_pretrained(tiny_causal)
    total = count = 0.0
    for asked, said in SAID.items():
        turns = [{"role": "user", "content": asked}]
        prompt = tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
        before = len(tokenizer(prompt)["input_ids"])
        ids = torch.tensor([tokenizer(f"{prompt}{said}<|im_end|>")["input_ids"]])
        labels = ids.clone()
        labels[0, :before] = -100
        learnt = ids.shape[1] - before
        with torch.no_grad():
            total += float(module(input_ids=ids, labels=labels).loss) * learnt
        count += learnt
    assert losses(run)[0] == pytest.approx(total / count, rel=1e-4)


@pytest.mark.parametrize(
    "changes", [{"tokens_at_once": 1}, {"tokens_at_once": 80}, {"save_memory": True}]
)
def test_how_much_is_computed_at_once_changes_nothing(
    changes: dict[str, Any], tiny_causal: Path, tmp_path: Path
) -> None:
    settings = Settings(epochs=3, batch_size=4, learning_rate=1e-2)
    plain = write_run(tmp_path / "plain", tiny_causal, ROWS, settings=settings)
    other = write_run(tmp_path / "other", tiny_causal, ROWS, settings=settings, **changes)
    train(plain)
    train(other)
    assert losses(other) == pytest.approx(losses(plain), rel=1e-4)


@pytest.mark.parametrize("method", ["full", "lora"])
def test_taken_up_again_it_ends_bit_for_bit_the_same(
    method: Any, tiny_causal: Path, tmp_path: Path
) -> None:
    settings = Settings(epochs=3, batch_size=2, learning_rate=1e-2)
    facts = {"method": method, "settings": settings, "checkpoint_seconds": 0}
    whole = write_run(tmp_path / "whole", tiny_causal, ROWS, ROWS[:2], **facts)
    result = train(whole)
    parts = write_run(tmp_path / "parts", tiny_causal, ROWS, ROWS[:2], **facts)
    with pytest.MonkeyPatch.context() as patch:
        real, written = checkpoints.Checkpoints.write, list[int]()

        def write(self: Any, checkpoint: Any) -> None:
            real(self, checkpoint)
            written.append(checkpoint.step)
            if checkpoint.step in (1, 4):
                raise Cancelled

        patch.setattr(checkpoints.Checkpoints, "write", write)
        patch.setattr(loop, "CHECKPOINT_COST", float("inf"))  # after every step
        for _ in range(2):
            with pytest.raises(Cancelled):
                train(parts)
        assert not parts.artifact.exists()
        again = train(parts)
    messages = [event["message"] for event in parts.events()]
    assert [one for one in messages if one.startswith("Going on")] == [
        "Going on after step 1.",
        "Going on after step 4.",
    ]
    assert artifact(parts) == artifact(whole)
    assert measured(parts) == measured(whole)
    assert again["metrics"]["held_out_loss"] == result["metrics"]["held_out_loss"]


def test_held_out_rows_are_judged_and_not_learnt(tiny_causal: Path, tmp_path: Path) -> None:
    held_out = [Example(ask("owl?"), Said("uhu")), Example(ask("x" * 600), Said("never"))]
    run = write_run(tmp_path / "run", tiny_causal, ROWS, held_out, settings=Settings(epochs=2))
    metrics = train(run)["metrics"]
    assert (metrics["rows"], metrics["held_out_rows"]) == (4, 1)
    assert metrics["held_out_loss"] > 0
    assert any("1 validation rows are left out (1)" in one["message"] for one in run.events())
    alone = write_run(tmp_path / "alone", tiny_causal, ROWS, settings=Settings(epochs=2))
    train(alone)
    assert losses(alone) == losses(run)


def test_rows_that_are_too_long_are_left_out_and_said(tiny_causal: Path, tmp_path: Path) -> None:
    rows = [*ROWS, Example(ask("?"), Said("y" * 90))]
    settings = Settings(epochs=1, max_length=64)
    run = write_run(tmp_path / "run", tiny_causal, rows, settings=settings)
    result = train(run)
    assert result["applied"]["max_length"] == 64
    (event,) = [one for one in run.events() if "left_out" in one["data"]]
    assert event["data"]["left_out"] == [4]
    assert "room for 64" in event["message"]
    none = write_run(tmp_path / "none", tiny_causal, rows[4:], settings=settings)
    with pytest.raises(ModelError, match="none of 1 rows can be learnt from: prompt and answer"):
        train(none)


def test_in_bf16_the_base_is_narrow_and_the_adapter_is_not(
    lively: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from safetensors.torch import load_file

    from tunekit.training.language import answers

    seen = list[Any]()
    real = answers.finish

    def finish(work: Any, model: Any, *rest: Any) -> Any:
        seen.append(model.module)
        return real(work, model, *rest)

    monkeypatch.setattr(answers, "finish", finish)
    run = write_run(tmp_path / "run", lively, ROWS, precision="bf16", settings=QUICK)
    train(run)
    assert losses(run)[-1] < 0.2 < 4 < losses(run)[0]
    kinds: dict[bool, set[Any]] = {True: set(), False: set()}
    for name, one in seen[0].named_parameters():
        kinds["lora_" in name].add(one.dtype)
    assert kinds == {True: {torch.float32}, False: {torch.bfloat16}}
    tensors = load_file(run.artifact / "adapter.safetensors")
    assert {one.dtype for one in tensors.values()} == {torch.float32}
    assert read_card(run.artifact).precision == "bf16"
    for precision in ("auto", "bf16"):
        runtime = load(run.artifact, lively, device="cpu", precision=precision)
        found = runtime.predict([example.input for example in ROWS])
        assert found == [example.target for example in ROWS], precision


def test_all_weights_in_bf16_are_kept_in_fp32(tiny_causal: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    settings = Settings(epochs=2, learning_rate=1e-2)
    run = write_run(
        tmp_path / "run", tiny_causal, ROWS, method="full", precision="bf16", settings=settings
    )
    train(run)
    tensors = load_file(run.artifact / "encoder.safetensors")
    assert {one.dtype for one in tensors.values()} == {torch.float32}
    assert losses(run)[-1] < losses(run)[0]
