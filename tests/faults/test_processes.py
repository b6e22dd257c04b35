"""Several processes learn what one would have learnt, and are killed, told to end and gone on with
like one: real ones, started as clients start them."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import orjson
import pytest

import tunekit
from tunekit import Classification, Dataset
from tunekit.backends.local import process
from tunekit.backends.local.process import Crew, command, environment, stop
from tunekit.formats.base import Header
from tunekit.formats.examples import Examples
from tunekit.shapes import Example, Marks, Order, Passage, Question, Shape, Span, Weights
from tunekit.training.folder import RunFolder
from tunekit.training.recipe import Base, Recipe, Settings
from tunekit.weights import read_folder

pytestmark = [
    pytest.mark.torch,
    pytest.mark.skipif(sys.platform == "win32", reason="torch's gloo is POSIX here"),
]
torch = pytest.importorskip("torch", reason="needs the extra local")

#: How far a loss or a weight may be from that of one process.
NEAR = 1e-4


TOPICS = {
    "lost": "my card is lost",
    "refund": "i want my money back",
    "praise": "thanks for the great app",
}
WAIT = 240.0


def without_dropout(encoder: Path, folder: Path) -> Path:
    """The same encoder, in which nothing is left to chance."""
    shutil.copytree(encoder, folder)
    config = json.loads((folder / "config.json").read_text("utf-8"))
    config |= {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    return folder


def labelled(text: str, label: str) -> Example:
    return Example(Passage(text), Weights(((label, 1.0),)))


def spanned(text: str, label: str) -> Example:
    start = text.index(" ") + 1
    return Example(Passage(text), Marks((Span(start, text.index(" ", start), label),)))


def ranked(text: str, label: str) -> Example:
    options = tuple(TOPICS)
    return Example(Question(text, options), Order(tuple(float(one == label) for one in options)))


def write_run(
    folder: Path,
    encoder: Path,
    rows: int = 26,
    made: Callable[[str, str], Example] = labelled,
    **changes: Any,
) -> RunFolder:
    """A run folder as a client leaves it. Rows are of many lengths, the last batch is small."""
    run = RunFolder(folder)
    run.train.parent.mkdir(parents=True)
    codec = Examples()
    topics = list(TOPICS.items())
    examples = []
    for number in range(rows):
        label, text = topics[number % len(topics)]
        examples.append(made(f"{text} {'so ' * (number % 7)}{number}", label))
    records = (orjson.dumps(codec.encode(example, Header())) for example in examples)
    run.train.write_bytes(b"".join(record + b"\n" for record in records))
    found = read_folder(encoder, name="tiny")
    facts: dict[str, Any] = {
        "method": "full",
        "base": Base(
            name="tiny",
            files=tuple(found.files.items()),
            pooling=found.pooling,
            max_length=found.max_length,
            limit=found.limit,
        ),
        "base_path": str(encoder),
        "labels": tuple(TOPICS),
        "settings": Settings(epochs=3, batch_size=5, learning_rate=1e-3),
        "device": "cpu",
        "precision": "fp32",
        "threads": 1,
        "tokens_at_once": 48,
        **changes,
    }
    run.recipe.write_text(Recipe.model_validate(facts).model_dump_json(), "utf-8")
    return run


def start(run: RunFolder, processes: int) -> subprocess.Popen[bytes]:
    """Start the worker, or the launcher of several."""
    told = command(run, Crew(processes))
    with run.log.open("ab") as log:
        return subprocess.Popen(
            [sys.executable, *told],
            env={**environment(), "OMP_NUM_THREADS": "1", "PYTHONSAFEPATH": "1"},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def finish(run: RunFolder, processes: int) -> dict[str, Any]:
    """Train to the end; what the result says."""
    start(run, processes).wait(WAIT)
    result = run.result()
    assert result is not None, run.log.read_text("utf-8")
    assert result["status"] == "succeeded", (result, run.log.read_text("utf-8"))
    return result


def wait_for(condition: Callable[[], Any], what: str) -> None:
    deadline = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def steps(run: RunFolder) -> list[dict[str, Any]]:
    """What each step measured, but for its time."""
    lines = [orjson.loads(line) for line in run.metrics.read_bytes().splitlines()]
    return [{name: one for name, one in line.items() if name != "seconds"} for line in lines]


def artifact(run: RunFolder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in run.artifact.iterdir()}


def processes_of(run: RunFolder) -> list[int]:
    """The numbers of all processes that were told to work on this run folder (Linux)."""
    found = []
    for place in Path("/proc").iterdir():
        if place.name.isdigit() and int(place.name) != os.getpid():
            try:
                told = (place / "cmdline").read_bytes().split(b"\0")
                ended = (place / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
            except OSError:
                continue
            if str(run.path.resolve()).encode() in told and not ended:
                found.append(int(place.name))
    return sorted(found)


@pytest.fixture(scope="session")
def encoder(tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return without_dropout(tiny_encoder, tmp_path_factory.mktemp("parallel") / "encoder")


@pytest.fixture(scope="session")
def alone(encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """What one process learns."""
    run = write_run(tmp_path_factory.mktemp("alone") / "run", encoder)
    finish(run, 1)
    return run


def weights(run: RunFolder) -> dict[str, Any]:
    from safetensors.torch import load_file

    files = sorted(run.artifact.glob("*.safetensors"))
    assert {file.name for file in files} == {"encoder.safetensors", "head.safetensors"}
    return {f"{file.name} {name}": one for file in files for name, one in load_file(file).items()}


@pytest.mark.soak
@pytest.mark.parametrize("sharding", ["none", "full"])
def test_two_processes_learn_what_one_learns(
    sharding: str, alone: RunFolder, encoder: Path, tmp_path: Path
) -> None:
    run = write_run(tmp_path / "run", encoder, sharding=sharding)
    result = finish(run, 2)
    expected, found = steps(alone), steps(run)
    assert len({line["stage"] for line in expected}) == 2, "a module is trained twice"
    assert len(expected) > 15
    for name in ("loss", "gradient_norm", "learning_rate"):
        curve, other = ([line[name] for line in lines] for lines in (expected, found))
        assert other == pytest.approx(curve, abs=NEAR), name
    assert [line["step"] for line in found] == [line["step"] for line in expected]
    one, two = weights(alone), weights(run)
    assert one.keys() == two.keys()
    assert max(float((one[name] - two[name]).abs().max()) for name in one) < NEAR
    first = alone.result()
    assert first is not None
    assert result["temperature"] == pytest.approx(first["temperature"], abs=1e-3)
    assert result["metrics"]["processes"] == 2
    assert result["applied"] == first["applied"]
    # The first process alone has written anything.
    assert [event["message"] for event in run.events()].count("running") == 1
    assert not (run.path / "checkpoints").exists()


@pytest.mark.soak
@pytest.mark.parametrize(
    ("made", "shape", "method", "near"),
    [
        (spanned, Shape.SPANNED, "full", 0.15),  # a tagger's head drops out at random
        (ranked, Shape.RANKED, "bi-encoder", NEAR),
        (ranked, Shape.RANKED, "cross-encoder", NEAR),
    ],
)
def test_so_do_those_that_learn_spans_and_options(
    made: Callable[[str, str], Example],
    shape: Shape,
    method: str,
    near: float,
    encoder: Path,
    tmp_path: Path,
) -> None:
    labels = () if shape is Shape.RANKED else tuple(TOPICS)
    runs = [
        write_run(
            tmp_path / str(count), encoder, made=made, shape=shape, method=method, labels=labels
        )
        for count in (1, 2)
    ]
    results = [finish(run, count) for count, run in enumerate(runs, start=1)]
    expected, found = map(steps, runs)
    assert len(expected) > 10
    assert [one["step"] for one in found] == [one["step"] for one in expected]
    for name in ("loss", "learning_rate"):
        curve, other = ([line[name] for line in lines] for lines in (expected, found))
        assert other == pytest.approx(curve, abs=near), name
    assert results[1]["metrics"]["processes"] == 2
    assert results[1]["applied"] == results[0]["applied"]


@pytest.mark.soak
def test_an_adapter_on_a_frozen_model_in_bf16(tmp_path: Path) -> None:
    """Sharded, in two processes, with checkpoints, judged after each epoch."""
    script = Path(__file__).with_name("train_an_adapter.py")
    ends = []
    for processes, sharding in ((1, "none"), (2, "full")):
        folder = tmp_path / sharding
        folder.mkdir()
        told = command(RunFolder(folder), Crew(processes))
        told = [*told[: told.index("tunekit.training") - 1], str(script), str(folder), sharding]
        done = subprocess.run(
            [sys.executable, *told],
            env={**environment(), "OMP_NUM_THREADS": "1"},
            stderr=subprocess.PIPE,
            text=True,
            timeout=200,
        )
        assert done.returncode == 0, done.stderr
        lines = (folder / "metrics.jsonl").read_text("utf-8").splitlines()
        curve = [json.loads(line)["loss"] for line in lines]
        ends.append((curve, json.loads((folder / "end.json").read_text("utf-8"))))
    (curve, end), (other, other_end) = ends
    assert len(curve) == 12
    assert curve[-1] < curve[0]
    # Relative: in bf16, what is computed with other rows rounds a little otherwise.
    assert other == pytest.approx(curve, rel=NEAR)
    assert other_end["judged"] == pytest.approx(end["judged"], abs=1e-2)
    apart = [
        float((torch.tensor(one) - torch.tensor(other_end["trained"][name])).abs().max())
        for name, one in end["trained"].items()
    ]
    assert max(apart) < 1e-3


@pytest.mark.soak
def test_what_ends_one_process_is_said(encoder: Path, tmp_path: Path) -> None:
    """An error of another process than the first reaches the result, and all of them end."""
    run = write_run(tmp_path / "run", encoder)
    broken = tmp_path / "sitecustomize.py"
    broken.write_text(
        "import os\n"
        "if os.environ.get('RANK') == '1':\n"
        "    import tunekit.training.classifier as module\n"
        "    def loss(self, *_):\n"
        "        raise ZeroDivisionError('odd')\n"
        "    module.ClassifierTrainee.loss = loss\n",
        "utf-8",
    )
    kept = os.environ.get("PYTHONPATH", "")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(tmp_path), kept])))
        assert start(run, 2).wait(200) != 0
    result = run.result()
    assert result is not None, run.log.read_text("utf-8")
    assert result["status"] == "failed"
    assert result["error"]["code"] == "ZeroDivisionError"
    assert result["error"]["message"].startswith("process 1 of 2: odd")
    assert not run.worked_on()
    assert artifact(run) == {} if run.artifact.exists() else True


# --- killed, told to end, gone on with ------------------------------------------------------------

LONGER: dict[str, Any] = {
    "settings": Settings(epochs=8, batch_size=5, learning_rate=1e-3),
    "checkpoint_seconds": 0,
}


@pytest.fixture
def longer(tiny_encoder: Path, tmp_path: Path) -> Iterator[Callable[..., RunFolder]]:
    """Makes runs with dropout that take a while. No process of one is left."""
    made: list[RunFolder] = []

    def make(name: str, sharding: str) -> RunFolder:
        made.append(write_run(tmp_path / name, tiny_encoder, sharding=sharding, **LONGER))
        return made[-1]

    yield make
    for run in made:
        for number in processes_of(run):
            os.kill(number, signal.SIGKILL)


def measured(run: RunFolder) -> int:
    return run.metrics.read_bytes().count(b"\n") if run.metrics.exists() else 0


def gone_on_with(run: RunFolder, undisturbed: RunFolder) -> None:
    """It ends, from a checkpoint, in the very same model."""
    finish(run, 2)
    assert any(event["message"].startswith("Going on after step") for event in run.events())
    assert artifact(run) == artifact(undisturbed)
    assert steps(run) == steps(undisturbed)


def others(run: RunFolder, launcher: int) -> dict[str, int]:
    worker = run.worker()
    assert worker is not None
    first = int(worker["pid"])
    (other,) = set(processes_of(run)) - {launcher, first}
    return {"launcher": launcher, "first": first, "other": other}


@pytest.mark.soak
@pytest.mark.skipif(not Path("/proc/self").exists(), reason="asks Linux who is there")
@pytest.mark.parametrize("sharding", ["none", "full"])
def test_whoever_is_killed_all_end_and_the_training_goes_on(
    sharding: str, longer: Callable[..., RunFolder]
) -> None:
    undisturbed = longer("undisturbed", sharding)
    finish(undisturbed, 2)
    run = longer("run", sharding)
    for who, after in (("other", 5), ("first", 14), ("launcher", 20)):
        launcher = start(run, 2)
        wait_for(lambda after=after: measured(run) >= after, "steps")
        os.kill(others(run, launcher.pid)[who], signal.SIGKILL)
        launcher.wait(WAIT)
        wait_for(lambda: not processes_of(run), "all of them end")
        assert run.result() is None, who
        assert not run.worked_on()
        said = [event["message"] for event in run.events()]
        assert any("process 1 of 2 was killed" in one for one in said), "by the first one"
    gone_on_with(run, undisturbed)


@pytest.mark.soak
@pytest.mark.skipif(not Path("/proc/self").exists(), reason="asks Linux who is there")
@pytest.mark.parametrize("sharding", ["none", "full"])
def test_told_to_end_all_of_them_stop_after_the_same_step(
    sharding: str, longer: Callable[..., RunFolder]
) -> None:
    undisturbed = longer("undisturbed", sharding)
    finish(undisturbed, 2)
    run = longer("run", sharding)
    for who, after in (("first", 6), ("launcher", 16)):
        launcher = start(run, 2)
        wait_for(lambda after=after: measured(run) >= after, "steps")
        if who == "first":  # as a client does it
            assert stop(run)
        else:
            launcher.terminate()
        launcher.wait(WAIT)
        wait_for(lambda: not processes_of(run), "all of them end")
        result = run.result()
        assert result is not None, run.log.read_text("utf-8")
        assert result["status"] == "cancelled", result
        newest = max(int(one.name.split("-")[1]) for one in run.path.glob("checkpoints/*/*-*"))
        stage = steps(run)[-1]["stage"]
        assert newest == max(line["step"] for line in steps(run) if line["stage"] == stage)
        (run.path / "result.json").unlink()  # as resume=True does
    gone_on_with(run, undisturbed)


@pytest.mark.soak
@pytest.mark.skipif(not Path("/proc/self").exists(), reason="asks Linux who is there")
def test_told_to_end_before_it_trains(longer: Callable[..., RunFolder]) -> None:
    run = longer("run", "none")
    launcher = start(run, 2)
    wait_for(lambda: any("embedding" in one["message"] for one in run.events()), "embedding")
    assert stop(run)
    launcher.wait(WAIT)
    wait_for(lambda: not processes_of(run), "all of them end")
    result = run.result()
    assert result is not None
    assert result["status"] == "cancelled"


@pytest.mark.soak
def test_a_second_launch_leaves_the_first_alone(longer: Callable[..., RunFolder]) -> None:
    run = longer("run", "none")
    with run.held() as mine:
        assert mine
        assert start(run, 2).wait(WAIT) != 0
    assert run.result() is None
    assert list(run.events()) == []


# --- as users start them --------------------------------------------------------------------------


@pytest.mark.soak
def test_a_user_asks_for_two_processes(tiny_encoder: Path, home: Path) -> None:
    rows = [
        {"text": f"{text} {number}", "label": label}
        for number in range(12)
        for label, text in TOPICS.items()
    ]
    data = Dataset.from_rows(rows, Classification())
    backend = tunekit.backend("local", processes=2, model=str(tiny_encoder), device="cpu")
    model = tunekit.tune(data, backend=backend, method="full", epochs=1)
    assert model.predict("i want my money back").label in TOPICS
    (job,) = tunekit.list_jobs()
    result = json.loads((home / "runs" / job.id / "result.json").read_bytes())
    assert result["metrics"]["processes"] == 2


@pytest.mark.soak
def test_two_nodes_meet(alone: RunFolder, encoder: Path, tmp_path: Path) -> None:
    """Two launchers on this machine, each with a process of its own."""
    run = write_run(tmp_path / "run", encoder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    crew = Crew(processes=1, nodes=2, rendezvous=f"localhost:{port}", threads=1)
    with ThreadPoolExecutor() as pool:
        here = pool.submit(process.start, run, backend="local", crew=crew)
        wait_for(lambda: list(run.events()), "it says what to run on the other node")
        (event,) = run.events()
        told = shlex.split(event["message"].partition("Run on each other one: ")[2])
        assert told == ["python", *command(run, crew)]
        assert not run.worked_on(), "it waits"
        with (tmp_path / "there.log").open("wb") as log:
            there = subprocess.run(
                [sys.executable, *told[1:]],
                env={**environment(), "OMP_NUM_THREADS": "1"},
                stdout=log,
                stderr=log,
                timeout=WAIT,
            )
        assert here.result(WAIT)
    assert there.returncode == 0, (tmp_path / "there.log").read_text("utf-8")
    wait_for(run.result, "it ends")
    result = run.result()
    assert result is not None
    assert result["status"] == "succeeded", result
    assert [line["loss"] for line in steps(run)] == pytest.approx(
        [line["loss"] for line in steps(alone)], abs=NEAR
    )
