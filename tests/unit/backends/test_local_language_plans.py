"""What a plan says of training a language model, against what the worker makes of the same rows."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

import tunekit
from tunekit import Dataset, Plan, Preference, Transformation
from tunekit.backends.local import LocalBackend
from tunekit.backends.trainer import language_candidates, pace
from tunekit.shapes import Example, Said, Turns
from tunekit.training.language.sequences import spoken
from tunekit.training.language.speech import Speech

TEXTS = ("teh cat", "a  dog\n", "Straße 🚲", "one two three")
ANSWERS = [{"question": "where?", "options": ["Here.", "No idea."], "best": 0}] * 6
REFUSING = (
    "{% for message in messages %}{% if message['role'] == 'system' %}"
    "{{ raise_exception('no system turn') }}{% endif %}"
    "<|im_start|>{{ message['content'] | trim }}<|im_end|>\n    {% endfor %}"
    "{%- if add_generation_prompt and not enable_thinking %}{{ bos_token }}{% endif %}"
)
MARKED = (
    "{% for message in messages %}{% generation %}{{ message['content'] }}{{ eos_token }}"
    "{% endgeneration %}{% if loop.index == 3 %}{% break %}{% endif %}{% endfor %}"
)


def edits(*texts: str) -> Dataset:
    rows = [{"input": text, "output": text.upper()} for text in texts]
    return Dataset.from_rows(rows, Transformation("Shout."))


def planned(model: Path | str, data: Dataset, home: Path, **given: Any) -> Plan:
    options = {name: given.pop(name) for name in ("device", "save_memory") if name in given}
    return tunekit.plan(data, backend=LocalBackend(home=home, **options), model=str(model), **given)


def with_template(model: Path, template: str | None, folder: Path) -> Path:
    shutil.copytree(model, folder)
    (folder / "chat_template.jinja").unlink()
    if template is not None:
        (folder / "chat_template.jinja").write_text(template, encoding="utf-8")
    return folder


def tokens_of(plan: Plan) -> int:
    assert plan.estimate.tokens is not None
    return plan.estimate.tokens.total


@pytest.mark.torch
@pytest.mark.parametrize("template", ["its own", REFUSING, MARKED, None])
def test_tokens_are_those_that_the_worker_learns_from(
    tiny_causal: Path, tmp_path: Path, template: str | None
) -> None:
    from transformers import AutoTokenizer

    model = tiny_causal
    if template != "its own":
        model = with_template(tiny_causal, template, tmp_path / "model")
    plan = planned(model, edits(*TEXTS), tmp_path)
    speech = Speech(AutoTokenizer.from_pretrained(model, local_files_only=True), "tiny")
    setup, rows = plan.setup, 0
    for _, some in setup.data.portions():
        for row in some:
            (example,) = setup.task.lower(row, setup.route.shape, setup.prompt)
            assert isinstance(example, Example)
            assert isinstance(example.input, Turns)
            assert isinstance(example.target, Said)
            read = spoken(speech, example.input, example.target.text, 512)
            assert not isinstance(read, str)
            rows += len(read.ids)
    assert plan.estimate.tokens == (rows, True)


@pytest.mark.torch
def test_rows_that_are_left_out_are_told_and_not_counted(tiny_causal: Path, tmp_path: Path) -> None:
    usual = planned(tiny_causal, edits(*TEXTS), tmp_path)
    data = edits(TEXTS[0], "x" * 600, "say <|im_end|>", *TEXTS[1:], "y" * 600)
    plan = planned(tiny_causal, data, tmp_path, validation=edits("a", "b" * 600))
    found = {(one.code, one.row): one for one in plan.findings if "left out" in one.message}
    assert set(found) == {("row-too-long", 1), ("control-token", 2)}
    assert {one.severity for one in found.values()} == {"warning"}
    said = [one.message for one in plan.findings if one.code == "row-too-long"]
    assert "2 of 7 rows are longer than 512 tokens" in said[0]
    assert "1 of 2 validation rows" in said[1]
    assert (plan.estimate.left_out, plan.estimate.truncated) == (4, 0)
    alone = planned(tiny_causal, edits("a"), tmp_path)
    assert tokens_of(plan) == tokens_of(usual) + tokens_of(alone)


@pytest.mark.torch
@pytest.mark.parametrize("text", ["x" * 600, "x" * 3_000_000, "<|im_start|>"])
def test_nothing_left_to_learn_from_is_an_error(
    tiny_causal: Path, tmp_path: Path, text: str
) -> None:
    plan = planned(tiny_causal, edits(text, text + "."), tmp_path)
    (error,) = [one for one in plan.findings if one.severity == "error"]
    assert "2 of 2 rows" in error.message
    assert "nothing is left to learn from" in error.message


@pytest.mark.torch
def test_each_text_has_the_whole_length_where_one_model_reads_and_writes(
    tiny_seq2seq: Path, tmp_path: Path
) -> None:
    data = edits("a" * 20, "b" * 30, "c" * 31)
    plan = planned(tiny_seq2seq, data, tmp_path, max_length=31)
    assert plan.estimate.tokens == (20 + 21 + 30 + 31, True)
    assert plan.estimate.left_out == 1
    assert [one.method for one in plan.estimate.candidates] == ["lora", "full"]
    assert plan.estimate.seconds is not None


def test_before_its_conversion_tokens_are_told_from_characters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tunekit.weights.catalogued.installed_folder", lambda _: None)
    plan = planned("smollm2-135m", edits(*TEXTS, "word " * 2_100), tmp_path)
    assert plan.estimate.tokens is not None
    assert not plan.estimate.tokens.exact
    assert "tokens are told from characters: 'smollm2-135m' isn't ready" in plan.estimate.note
    assert plan.estimate.left_out == 1
    assert plan.estimate.seconds is not None and plan.estimate.memory is not None
    assert 1e9 < plan.estimate.memory < 3e9


def test_methods_differ_in_what_they_hold(tmp_path: Path) -> None:
    plan = planned("smollm2-135m", edits(*TEXTS), tmp_path, device="cpu")
    lora, full, four_bits = plan.estimate.candidates
    assert [one.method for one in plan.estimate.candidates] == ["lora", "full", "qlora"]
    assert plan.method == "lora"
    assert "auto takes 'lora'" in plan.estimate.rule
    assert lora.memory is not None and full.memory is not None
    assert full.memory > lora.memory + 1.5e9
    assert four_bits.seconds is None
    assert "needs a CUDA device" in four_bits.note
    asked = planned("smollm2-135m", edits(*TEXTS), tmp_path, device="cpu", method="qlora")
    assert "no-cuda" in {one.code for one in asked.findings}
    frugal = planned("smollm2-135m", edits("word " * 900), tmp_path, save_memory=True).estimate
    usual = planned("smollm2-135m", edits("word " * 900), tmp_path).estimate
    assert frugal.memory is not None and usual.memory is not None
    assert frugal.seconds is not None and usual.seconds is not None
    assert frugal.memory < usual.memory
    assert frugal.seconds > usual.seconds


@pytest.mark.torch
@pytest.mark.parametrize(
    "kind",
    ["answers", *(pytest.param(one, marks=pytest.mark.soak) for one in ("pairs", "rewriting"))],
)
def test_training_is_foreseen_as_the_worker_does_it_and_corrects_later_plans(
    tiny_causal: Path,
    tiny_seq2seq: Path,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    model = tiny_seq2seq if kind == "rewriting" else tiny_causal
    data = edits(*TEXTS * 3)
    if kind == "pairs":
        data = Dataset.from_rows(ANSWERS, Preference("answer"))
    seen: list[tuple[Any, Any]] = []
    really: Callable[..., dict[str, float]] = language_candidates.speaking_seconds

    def note(speaking: Any, body: Any, *rest: Any, **options: Any) -> dict[str, float]:
        seen.append((speaking, body))
        return really(speaking, body, *rest, **options)

    monkeypatch.setattr(language_candidates, "speaking_seconds", note)
    before = planned(model, data, home, epochs=2)
    assert "no run on this machine yet" in before.estimate.note
    speaking, body = seen[0]
    job = tunekit.submit(data, backend=LocalBackend(home=home), model=str(model), epochs=2)
    job.wait(timeout=120)
    result = orjson.loads((job.folder / "result.json").read_bytes())
    did = result["measured"]
    assert did["body"] == body._asdict()
    assert did["speaking"] == pytest.approx(speaking._asdict(), rel=0.1)
    assert set(result["metrics"]["timings"]) >= {"start", "load", "tune"}
    after = planned(model, data, home, epochs=2)
    assert "measured on this machine, in an earlier run" in after.estimate.note
    # What an encoder will take isn't told by it.
    assert pace.basis(
        home, LocalBackend(home=home)._machine, model="minilm", max_length=256
    ) != pace.basis(home, LocalBackend(home=home)._machine, model="x", max_length=0, writes=True)


@pytest.mark.torch
def test_many_rows_are_planned_in_seconds(tiny_causal: Path, tmp_path: Path) -> None:
    data = edits(*(f"number {n}" for n in range(3_000)))
    begin = time.process_time()
    planned(tiny_causal, data, tmp_path)
    assert time.process_time() - begin < 10


def test_a_check_against_an_unconverted_model_counts_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tunekit.data.checks import base_model
    from tunekit.weights import CATALOGUE, BaseWeights

    entry = CATALOGUE["smollm2-135m"]
    weights = BaseWeights(
        entry.name, tmp_path, {}, "mean", 2_048, 2_048, family="causal", gguf=entry.gguf
    )
    monkeypatch.setattr(base_model, "locate", lambda *_, **__: weights)
    report = edits("short", "word " * 2_100).check(model="smollm2-135m")
    found = {one.code: one for one in report}
    assert found["tokens-not-counted"].severity == "info"
    assert "2,100 words" in found["text-cut"].message
    assert "its row is left out" in found["text-cut"].message


@pytest.mark.torch
def test_processes_on_this_machine_need_memory_each(tiny_causal: Path, tmp_path: Path) -> None:
    def estimated(**options: Any) -> Any:
        backend = LocalBackend(home=tmp_path, **options)
        return tunekit.plan(edits(*TEXTS), backend=backend, model=str(tiny_causal)).estimate

    alone, two = estimated(), estimated(processes=2)
    assert two.memory == 2 * alone.memory and two.seconds == alone.seconds
    assert "2 processes train together" in two.note and "at most" not in two.note
    six = estimated(processes=2, nodes=3, rendezvous="a:1", sharding="full")
    assert six.memory == two.memory
    assert "6 processes" in six.note and "2 on one machine, at most" in six.note
