"""Models: predicting, keeping, loading again."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import tunekit
from tunekit import (
    Classification,
    Dataset,
    Extraction,
    Failure,
    InputError,
    Label,
    Model,
    Preference,
    Span,
    Transformation,
    UnsupportedTask,
)
from tunekit.errors import JobFailed, ModelError, PredictionError, StoreError
from tunekit.testing.fake import FakeBackend
from tunekit.testing.server import Fault, ScriptedServer

ROWS = [{"text": f"{word} {n}", "label": word} for word in ("yes", "no") for n in range(6)]


@pytest.fixture
def model() -> Model:
    return tunekit.tune(Dataset.from_rows(ROWS, Classification()), backend="fake")


@pytest.fixture
def served(home: Path) -> Iterator[tuple[ScriptedServer, Model]]:
    with ScriptedServer() as server:
        backend = FakeBackend("fake", home=home, endpoint=server.url, timeout=1.0)
        yield server, tunekit.tune(Dataset.from_rows(ROWS, Classification()), backend=backend)


def test_one_or_many_in_order(model: Model) -> None:
    one = model.predict("yes 1")
    assert isinstance(one, Label) and one.label == "yes"
    many = model.predict(["no 2", "yes 1", {"text": "no 5"}])
    assert [found.label for found in many] == ["no", "yes", "no"]
    assert many[1] == one
    data = Dataset.from_rows(ROWS[:3], Classification())
    assert [found.label for found in model.predict(data)] == ["yes"] * 3
    assert model.predict([]) == []
    assert [found.label for found in model.predict(text for text in ("yes 1", "no 1"))] == [
        "yes",
        "no",
    ]


def test_a_stream_reads_as_it_is_asked_and_keeps_the_order(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tunekit.predicting.AT_ONCE", 3)
    read: list[int] = []

    def texts() -> Iterator[str]:
        for number in range(8):
            read.append(number)
            yield f"{'yes' if number % 3 else 'no'} {number % 6}"

    answers = model.stream(texts())
    assert read == []
    assert next(answers).label == "no"
    assert read == [0, 1, 2]
    assert [one.label for one in answers] == ["yes", "yes", "no", "yes", "yes", "no", "yes"]
    data = Dataset.from_rows(ROWS, Classification())
    assert list(model.stream(data)) == model.predict(data)
    assert list(model.stream([])) == []


def test_a_stream_says_where_of_all_inputs_it_ended(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tunekit.predicting.AT_ONCE", 2)
    answers = model.stream(["yes 1", "no 1", "yes 2", 7])
    assert [next(answers).label, next(answers).label] == ["yes", "no"]
    with pytest.raises(tunekit.InputError, match="input 3"):
        next(answers)
    with pytest.raises(tunekit.InputError, match="several inputs"):
        model.stream("yes 1")
    wrong = Dataset.from_rows([{"text": "a", "spans": []}], Extraction(["city"]))
    with pytest.raises(tunekit.DataError, match="rows of extraction"):
        next(model.stream(wrong))


def test_apredict_works_inside_a_running_loop(model: Model) -> None:
    async def both() -> tuple[Label, Label]:
        # predict inside a loop, as a notebook does it, and apredict beside it
        return model.predict("yes 1"), await model.apredict("no 1")

    waited, awaited = asyncio.run(both())
    assert (waited.label, awaited.label) == ("yes", "no")


def test_threads_get_the_answers_of_one(model: Model) -> None:
    texts = [row["text"] for row in ROWS]
    alone = [model.predict(text) for text in texts]
    found: dict[int, list[Label]] = {}

    def work(number: int) -> None:
        found[number] = [model.predict(text) for text in texts]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(found[number] == alone for number in range(8))


def test_wrong_inputs_are_named_all_at_once(model: Model) -> None:
    with pytest.raises(InputError, match="not int"):
        model.predict(3)
    with pytest.raises(InputError, match=r"input 1: .*; input 3: "):
        model.predict(["good", 3, "good", None])
    with pytest.raises(InputError, match="'option'"):
        model.predict("good", option=["a"])
    with pytest.raises(InputError, match="mapping"):
        model.predict(["good"], context="x")
    with pytest.raises(InputError, match="errors="):
        model.predict("good", errors="ignore")  # type: ignore[arg-type]


def test_a_failed_answer_costs_only_itself(served: tuple[ScriptedServer, Model]) -> None:
    _, model = served
    inputs = ["yes 1", "half a character: \ud800", "no 1"]
    found = model.predict(inputs, errors="return")
    assert [type(one) for one in found] == [Label, Failure, Label]
    with pytest.raises(PredictionError, match="input 1") as caught:
        model.predict(inputs)
    assert list(caught.value.failures) == [1]
    assert caught.value.outcomes[2] == found[2]


def test_a_backend_that_is_down_is_an_error_of_ours(served: tuple[ScriptedServer, Model]) -> None:
    server, model = served
    server.script("POST /answers", Fault("refuse", status=401), always=True)
    with pytest.raises(tunekit.BackendError) as caught:
        model.predict("yes 1")
    assert caught.value.status == 401 and caught.value.backend == "fake"


def test_the_stored_prompt_is_what_is_sent(
    served: tuple[ScriptedServer, Model], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    server, model = served
    model.save(tmp_path / "kept")
    before = model.rendered("yes 1")
    monkeypatch.setattr(
        Classification, "prompt", lambda self: model.prompt.model_copy(update={"system": "New."})
    )
    assert model.rendered("yes 1") == before
    assert tunekit.load(tmp_path / "kept").rendered("yes 1") == before
    [sent] = [one.body for one in server.requests if (one.method, one.path) == ("POST", "/files")]
    trained = json.loads(sent.splitlines()[0])["messages"]
    assert trained[0]["content"] == before[0].turns[0].text  # type: ignore[union-attr]


def test_save_and_load(model: Model, tmp_path: Path) -> None:
    path = model.save(tmp_path / "kept")
    loaded = tunekit.load(path)
    assert loaded.task == model.task and loaded.kind == "tuned"
    assert loaded.provenance == model.provenance
    assert loaded.predict(["yes 1", "no 1"]) == model.predict(["yes 1", "no 1"])
    with pytest.raises(StoreError, match="exists"):
        model.save(path)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["kept"]


def test_load_by_alias_run_and_id(model: Model, tmp_path: Path) -> None:
    run = model.provenance["run"]
    Path("tunekit.toml").write_text(f'[models.triage]\nref = "run:{run}"\n', "utf-8")
    for ref in ("triage", f"run:{run}"):
        assert tunekit.load(ref).predict("no 1").label == "no"
    served = tunekit.load(f"fake:{model.ref.id}", task=model.task)
    assert served.predict("no 1").label == "no"
    with pytest.raises(ModelError, match="task="):
        tunekit.load(f"fake:{model.ref.id}")
    with pytest.raises(ModelError, match="triage"):
        tunekit.load("triag")
    with pytest.raises(ModelError, match=r"model\.json"):
        tunekit.load(tmp_path)


def test_a_run_that_has_not_ended_is_no_model() -> None:
    job = tunekit.submit(Dataset.from_rows(ROWS, Classification()), backend="fake")
    with pytest.raises(JobFailed, match="queued"):
        job.result()


def test_a_damaged_model_is_a_clear_error(model: Model, tmp_path: Path) -> None:
    path = model.save(tmp_path / "kept")
    (path / "model.json").write_text('{"kind": "tuned"}', "utf-8")
    with pytest.raises(ModelError, match="damaged"):
        tunekit.load(path)


def test_export_says_what_there_is_instead(model: Model, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedTask, match="safetensors"):
        model.export("gguf", tmp_path / "x.gguf")


def test_every_task_through_the_same_lines() -> None:
    edit = tunekit.tune(
        Dataset.from_rows([{"input": "helo", "output": "hello"}] * 2, Transformation()),
        backend="fake",
    )
    assert edit.predict("helo") == "hello"

    rows = [{"text": "To Rome, from Rome", "spans": [[14, 18, "city"]]}, {"text": "Nowhere"}]
    extract = tunekit.tune(Dataset.from_rows(rows, Extraction()), backend="fake")
    found = extract.predict("To Rome, from Rome")
    assert found.spans == (Span(14, 18, "city"),) and found.unplaced == ()

    row = {"question": "Best?", "options": ["bad", "good", "so so"], "best": 1}
    choose = tunekit.tune(Dataset.from_rows([row], Preference()), backend="fake")
    picked = choose.predict("Best?", options=["bad", "good", "so so"])
    assert (picked.index, picked.option) == (1, "good")
    assert (
        choose.predict([{"question": "Best?", "options": ["good", "bad", "so so"]}])[0].index == 0
    )

    answer = tunekit.tune(Dataset.from_rows([row], Preference("answer")), backend="fake")
    assert answer.predict("Best?") == "good"
