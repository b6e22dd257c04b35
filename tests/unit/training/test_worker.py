from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import pytest

from tunekit.shapes import Example, Passage, Weights
from tunekit.training.card import read_card
from tunekit.training.folder import RunFolder
from tunekit.training.recipe import Base, Recipe, Settings
from tunekit.weights import read_folder

pytestmark = pytest.mark.torch

TOPICS = {
    "yes": "my card is lost and {} days passed",
    "True": "thanks for the great app {} times",
    "007?\n": "i want my money back {} euros",
}
ROWS = [(text.format(number), label) for number in range(12) for label, text in TOPICS.items()]


def write_rows(path: Path, rows: list[tuple[str, str]]) -> None:
    from tunekit.formats.base import Header
    from tunekit.formats.examples import Examples

    path.parent.mkdir(parents=True, exist_ok=True)
    records = (
        Examples().encode(Example(Passage(t), Weights(((y, 1.0),))), Header()) for t, y in rows
    )
    path.write_bytes(b"".join(orjson.dumps(one) + b"\n" for one in records))


@pytest.fixture
def run(tiny_encoder: Path, tmp_path: Path) -> RunFolder:
    """A run folder as a client leaves it."""
    run = RunFolder(tmp_path / "run")
    write_rows(run.train, ROWS)
    write_recipe(run, tiny_encoder)
    return run


def write_recipe(run: RunFolder, encoder: Path, **changes: object) -> Recipe:
    found = read_folder(encoder, name="tiny")
    base = Base(
        name="tiny",
        files=tuple(found.files.items()),
        pooling=found.pooling,
        max_length=found.max_length,
        limit=found.limit,
    )
    facts = {"base": base, "base_path": str(encoder), "labels": tuple(TOPICS), **changes}
    recipe = Recipe.model_validate(facts)
    run.recipe.write_text(recipe.model_dump_json())
    return recipe


@pytest.fixture
def start(run: RunFolder) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []

    def begin() -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tunekit.training", str(run.path)]
        paths = [str(Path(__file__).parents[3] / "src"), os.environ.get("PYTHONPATH", "")]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
        process = subprocess.Popen(command, stderr=subprocess.PIPE, env=environment)
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def messages(run: RunFolder) -> list[str]:
    return [event["message"] for event in run.events()]


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_worker_leaves_a_model_and_says_how_it_ended(
    run: RunFolder, start: Callable[[], subprocess.Popen[bytes]]
) -> None:
    process = start()
    assert process.wait(120) == 0
    result = run.result()
    assert result is not None
    assert result["status"] == "succeeded"
    assert result["metrics"]["rows"] == len(ROWS)
    assert result["metrics"]["held_out_accuracy"] > 0.9
    assert result["applied"]["max_length"] == 64
    assert result["versions"]["torch"]
    assert read_card(run.artifact).labels == tuple(TOPICS)
    assert read_card(run.artifact).temperature == result["temperature"]
    events = list(run.events())
    assert {event["kind"] for event in events} == {"state", "metric", "progress"}
    assert [event["at"] for event in events] == sorted(event["at"] for event in events)
    done = [event["data"] for event in events if event["kind"] == "progress"]
    assert done[-1] == {"done": len(ROWS), "total": len(ROWS)}
    assert messages(run)[-1] == "succeeded"

    # What is done is not done again.
    before = (run.path / "result.json").read_bytes()
    assert start().wait(60) == 0
    assert (run.path / "result.json").read_bytes() == before
    assert messages(run).count("running") == 1


def test_second_worker_leaves_the_first_alone(
    run: RunFolder, start: Callable[[], subprocess.Popen[bytes]]
) -> None:
    with run.held() as mine:
        assert mine
        second = start()
        assert second.wait(60) == 3
    assert run.result() is None
    assert list(run.events()) == []


def test_who_takes_the_lock_forgets_the_worker_before(run: RunFolder) -> None:
    with run.held() as mine:
        assert mine
        run.note_worker()
        assert RunFolder(run.path).worked_on()
        worker = run.worker()  # a look from outside leaves it
        assert worker is not None
        assert worker["pid"] == os.getpid()
    with run.held() as mine:
        assert mine
        assert run.worker() is None


def test_temporaries_of_killed_processes_are_swept(run: RunFolder) -> None:
    from tunekit.training.__main__ import main

    for name in ("result", "recipe", "worker"):
        (run.path / f".{name}.json.0a1b2c3d.tmp").write_text("half")
    run.train.write_text("no json\n")  # the quickest way to an end
    assert main([str(run.path)]) == 0
    assert not list(run.path.glob(".*"))


@pytest.mark.skipif(sys.platform == "win32", reason="processes are ended otherwise there")
@pytest.mark.parametrize("moment", ["running", "loading the base model", "fitting the head"])
def test_told_to_end_it_says_cancelled(
    run: RunFolder, start: Callable[[], subprocess.Popen[bytes]], moment: str
) -> None:
    write_rows(run.train, ROWS * 40)
    process = start()
    wait_for(lambda: moment in messages(run))
    process.terminate()
    assert process.wait(60) == 0
    result = run.result()
    assert result is not None
    # It may have been done just before it was told.
    assert result["status"] == "cancelled" or moment == "fitting the head"
    assert messages(run)[-1] == result["status"]
    assert not list(run.path.glob(".*"))


@pytest.mark.skipif(sys.platform == "win32", reason="processes are ended otherwise there")
def test_killed_worker_leaves_nothing_half_written_and_the_next_one_ends_it(
    run: RunFolder, start: Callable[[], subprocess.Popen[bytes]]
) -> None:
    process = start()
    wait_for(lambda: "fitting the head" in messages(run))
    assert run.worked_on()
    process.send_signal(signal.SIGKILL)
    process.wait(60)
    assert not run.worked_on()
    with (run.path / "events.jsonl").open("ab") as stream:
        stream.write(b'{"at": "torn by the k')
    assert start().wait(120) == 0
    result = run.result()
    assert result is not None
    assert result["status"] == "succeeded"
    assert messages(run).count("running") == 2
    assert read_card(run.artifact).labels == tuple(TOPICS)
    assert not list(run.path.glob(".*"))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"{", "train.jsonl:37 is no JSON"),
        (b'{"input": {"text": "x"}}', "train.jsonl:37 no objects"),
        (b'{"input": {"question": "x", "options": []}, "target": {"text": "x"}}', "37 is Que"),
        (b'{"input": {"text": "x"}, "target": {"weights": [["nobody", 1]]}}', "'nobody'"),
    ],
)
def test_bad_row_fails_the_run_with_its_place(run: RunFolder, line: bytes, message: str) -> None:
    from tunekit.training.__main__ import main

    with run.train.open("ab") as stream:
        stream.write(line + b"\n")
    assert main([str(run.path)]) == 0
    result = run.result()
    assert result is not None
    assert result["status"] == "failed"
    assert result["error"]["code"] == "ModelError"
    assert message in result["error"]["message"]


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    """``main`` changes what this process does when it is told to end."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


def failed(run: RunFolder) -> dict[str, str]:
    from tunekit.training.__main__ import main

    assert main([str(run.path)]) == 0
    result = run.result()
    assert result is not None
    assert result["status"] == "failed"
    return result["error"]


def test_one_class_is_refused(run: RunFolder) -> None:
    write_rows(run.train, [("a", "yes"), ("b", "yes")])
    assert "rows of two labels or more" in failed(run)["message"]


def test_missing_base_is_refused(run: RunFolder, tiny_encoder: Path, tmp_path: Path) -> None:
    write_recipe(run, tiny_encoder, base_path=str(tmp_path / "gone"))
    error = failed(run)
    assert error["code"] == "WeightsError"
    assert "gone" in error["message"]


def test_unexpected_error_points_to_the_log(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tunekit.training import labelled

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("odd")

    monkeypatch.setattr(labelled, "fit", broken)
    error = failed(run)
    assert error == {"code": "ZeroDivisionError", "message": error["message"]}
    assert "worker.log" in error["message"]
    assert "Traceback" in capsys.readouterr().err


def test_no_memory_says_what_to_do(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    from tunekit.training import labelled

    def broken(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(labelled, "embedded", broken)
    error = failed(run)
    assert error["code"] == "OutOfMemory"
    assert "fewer rows" in error["message"]


def test_full_disk_leaves_no_half_written_model(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tunekit.durable import disk_errors
    from tunekit.training import artifact

    real = artifact.write_file

    def full(path: Path, chunks: bytes) -> None:
        if path.name == "artifact.json":
            with disk_errors(f"writing {path}"):
                raise OSError(28, "No space left on device")
        real(path, chunks)

    monkeypatch.setattr(artifact, "write_file", full)
    error = failed(run)
    assert error["code"] == "StoreError"
    assert "No space left on device" in error["message"]
    assert not run.artifact.exists()
    assert not list(run.path.glob(".*"))


def test_result_that_cannot_be_written_ends_loudly(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tunekit.errors import StoreError
    from tunekit.training.__main__ import main

    def full(*_: object, **__: object) -> None:
        raise StoreError("writing: No space left on device.")

    monkeypatch.setattr(RunFolder, "write_result", full)
    assert main([str(run.path)]) == 1
    assert "couldn't be written down" in capsys.readouterr().err
    assert run.result() is None


def test_wrong_use_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from tunekit.training.__main__ import main

    assert main([]) == 2
    assert main([str(tmp_path / "nowhere")]) == 2
    assert "usage" in capsys.readouterr().err


def test_label_without_rows_is_left_out_and_said(run: RunFolder, tiny_encoder: Path) -> None:
    from tunekit.training.worker import train

    write_recipe(run, tiny_encoder, labels=(*TOPICS, "never"))
    train(run)
    assert read_card(run.artifact).labels == tuple(TOPICS)
    assert any("'never'" in message for message in messages(run))


def test_validation_rows_are_for_judging(run: RunFolder) -> None:
    from tunekit.training.worker import train

    write_rows(run.validation, [*ROWS[:6], ("what", "of no training row")])
    facts = train(run)
    assert facts["metrics"]["held_out_rows"] == 6
    assert facts["metrics"]["rows"] == len(ROWS)
    assert any("1 validation rows have labels" in message for message in messages(run))


def test_same_recipe_same_model_and_a_cache_changes_nothing(
    run: RunFolder, tiny_encoder: Path, tmp_path: Path
) -> None:
    from tunekit.training.worker import train

    heads = []
    for cache in (None, str(tmp_path / "cache"), str(tmp_path / "cache")):
        write_recipe(run, tiny_encoder, cache=cache, settings=Settings(seed=3))
        train(run)
        heads.append((run.artifact / "head.safetensors").read_bytes())
    assert heads[0] == heads[1] == heads[2]
