"""A training that is killed goes on as if nothing had happened: bit for bit the same model.

It holds for an encoder, for a language model that learns answers, and for one that learns which of
two answers is better. The moment of each kill is drawn by chance, as a number of steps, so that it
lands in the training whatever the machine's speed; some workers are killed twice. All of them are
long, two run always.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pytest

from tunekit.formats.base import Header
from tunekit.formats.examples import Examples
from tunekit.shapes import Better, Example, Passage, Said, Shape, Turn, Turns, Weights
from tunekit.training.folder import RunFolder
from tunekit.training.recipe import Base, Method, Recipe, Settings
from tunekit.weights import read_folder

pytestmark = [
    pytest.mark.torch,
    pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX"),
]

TOPICS = {
    "lost": "my card is lost",
    "refund": "i want my money back",
    "praise": "thanks for the great app",
}
#: About twelve steps an epoch; another stage learns the rows that were held out for the first.
ROWS, EPOCHS, BATCH = 60, 8, 4
SOURCE = Path(__file__).parents[2] / "src"
WAIT = 120.0


class Kind(NamedTuple):
    """A kind of training: its method and shape, the files of what it leaves, and its stages."""

    method: Method
    shape: Shape
    files: frozenset[str]
    stages: int

    def example(self, text: str, label: str) -> Example:
        asked = Turns((Turn("user", text),))
        match self.shape:
            case Shape.LABELLED:
                return Example(Passage(text), Weights(((label, 1.0),)))
            case Shape.CHAT:
                return Example(asked, Said(label))
            case _:
                return Example(asked, Better(label, text))


ADAPTED = frozenset(("artifact.json", "adapter.safetensors"))
TUNED = frozenset(("artifact.json", "encoder.safetensors", "head.safetensors"))
KINDS = {
    "encoder": Kind("full", Shape.LABELLED, TUNED, 2),
    "answers": Kind("lora", Shape.CHAT, ADAPTED, 1),
    "pairs": Kind("dpo", Shape.PAIR, ADAPTED, 1),
}


class Bases(NamedTuple):
    encoder: Path
    causal: Path

    def of(self, kind: Kind) -> Path:
        return self.encoder if kind.shape is Shape.LABELLED else self.causal


@pytest.fixture(scope="module")
def bases(tiny_encoder: Path, tiny_causal: Path) -> Bases:
    return Bases(tiny_encoder, tiny_causal)


def write_run(folder: Path, kind: Kind, bases: Bases) -> RunFolder:
    """A run folder as a client leaves it."""
    run = RunFolder(folder)
    run.train.parent.mkdir(parents=True)
    examples = [
        kind.example(f"{text} {number}", label)
        for number in range(ROWS // len(TOPICS))
        for label, text in TOPICS.items()
    ]
    codec = Examples()
    records = (orjson.dumps(codec.encode(example, Header())) for example in examples)
    run.train.write_bytes(b"".join(record + b"\n" for record in records))
    folder = bases.of(kind)
    found = read_folder(folder, name="tiny")
    recipe = Recipe(
        method=kind.method,
        shape=kind.shape,
        base=Base(
            name="tiny",
            files=tuple(found.files.items()),
            pooling=found.pooling,
            max_length=found.max_length,
            limit=found.limit,
            family=found.family,
        ),
        base_path=str(folder),
        labels=tuple(TOPICS) if kind.shape is Shape.LABELLED else (),
        settings=Settings(epochs=EPOCHS, batch_size=BATCH, learning_rate=1e-3),
        device="cpu",
        precision="fp32",
        threads=1,
        checkpoint_seconds=0,
    )
    run.recipe.write_text(recipe.model_dump_json(), "utf-8")
    return run


class Workers:
    """Real worker processes."""

    def __init__(self) -> None:
        self.started: list[subprocess.Popen[bytes]] = []

    def start(self, run: RunFolder) -> subprocess.Popen[bytes]:
        paths = [str(SOURCE), os.environ.get("PYTHONPATH", "")]
        with run.log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "tunekit.training", str(run.path)],
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
                stderr=log,
            )
        self.started.append(process)
        return process

    def kill_after(self, run: RunFolder, lines: int) -> None:
        """Start a worker and kill it once so many steps more are measured."""
        process = self.start(run)
        before, deadline = measured(run), time.monotonic() + WAIT
        while process.poll() is None and time.monotonic() < deadline:
            # A worker that goes on drops what it is going to do again.
            before = min(before, measured(run))
            if measured(run) >= before + lines and run.worker():
                break
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL, "it was at work"

    def finish(self, run: RunFolder) -> None:
        assert self.start(run).wait(WAIT) == 0
        result = run.result()
        assert result is not None
        assert result["status"] == "succeeded", result


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    found = Workers()
    yield found
    for process in found.started:
        process.kill()
        process.wait()


class Undisturbed:
    """Trainings that nobody killed, made when they are first asked for."""

    def __init__(self, place: Path, bases: Bases, workers: Workers) -> None:
        self._place, self._bases, self._workers = place, bases, workers
        self._made: dict[str, RunFolder] = {}

    def of(self, name: str) -> RunFolder:
        if name not in self._made:
            run = write_run(self._place / name, KINDS[name], self._bases)
            self._workers.finish(run)
            self._made[name] = run
        return self._made[name]


@pytest.fixture(scope="module")
def whole(bases: Bases, tmp_path_factory: pytest.TempPathFactory, workers: Workers) -> Undisturbed:
    return Undisturbed(tmp_path_factory.mktemp("undisturbed"), bases, workers)


def measured(run: RunFolder) -> int:
    try:
        return run.metrics.read_bytes().count(b"\n")
    except FileNotFoundError:
        return 0


def steps(run: RunFolder) -> list[dict[str, Any]]:
    """What each step measured but its time."""
    lines = [orjson.loads(line) for line in run.metrics.read_bytes().splitlines()]
    return [{name: value for name, value in line.items() if name != "seconds"} for line in lines]


def in_order(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(lines, key=lambda line: (line["stage"], line["step"]))


def artifact(run: RunFolder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in run.artifact.iterdir()}


#: How often each is killed; those of these numbers are killed in every run of the tests.
KILLS = {"encoder": 20, "answers": 20, "pairs": 5}
ALWAYS = {("encoder", 1)}
CASES = [
    pytest.param(name, number, marks=() if (name, number) in ALWAYS else pytest.mark.soak)
    for name, kills in KILLS.items()
    for number in range(kills)
]


@pytest.mark.parametrize(("name", "number"), CASES)
def test_a_killed_training_goes_on_to_the_same_model(
    name: str, number: int, whole: Undisturbed, workers: Workers, bases: Bases, tmp_path: Path
) -> None:
    kind, undisturbed = KINDS[name], whole.of(name)
    chance = random.Random(number)
    kills = 2 if number % 5 == 0 else 1
    run = write_run(tmp_path / "run", kind, bases)
    in_all = len(steps(undisturbed))
    most = 0
    for _ in range(kills):
        # Not the very last ones: the worker is to be killed, not to have finished.
        workers.kill_after(run, chance.randrange(max(1, in_all - 20 - measured(run))))
        most = max(most, measured(run))
        assert run.result() is None
        for path in (run.path / "checkpoints").rglob("*"):
            assert path.is_dir() or path.suffix in (".json", ".safetensors", ".tmp"), path
    workers.finish(run)
    if most >= 2:  # the first checkpoint is that of the first step
        assert any(event["message"].startswith("Going on after step") for event in run.events())

    assert artifact(run) == artifact(undisturbed)
    assert artifact(run).keys() == kind.files
    counted = Counter((line["stage"], line["step"]) for line in steps(run))
    assert set(counted.values()) == {1}, "each step is there once"
    # What of an earlier stage is done again comes after what was measured of a later one.
    assert in_order(steps(run)) == in_order(steps(undisturbed))
    first, again = undisturbed.result(), run.result()
    assert first is not None
    assert again is not None
    assert again["temperature"] == first["temperature"]
    assert not (run.path / "checkpoints").exists()


@pytest.mark.parametrize(
    "name", [pytest.param(one, marks=() if one == "encoder" else pytest.mark.soak) for one in KINDS]
)
def test_the_training_is_worth_killing(name: str, whole: Undisturbed) -> None:
    """Something is learnt, and it takes many steps."""
    lines = steps(whole.of(name))
    assert len({line["stage"] for line in lines}) == KINDS[name].stages
    assert len(lines) > 80
    assert lines[-1]["loss"] < lines[0]["loss"]
