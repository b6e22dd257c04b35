"""Learning and answering questions with options, from a run folder to answers."""

from __future__ import annotations

import math
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

torch = pytest.importorskip("torch", reason="needs the extra local")

from safetensors.torch import load_file, save_file  # noqa: E402

from tunekit.errors import ModelError  # noqa: E402
from tunekit.formats.base import Header  # noqa: E402
from tunekit.formats.examples import Examples  # noqa: E402
from tunekit.shapes import Example, Order, Question, Shape  # noqa: E402
from tunekit.training.card import HEAD, read_card  # noqa: E402
from tunekit.training.folder import RunFolder  # noqa: E402
from tunekit.training.recipe import Base, Recipe  # noqa: E402
from tunekit.training.runtime import Runtime, load  # noqa: E402
from tunekit.training.worker import train  # noqa: E402
from tunekit.weights import read_folder  # noqa: E402

pytestmark = pytest.mark.torch

Rows = list[tuple[Question, tuple[float, ...]]]
Learn = Callable[..., dict[str, Any]]


def thankful(count: int, seed: int = 0) -> Rows:
    """The better options thank more."""
    chance = random.Random(seed)
    words = ("my", "card", "is", "lost", "i", "want", "money", "back", "the", "app")
    rows: Rows = []
    for _ in range(count):
        thanks = chance.sample(range(4), chance.choice((2, 3, 4)))
        options = tuple(
            " ".join([*chance.choices(words, k=3), *["thanks"] * many]) for many in thanks
        )
        question = " ".join(chance.choices(words, k=5)) + f" {chance.random():.6f}"
        rows.append((Question(question, options), tuple(map(float, thanks))))
    return rows


def best_alone(rows: Rows) -> Rows:
    return [(asked, tuple(float(one == max(order)) for one in order)) for asked, order in rows]


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path / "run")


@pytest.fixture
def learn(run: RunFolder, tiny_encoder: Path) -> Learn:
    found = read_folder(tiny_encoder, name="tiny")
    base = Base(
        name="tiny",
        files=tuple(found.files.items()),
        pooling=found.pooling,
        max_length=found.max_length,
        limit=found.limit,
    )

    def begin(
        rows: Rows, method: str = "auto", validation: Rows | None = None, **settings: Any
    ) -> dict[str, Any]:
        write_rows(run.train, rows)
        if validation is not None:
            write_rows(run.validation, validation)
        facts = {
            "method": method,
            "shape": Shape.RANKED,
            "base": base,
            "base_path": str(tiny_encoder),
            "settings": settings,
            "precision": "fp32",
            "threads": 1,
            "checkpoint_seconds": 0,
        }
        run.recipe.write_text(Recipe.model_validate(facts).model_dump_json())
        return train(run)

    return begin


def write_rows(path: Path, rows: Rows) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    records = [Examples().encode(Example(q, Order(order)), Header()) for q, order in rows]
    path.write_bytes(b"".join(orjson.dumps(one) + b"\n" for one in records))


@pytest.fixture
def answering(run: RunFolder, tiny_encoder: Path) -> Callable[[], Runtime]:
    return lambda: load(run.artifact, tiny_encoder, threads=1)


def accuracy(runtime: Runtime, rows: Rows) -> float:
    answers = runtime.predict([asked for asked, _ in rows])
    return sum(
        order[answer.scores.index(max(answer.scores))] == max(order)  # type: ignore[union-attr]
        for answer, (_, order) in zip(answers, rows, strict=True)
    ) / len(rows)


def messages(run: RunFolder) -> str:
    return "\n".join(event["message"] for event in run.events())


def test_auto_decides_on_held_out_rows_and_learns_from_all(
    run: RunFolder, learn: Learn, answering: Callable[[], Runtime]
) -> None:
    result = learn(best_alone(thankful(100)), learning_rate=3e-3, epochs=2)
    found = result["metrics"]["auto"]
    assert found["took"] == "bi-encoder"
    assert found["frozen"]["held_out_rows"] == found["bi-encoder"]["held_out_rows"] == 20
    assert found["why"] in messages(run)
    assert result["applied"] == {
        "method": "bi-encoder",
        "seed": 0,
        "max_length": 64,
        "epochs": found["bi-encoder"]["epochs"],
        "learning_rate": 3e-3,
        "batch_size": 16,
        "warmup": 0.1,
        "weight_decay": 0.01,
    }
    card = read_card(run.artifact)
    assert (card.method, card.shape, card.weights) == ("bi-encoder", Shape.RANKED, "own")
    assert card.temperature == result["temperature"] is not None
    rows = [event["data"].get("rows") for event in run.events() if event["kind"] == "state"]
    assert {80, 100} <= set(rows)  # on trial, and in the end
    assert not run.checkpoints.exists()
    assert accuracy(answering(), thankful(100, seed=1)) > 0.8  # chance: 0.36


@pytest.mark.parametrize("method", ["bi-encoder", "cross-encoder"])
def test_a_method_that_is_named_is_taken_and_learns_rankings_with_ties(
    method: str, run: RunFolder, learn: Learn, answering: Callable[[], Runtime]
) -> None:
    rows = [(q, tuple(min(one, 2.0) for one in order)) for q, order in thankful(100)]
    rows = [row for row in rows if len(set(row[1])) > 1]
    result = learn(rows, method, learning_rate=3e-3, epochs=2)
    assert result["applied"]["method"] == read_card(run.artifact).method == method
    assert result["metrics"]["held_out_rows"] == round(0.2 * len(rows))
    assert "auto" not in result["metrics"]
    assert accuracy(answering(), thankful(100, seed=1)) > 0.7


def test_rows_for_judging_are_never_learnt_from(run: RunFolder, learn: Learn) -> None:
    result = learn(
        best_alone(thankful(50)), "bi-encoder", validation=thankful(30, seed=1), epochs=1
    )
    assert result["metrics"]["held_out_rows"] == 30
    starts = [event["data"] for event in run.events() if event["message"].startswith("training (")]
    assert [data["rows"] for data in starts if "rows" in data] == [50]


def test_a_few_rows_are_all_learnt_from(run: RunFolder, learn: Learn) -> None:
    result = learn(best_alone(thankful(12)), epochs=1)
    assert "too few" in result["metrics"]["auto"]["why"]
    assert result["temperature"] is None
    assert read_card(run.artifact).method == "bi-encoder"


@pytest.mark.parametrize("validation", [None, best_alone(thankful(30, seed=2))])
def test_tuning_that_makes_it_worse_is_left_for_the_head_alone(
    validation: Rows | None, run: RunFolder, learn: Learn, answering: Callable[[], Runtime]
) -> None:
    rows = best_alone(thankful(100))
    result = learn(rows, validation=validation, learning_rate=3.0, batch_size=4, epochs=1)
    assert result["metrics"]["auto"]["took"] == "frozen"
    assert result["applied"] == {"method": "bi-encoder, head only", "seed": 0, "max_length": 64}
    assert read_card(run.artifact).weights == "base"
    assert accuracy(answering(), thankful(100, seed=1)) > 0.6


def test_rows_that_say_nothing_are_left_out_or_refused(run: RunFolder, learn: Learn) -> None:
    nothing: Rows = [(Question("?", ("a", "b")), (1.0, 1.0)), (Question("?", ("a",)), (1.0,))]
    learn([*nothing, *best_alone(thankful(12))], "bi-encoder", epochs=1)
    assert "2 rows say of no option that it is better" in messages(run)
    with pytest.raises(ModelError, match="nothing to learn"):
        learn(nothing)


def test_the_same_recipe_gives_the_same_model(run: RunFolder, learn: Learn) -> None:
    found = []
    for _ in range(2):
        learn(best_alone(thankful(45)), "cross-encoder", epochs=1)
        found.append({file.name: file.read_bytes() for file in run.artifact.iterdir()})
    assert found[0] == found[1]


@pytest.mark.soak
def test_a_killed_training_ends_as_if_nothing_had_happened(
    run: RunFolder, learn: Learn, tmp_path: Path
) -> None:
    undisturbed = learn(best_alone(thankful(45)), epochs=2, batch_size=4)
    again = RunFolder(tmp_path / "again")
    for file in (run.recipe, run.train):
        copy = again.path / file.relative_to(run.path)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(file.read_bytes())
    paths = [str(Path(__file__).parents[3] / "src"), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    command = [sys.executable, "-m", "tunekit.training", str(again.path)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, env=environment)
    try:
        while not list(again.checkpoints.glob("cross-encoder look/checkpoint-*")):
            assert process.poll() is None
            time.sleep(0.005)
    finally:
        process.kill()
        process.wait()
    assert again.result() is None
    resumed = train(again)
    assert "Going on after step" in messages(again)
    assert resumed["metrics"]["auto"] == undisturbed["metrics"]["auto"]
    for file in run.artifact.iterdir():
        assert (again.artifact / file.name).read_bytes() == file.read_bytes()


@pytest.mark.parametrize("method", ["bi-encoder", "cross-encoder"])
def test_an_answer_depends_on_nothing_but_its_question(
    method: str, learn: Learn, answering: Callable[[], Runtime]
) -> None:
    learn(best_alone(thankful(45)), method, epochs=1)
    runtime = answering()
    odd = [
        Question("is it lost", ("",)),
        Question("is it lost", ("thanks", "", "thanks", "money " * 500, "money " * 600)),
        Question("is it lost", ("thanks",), context="my card"),
        Question("", ("a", "b")),
    ]
    questions = [*odd, *[asked for asked, _ in thankful(260, seed=2)]]
    done: list[int] = []
    orders: list[Any] = list(runtime.predict(questions, done.append))
    assert sum(done) == len(questions)
    for question, order in zip(questions[:20], orders[:20], strict=True):
        (own,) = runtime.predict([question])
        assert own.scores == pytest.approx(order.scores, abs=1e-4)  # type: ignore[union-attr]
        turned = question._replace(options=tuple(reversed(question.options)))
        (other,) = runtime.predict([turned])
        assert other == Order(own.scores[::-1], own.probabilities[::-1])  # type: ignore[union-attr]
        assert len(order.scores) == len(order.probabilities) == len(question.options)
        assert math.fsum(order.probabilities) == pytest.approx(1)
    one, same, alone, _ = orders[:4]
    assert one.probabilities == alone.probabilities == (1.0,)
    assert same.scores[0] == same.scores[2]
    assert same.scores[3] == same.scores[4]  # equal as far as they are read
    first, second = (math.log(same.probabilities[place]) for place in (0, 1))
    assert first - second == pytest.approx(same.scores[0] - same.scores[1], abs=1e-4)
    assert runtime.predict([]) == []


def test_a_head_that_does_not_fit_is_refused(
    run: RunFolder, learn: Learn, answering: Callable[[], Runtime]
) -> None:
    learn(best_alone(thankful(12)), "bi-encoder", epochs=1)
    head = load_file(run.artifact / HEAD)["head"]
    save_file({"head": head[:-1].clone()}, run.artifact / HEAD)
    with pytest.raises(ModelError, match="doesn't fit a bi-encoder on tiny"):
        answering()


def test_rows_that_only_judge_are_no_rows_to_learn() -> None:
    from tunekit.training.option_rows import Lists
    from tunekit.training.ranked import Known

    rows = Lists([Question(f"q {n}", ("a", "b")) for n in range(30)], [[0.0, 1.0]] * 30)
    assert Known(rows, 20, given=True).to_learn == 20
    assert Known(rows, 20, given=False).to_learn == 30
