from __future__ import annotations

import asyncio
import os
import platform
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tunekit import Classification, Dataset, Preference
from tunekit.backends.abilities import Keeps, ZeroShot
from tunekit.backends.base import Backend, ModelRef, Predicts, State, Step, Trains
from tunekit.backends.local import LocalBackend, process
from tunekit.backends.local.process import Crew, command, environment
from tunekit.backends.trainer.methods import ROUTES
from tunekit.errors import (
    BackendError,
    ConfigError,
    HyperparameterError,
    MissingExtra,
    ModelError,
    NotFound,
    StoreError,
    UnsupportedTask,
    WeightsError,
)
from tunekit.planning import Setup, Work
from tunekit.shapes import Failure, Passage, Question, Shape, Turns, Weights
from tunekit.tasks.classification import ClassificationRow
from tunekit.training.folder import RunFolder

TOPICS = {
    "yes": "my card is lost and {} days passed",
    "True": "thanks for the great app {} times",
    "007?\n": "i want my money back {} euros",
}
ROWS = [
    ClassificationRow(text=text.format(number), label=label)
    for number in range(12)
    for label, text in TOPICS.items()
]


SHAPES = (Shape.LABELLED, Shape.SPANNED, Shape.RANKED)
HEAD = next(one for one in ROUTES[None] if (one.method, one.shape) == ("head", Shape.LABELLED))


class Notes:
    """The journal of a run, as the store's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.steps: list[Step] = []

    @property
    def run_id(self) -> str:
        return self.folder.name

    def note(self, name: str, **facts: Any) -> None:
        self.steps.append(Step("now", name, facts))


def setup_for(model: str, rows: list[ClassificationRow] = ROWS, **hyperparameters: Any) -> Setup:
    data = Dataset.from_rows(rows, Classification())
    backend = LocalBackend(home=Path("unused"))
    route = HEAD
    return Setup(
        data=data,
        validation=None,
        task=data.task,
        prompt=data.task.prompt(),
        route=route,
        model=model,
        hyperparameters=backend.hyperparameters(route, hyperparameters),
        today=date(2026, 1, 1),
    )


def prepared(setup: Setup, home: Path) -> tuple[Work, Notes]:
    """Work and a run folder with its data, as the store leaves them."""
    from tunekit.data.render import render

    notes = Notes(home / "runs" / f"run-{len(list(home.glob('runs/*')))}")
    (notes.folder / "data").mkdir(parents=True)
    lines = render(setup.data, setup.task, setup.route.shape, setup.route.format, setup.prompt)
    (notes.folder / "data" / "train.jsonl").write_bytes(b"".join(lines))
    return setup, notes


def wait_for(backend: LocalBackend, ref: str, *states: State) -> State:
    deadline = time.monotonic() + 120
    while (state := backend.poll(ref).state) not in states:
        assert time.monotonic() < deadline, state
        time.sleep(0.02)
    return state


def ask(backend: LocalBackend, ref: ModelRef, *inputs: Any) -> list[Any]:
    return asyncio.run(backend.predict(ref, inputs))


@pytest.fixture(scope="module")
def trained(tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A home with a finished run, and its ref."""
    home = tmp_path_factory.mktemp("trained")
    backend = LocalBackend(home=home)
    ref = backend.submit(*prepared(setup_for(str(tiny_encoder)), home))
    assert wait_for(backend, ref, State.SUCCEEDED, State.FAILED) is State.SUCCEEDED
    return home, ref


# --- what it could train --------------------------------------------------------------------------


def test_it_is_all_that_a_backend_can_be_and_costs_no_import(tmp_path: Path) -> None:
    backend = LocalBackend(home=tmp_path)
    for protocol in (Backend, Trains, Predicts, Keeps, ZeroShot):
        assert isinstance(backend, protocol)
    code = (
        "import sys; from pathlib import Path; from tunekit.backends.local import LocalBackend;"
        "b = LocalBackend(home=Path('.')); b.routes('minilm'); b.find('x');"
        "print({'torch', 'transformers', 'huggingface_hub', 'numpy'} & set(sys.modules))"
    )
    paths = os.pathsep.join(sys.path)
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": paths},
        check=True,
    )
    assert done.stdout.strip() == "set()"


def test_options_are_what_differs_and_build_it_again(tmp_path: Path) -> None:
    assert LocalBackend(home=tmp_path).options == {}
    options = {"threads": 1, "cache": False, "precision": "fp32", "model": "org/name"}
    backend = LocalBackend(home=tmp_path, **options)
    assert backend.options == options
    assert LocalBackend(home=tmp_path, **backend.options).options == options
    assert backend.default_model == "org/name"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"device": "banana"}, "local: no device 'banana'.*'auto'"),
        ({"device": "cdua"}, "Did you mean 'cuda'"),
        ({"device": "cuda:x"}, "no device 'cuda:x'"),
        ({"device": "auto:1"}, "no device 'auto:1'"),
        ({"device": 0}, "no device 0"),
        ({"threads": 0}, "threads=0.*whole number from 1"),
        ({"threads": "2"}, "threads='2'"),
        ({"precision": "fp16"}, "no precision 'fp16'.*'bf16'"),
    ],
)
def test_options_that_cannot_be_are_refused_at_once(
    tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        LocalBackend(home=tmp_path, **options)


@pytest.mark.parametrize("device", ["auto", "cpu", "cuda", "cuda:1", "mps"])
def test_devices_are_taken_by_torchs_names(tmp_path: Path, device: str) -> None:
    LocalBackend(home=tmp_path, device=device, threads=1, precision="bf16")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"epochs": 3},
            "'epochs': a head is solved to its optimum.*max_length, seed, weight_decay",
        ),
        ({"learning_rate": 1e-4}, "'learning_rate'"),
        ({"lora_rank": 8}, "base model's weights stay"),
        ({"sede": 1}, "Did you mean 'seed'"),
        ({"seed": -1}, "seed=-1"),
        ({"max_length": "long"}, "max_length='long'"),
        ({"weight_decay": 0}, "weight_decay=0"),
        ({"weight_decay": float("nan")}, "weight_decay=nan"),
    ],
)
def test_hyperparameters_are_mapped_or_refused_by_name(
    tmp_path: Path, given: dict[str, Any], message: str
) -> None:
    backend = LocalBackend(home=tmp_path)
    route = HEAD
    with pytest.raises(HyperparameterError, match=message):
        backend.hyperparameters(route, given)


def test_hyperparameters_come_back_complete(tmp_path: Path) -> None:
    backend = LocalBackend(home=tmp_path)
    route = HEAD
    assert backend.hyperparameters(route, {"seed": 4}) == {
        "seed": 4,
        "max_length": None,
        "weight_decay": None,
        "class_weights": None,
    }


def test_estimate_counts_cut_texts_and_needs_neither_weights_nor_network(tmp_path: Path) -> None:
    backend = LocalBackend(home=tmp_path)
    long = ClassificationRow(text="word " * 300, label="yes")
    setup = setup_for("minilm", [*ROWS, long])
    estimate = backend.prepare(setup)
    assert estimate == backend.prepare(setup)
    assert estimate.truncated == 1
    (finding,) = estimate.findings
    assert (finding.code, finding.row) == ("text-cut", len(ROWS))
    assert estimate.tokens is not None
    assert not estimate.tokens.exact
    assert 300 < estimate.tokens.total < 1500
    assert estimate.cost == "nothing is paid: it runs on this machine"
    assert not list(tmp_path.iterdir())
    wide = backend.prepare(setup_for("minilm", [*ROWS, long], max_length=400))
    assert (wide.truncated, wide.findings) == (0, ())


def test_unknown_base_model_is_said_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="Did you mean 'minilm'"):
        LocalBackend(home=tmp_path).prepare(setup_for("minlm"))


# --- training -------------------------------------------------------------------------------------


@pytest.mark.torch
def test_finished_run_says_so_and_submitting_it_again_starts_nothing(
    trained: tuple[Path, str], tiny_encoder: Path
) -> None:
    home, ref = trained
    backend = LocalBackend(home=home)
    assert backend.poll(ref) == (State.SUCCEEDED, "succeeded", None)
    assert backend.find(ref) == ref
    assert backend.find("another") is None
    result = backend.result(ref)
    assert result.ref == ModelRef("local", f"run:{ref}")
    assert result.temperature is not None
    assert result.applied["weight_decay"] > 0
    assert result.applied["max_length"] == 64
    assert result.metrics["rows"] == len(ROWS)
    events = list(backend.events(ref))
    assert [event.message for event in events][-1] == "succeeded"

    notes = Notes(home / "runs" / ref)
    assert backend.submit(setup_for(str(tiny_encoder)), notes) == ref
    backend.cancel(ref)
    assert notes.steps == []
    assert len(list(backend.events(ref))) == len(events)


@pytest.mark.torch
def test_run_is_found_where_its_home_was_moved(trained: tuple[Path, str], tmp_path: Path) -> None:
    home, ref = trained
    shutil.copytree(home, tmp_path / "moved")
    backend = LocalBackend(home=tmp_path / "moved")
    assert backend.poll(ref).state is State.SUCCEEDED
    (answer,) = ask(backend, backend.result(ref).ref, Passage("my card is lost"))
    assert answer.by_label[0][0] == "yes"


@pytest.mark.torch
@pytest.mark.skipif(sys.platform == "win32", reason="processes are ended otherwise there")
@pytest.mark.own_process
def test_killed_worker_is_interrupted_and_submit_goes_on(
    tiny_encoder: Path, tmp_path: Path
) -> None:
    backend = LocalBackend(home=tmp_path)
    work, notes = prepared(setup_for(str(tiny_encoder), ROWS * 30), tmp_path)
    ref = backend.submit(work, notes)
    assert backend.poll(ref).state is State.RUNNING
    assert backend.submit(work, notes) == ref  # while it runs: starts nothing
    (step,) = notes.steps
    os.kill(step.facts["pid"], signal.SIGKILL)
    assert wait_for(backend, ref, State.INTERRUPTED) is State.INTERRUPTED
    assert backend.poll(ref).raw == "worker-not-running"
    assert backend.submit(work, notes) == ref
    assert wait_for(backend, ref, State.SUCCEEDED, State.FAILED) is State.SUCCEEDED
    assert len(notes.steps) == 2


@pytest.mark.torch
@pytest.mark.parametrize("stuck", [False, True])
def test_cancel_ends_the_worker(
    tiny_encoder: Path, tmp_path: Path, stuck: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = LocalBackend(home=tmp_path)
    work, notes = prepared(setup_for(str(tiny_encoder), ROWS * 30), tmp_path)
    ref = backend.submit(work, notes)
    pid = notes.steps[0].facts["pid"]
    if stuck:  # one that doesn't listen
        if sys.platform == "win32":
            pytest.skip("a process can't be stopped there")
        monkeypatch.setattr("tunekit.backends.local.process.END_SECONDS", 0.5)
        os.kill(pid, signal.SIGSTOP)
    backend.cancel(ref)
    assert backend.poll(ref).state is State.CANCELLED
    assert not RunFolder(notes.folder).worked_on()
    with pytest.raises(BackendError, match="has no model"):
        backend.result(ref)
    backend.cancel(ref)


HOLDER = """
import sys, time
from itertools import pairwise
from pathlib import Path
from tunekit.training.folder import RunFolder

run = RunFolder(Path(sys.argv[1]))
with run.held() as mine:
    assert mine
    print("held", flush=True)
    time.sleep(0.5)
    run.note_worker()
    time.sleep(60)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="processes are ended otherwise there")
def test_only_the_process_that_holds_the_lock_is_ended(tmp_path: Path) -> None:
    run, paths = RunFolder(tmp_path), {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as stranger:
        try:
            # What a killed worker left; its number is the stranger's now.
            (tmp_path / "worker.json").write_text(f'{{"pid": {stranger.pid}, "started": ""}}')
            command = [sys.executable, "-c", HOLDER, str(tmp_path)]
            with subprocess.Popen(command, stdout=subprocess.PIPE, env=paths) as worker:
                assert worker.stdout is not None
                worker.stdout.readline()
                try:
                    assert process.stop(run)  # before it wrote down who it is
                    assert worker.wait(10) == -signal.SIGTERM
                finally:
                    worker.kill()
            assert stranger.poll() is None
        finally:
            stranger.kill()


@pytest.mark.torch
def test_failed_run_says_why(tiny_encoder: Path, tmp_path: Path) -> None:
    backend = LocalBackend(home=tmp_path)
    work, notes = prepared(setup_for(str(tiny_encoder)), tmp_path)
    (notes.folder / "data" / "train.jsonl").write_text("no json\n")
    ref = backend.submit(work, notes)
    wait_for(backend, ref, State.FAILED)
    assert "train.jsonl:1 is no JSON" in str(backend.poll(ref).error)


@pytest.mark.torch
@pytest.mark.own_process
def test_worker_that_cannot_begin_is_an_error_with_the_end_of_its_log(
    tiny_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work, notes = prepared(setup_for(str(tiny_encoder)), tmp_path)
    monkeypatch.setattr(sys, "executable", shutil.which("false") or "/bin/false")
    with pytest.raises(BackendError, match="ended at once"):
        LocalBackend(home=tmp_path).submit(work, notes)
    assert notes.steps == []


def test_unknown_run_is_not_found(tmp_path: Path) -> None:
    backend = LocalBackend(home=tmp_path)
    for call in (backend.poll, backend.cancel, backend.result, lambda r: list(backend.events(r))):
        with pytest.raises(NotFound, match="no run 'nobody'"):
            call("nobody")
    assert not list(tmp_path.iterdir())


def test_missing_torch_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    backend = LocalBackend(home=tmp_path)
    work, notes = prepared(setup_for("minilm"), tmp_path)
    for call in (
        lambda: backend.submit(work, notes),
        lambda: backend.zero_shot(work.task, "minilm"),
        lambda: ask(backend, ModelRef("local", "run:x"), Passage("x")),
    ):
        with pytest.raises(MissingExtra, match=r"tunekit-sdk\[local\]"):
            call()


@pytest.mark.torch
def test_more_tokens_than_the_base_takes_are_refused(tiny_encoder: Path, tmp_path: Path) -> None:
    work, notes = prepared(setup_for(str(tiny_encoder), max_length=65), tmp_path)
    with pytest.raises(HyperparameterError, match="64 tokens at most"):
        LocalBackend(home=tmp_path).submit(work, notes)


def test_worker_gets_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "HF_TOKEN", "AWS_SECRET_ACCESS_KEY", "DATABASE_URL"):
        monkeypatch.setenv(name, "secret-value")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    passed = environment()
    assert "secret-value" not in passed.values()
    assert passed["PATH"] == os.environ["PATH"]
    assert passed["CUDA_VISIBLE_DEVICES"] == "0"
    assert passed["HF_HUB_OFFLINE"] == "1"


@pytest.mark.torch
@pytest.mark.own_process
def test_modules_in_the_working_folder_are_not_imported(tiny_encoder: Path, tmp_path: Path) -> None:
    Path("torch.py").write_text("raise SystemExit('not this one')")  # the tests' own folder
    backend = LocalBackend(home=tmp_path)
    ref = backend.submit(*prepared(setup_for(str(tiny_encoder)), tmp_path))
    assert wait_for(backend, ref, State.SUCCEEDED, State.FAILED) is State.SUCCEEDED


# --- answering ------------------------------------------------------------------------------------


@pytest.mark.torch
def test_bad_input_is_a_failure_in_its_place(trained: tuple[Path, str]) -> None:
    home, ref = trained
    backend = LocalBackend(home=home)
    outcomes = ask(
        backend,
        backend.result(ref).ref,
        Passage("thanks for the great app"),
        Turns(()),
        Passage("a lone \ud800 surrogate"),
        Passage("text", "with context"),
        Question("which?"),
        Passage("i want my money back"),
    )
    assert [type(one) for one in outcomes] == [Weights, *[Failure] * 4, Weights]
    assert outcomes[0].by_label[0][0] == "True"
    assert outcomes[5].by_label[0][0] == "007?\n"
    assert [one.code for one in outcomes[1:5]] == [
        "wrong-input",
        "bad-text",
        "wrong-input",
        "wrong-input",
    ]


@pytest.mark.torch
def test_many_threads_on_one_model_get_the_answers_of_one(trained: tuple[Path, str]) -> None:
    home, ref = trained
    backend = LocalBackend(home=home)
    model = backend.result(ref).ref
    inputs = [Passage(row.text) for row in ROWS]
    alone = ask(backend, model, *inputs)
    with ThreadPoolExecutor(8) as threads:
        together = list(threads.map(lambda one: ask(backend, model, one)[0], inputs))
    assert [one.by_label[0][0] for one in alone] == [one.by_label[0][0] for one in together]
    for one, other in zip(alone, together, strict=True):
        assert dict(one.by_label) == pytest.approx(dict(other.by_label), abs=1e-5)


@pytest.mark.torch
def test_abandoned_predict_ends_at_its_next_batch(
    trained: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from tunekit.training.encoder import Encoder

    home, ref = trained
    backend = LocalBackend(home=home)
    model = backend.result(ref).ref
    ask(backend, model, Passage("loads it"))
    batches, begun, real = [], threading.Event(), Encoder._forward

    def slow(encoder: Encoder, ids: Any) -> Any:
        batches.append(len(ids))
        begun.set()
        time.sleep(0.02)
        return real(encoder, ids)

    monkeypatch.setattr(Encoder, "_forward", slow)
    many = [Passage("a " * 30)] * 4000  # 500 batches or more

    async def interrupted() -> None:
        task = asyncio.create_task(backend.predict(model, many))
        await asyncio.to_thread(begun.wait, 60)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(interrupted())
    (answer,) = ask(backend, model, Passage("thanks for the great app"))
    assert answer.by_label[0][0] == "True"
    assert len(batches) < 100


FORKED = """
import asyncio, os, sys, time
from itertools import pairwise
from pathlib import Path
from tunekit.backends.base import ModelRef
from tunekit.backends.local import LocalBackend
from tunekit.shapes import Passage

backend, ref = LocalBackend(home=Path(sys.argv[1])), ModelRef("local", "run:" + sys.argv[2])
inputs = [Passage(f"i want my money back {number} euros") for number in range(40)]
ask = lambda: asyncio.run(backend.predict(ref, inputs))
before = ask()
child = os.fork()
if child == 0:
    os._exit(0 if ask() == before else 4)
deadline = time.monotonic() + 30
while time.monotonic() < deadline:
    done, status = os.waitpid(child, os.WNOHANG)
    if done:
        break
    time.sleep(0.02)
else:
    os.kill(child, 9)
    sys.exit("the child hangs")
assert ask() == before
sys.exit(os.waitstatus_to_exitcode(status))
"""


@pytest.mark.torch
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork there")
def test_forked_child_answers_too(trained: tuple[Path, str]) -> None:
    home, ref = trained
    done = subprocess.run(
        [sys.executable, "-c", FORKED, str(home), ref],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.torch
def test_device_that_is_not_there_is_said_when_asked(trained: tuple[Path, str]) -> None:
    home, ref = trained
    backend = LocalBackend(home=home, device="cuda:99")
    with pytest.raises(ConfigError, match=r"device='cuda:99'.*device='auto'"):
        ask(backend, ModelRef("local", f"run:{ref}"), Passage("x"))


@pytest.mark.torch
def test_unknown_model_is_a_clear_error(trained: tuple[Path, str]) -> None:
    backend = LocalBackend(home=trained[0])
    for ref in ("run:nobody", "folder:/nowhere", "baseline:x", "what"):
        with pytest.raises(ModelError):
            ask(backend, ModelRef("local", ref), Passage("x"))


@pytest.mark.torch
def test_changed_base_weights_are_noticed(tiny_encoder: Path, tmp_path: Path) -> None:
    base = tmp_path / "base"
    shutil.copytree(tiny_encoder, base)
    backend = LocalBackend(home=tmp_path / "home")
    ref = backend.submit(*prepared(setup_for(str(base)), tmp_path / "home"))
    wait_for(backend, ref, State.SUCCEEDED)
    (base / "tokenizer.json").write_text("{}")
    with pytest.raises(WeightsError, match=r"tokenizer\.json is not the file"):
        ask(backend, ModelRef("local", f"run:{ref}"), Passage("x"))


@pytest.mark.torch
def test_one_label_is_answered_for_many_texts(tiny_encoder: Path, tmp_path: Path) -> None:
    backend = LocalBackend(home=tmp_path)
    ref = backend.zero_shot(Classification(["only"]), str(tiny_encoder))
    answers = ask(backend, ref, *[Passage(f"text {n}") for n in range(300)])
    assert {one.by_label for one in answers} == {(("only", 1.0),)}


@pytest.mark.torch
def test_a_lack_of_memory_is_an_error_of_the_backend(
    tiny_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from tunekit.training.encoder import Encoder

    backend = LocalBackend(home=tmp_path)
    ref = backend.zero_shot(Classification(["a", "b"]), str(tiny_encoder))

    def encode(*_: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")

    monkeypatch.setattr(Encoder, "encode", encode)
    with pytest.raises(BackendError, match="device='cpu'"):
        ask(backend, ref, Passage("x"))


@pytest.mark.parametrize("seconds", [float("inf"), float("nan"), -1])
def test_seconds_between_checkpoints_are_a_number(seconds: float, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="checkpoint_seconds"):
        LocalBackend(home=tmp_path, checkpoint_seconds=seconds)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"processes": 0}, "processes=0"),
        ({"processes": True}, "processes=True"),
        ({"nodes": 1.5}, "nodes=1.5"),
        ({"processes": 2, "device": "cuda:1"}, "'cuda:1' with several"),
        ({"processes": 2, "device": "mps"}, "'mps' with several"),
        ({"nodes": 2}, "where they meet"),
        ({"nodes": 2, "rendezvous": "node1"}, "node1:29400"),
        ({"rendezvous": "node1:29400"}, "one node"),
        ({"processes": 2, "sharding": "ful"}, "full"),
        ({"sharding": "full"}, "one process"),
    ],
)
def test_processes_that_cannot_be(options: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=said):
        LocalBackend(home=tmp_path, **options)


def test_processes_are_options_where_they_are_not_usual(tmp_path: Path) -> None:
    assert LocalBackend(home=tmp_path, processes=1, sharding="none").options == {}
    options = {"processes": 2, "nodes": 2, "rendezvous": "node1:29400", "sharding": "full"}
    assert LocalBackend(home=tmp_path, **options).options == options


def test_what_is_run_on_each_node(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "some run")
    alone = ["-P", "-m", "tunekit.training", str(run.path.resolve())]
    assert command(run, Crew()) == alone
    here = command(run, Crew(processes=2))
    assert here[:3] == ["-P", "-m", "torch.distributed.run"]
    assert here[-3:] == alone[1:]
    assert "--standalone" in here
    assert here[here.index("--nproc-per-node") + 1] == "2"
    there = command(run, Crew(processes=8, nodes=2, rendezvous="node1:29400"))
    assert "--standalone" not in there
    pairs = dict(pairwise(there))
    assert pairs["--nnodes"] == "2"
    assert pairs["--rdzv-endpoint"] == "node1:29400"
    assert pairs["--rdzv-id"] == "some run"


def test_a_worker_on_another_machine_is_not_signalled(tmp_path: Path) -> None:
    """Its number is a stranger's here: ours, for once."""
    run = RunFolder(tmp_path)
    with run.held() as mine:
        assert mine
        run.note_worker()
        noted = tmp_path / "worker.json"
        noted.write_text(noted.read_text("utf-8").replace(platform.node(), "elsewhere"), "utf-8")
        assert not process.stop(run)


@pytest.mark.torch
def test_zero_shot_reads_descriptions_and_is_made_once(tiny_encoder: Path, tmp_path: Path) -> None:
    backend = LocalBackend(home=tmp_path)
    task = Classification(["lost_card", "refund"], {"refund": "i want money back"})
    ref = backend.zero_shot(task, str(tiny_encoder))
    answers = ask(backend, ref, Passage("i want money back"), Passage("lost card"))
    assert [one.by_label[0][0] for one in answers] == ["refund", "lost_card"]
    (folder,) = (tmp_path / "baselines").iterdir()
    before = (folder / "artifact" / "head.safetensors").stat().st_mtime_ns
    assert LocalBackend(home=tmp_path).zero_shot(task, str(tiny_encoder)) == ref
    assert (folder / "artifact" / "head.safetensors").stat().st_mtime_ns == before
    other = Classification(["lost_card", "refund"], {"refund": "money"})
    assert backend.zero_shot(other, str(tiny_encoder)) != ref
    with pytest.raises(UnsupportedTask, match="without labels"):
        backend.zero_shot(Classification(), str(tiny_encoder))


@pytest.mark.torch
def test_zero_shot_takes_the_option_that_is_most_alike(tiny_encoder: Path, tmp_path: Path) -> None:
    backend = LocalBackend(home=tmp_path)
    ref = backend.zero_shot(Preference(), str(tiny_encoder))
    asked = Question("my card is lost", ("the app is great", "my card is lost", "thanks"))
    (order,) = ask(backend, ref, asked)
    assert order.scores.index(max(order.scores)) == 1
    assert sum(order.probabilities) == pytest.approx(1.0)
    with pytest.raises(UnsupportedTask, match="choosing between options"):
        backend.zero_shot(Preference("answer"), str(tiny_encoder))


# --- keeping --------------------------------------------------------------------------------------


@pytest.fixture
def kept(trained: tuple[Path, str], tmp_path: Path) -> Path:
    home, ref = trained
    folder = tmp_path / "kept"
    folder.mkdir()
    backend = LocalBackend(home=home)
    backend.save(backend.result(ref).ref, folder)
    return folder


@pytest.mark.torch
def test_kept_model_needs_nothing_else_and_answers_the_same(
    kept: Path, trained: tuple[Path, str], tmp_path: Path
) -> None:
    home, ref = trained
    inputs = [Passage(row.text) for row in ROWS]
    before = ask(LocalBackend(home=home), ModelRef("local", f"run:{ref}"), *inputs)
    moved = tmp_path / "elsewhere"
    kept.rename(moved)
    backend = LocalBackend(home=tmp_path / "new home")
    opened = backend.open(moved)
    after = ask(backend, opened, *inputs)
    for one, other in zip(before, after, strict=True):
        assert dict(one.by_label) == pytest.approx(dict(other.by_label), abs=1e-6)
    assert not any(str(home) in one.read_text() for one in moved.rglob("*.json"))
    again = tmp_path / "again"
    again.mkdir()
    backend.save(opened, again)
    assert {one.name for one in again.iterdir()} == {one.name for one in moved.iterdir()}


@pytest.mark.torch
@pytest.mark.parametrize(
    "file", ["artifact.json", "head.safetensors", "base/model.safetensors", "manifest.json"]
)
@pytest.mark.parametrize("missing", [False, True])
def test_damaged_kept_model_is_refused(kept: Path, file: str, missing: bool) -> None:
    if missing:
        (kept / file).unlink()
    else:
        content = bytearray((kept / file).read_bytes())
        content[len(content) // 2] ^= 0xFF
        (kept / file).write_bytes(content)
    with pytest.raises(ModelError):
        LocalBackend(home=kept).open(kept)


@pytest.mark.torch
def test_manifest_that_points_elsewhere_is_refused(kept: Path) -> None:
    manifest = (kept / "manifest.json").read_text()
    (kept / "manifest.json").write_text(manifest.replace('"base/', '"../'))
    with pytest.raises(ModelError, match="points outside"):
        LocalBackend(home=kept).open(kept)


@pytest.mark.torch
def test_full_disk_while_saving_is_a_clear_error(
    trained: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", full)
    backend = LocalBackend(home=trained[0])
    with pytest.raises(StoreError, match="No space left on device"):
        backend.save(backend.result(trained[1]).ref, tmp_path)


def test_every_route_has_its_settings_and_nobody_named_takes_the_best(tmp_path: Path) -> None:
    backend = LocalBackend(home=tmp_path)
    routes = backend.routes("minilm")
    first = {shape: next(one.method for one in routes if one.shape == shape) for shape in SHAPES}
    assert first == {Shape.LABELLED: "auto", Shape.SPANNED: "full", Shape.RANKED: "auto"}
    for route in routes:
        assert route.format == "examples"
        there = backend.hyperparameters(route, {"seed": 3})
        assert {"seed", "max_length"} <= set(there)
        assert ("lora_rank" in there) == (route.method == "lora")
        assert ("epochs" in there) == (route.method != "head")
        assert ("class_weights" in there) == (route.shape == Shape.LABELLED)
        assert ("context" in route.carries) == (route.shape != Shape.LABELLED)


@pytest.mark.parametrize(
    ("method", "given", "why"),
    [
        ("auto", {"weight_decay": 0.1}, "name a method"),
        ("full", {"lora_rank": 4}, "belongs to method 'lora'"),
        ("lora", {"beta": 0.1}, "preference training"),
    ],
)
def test_settings_of_another_method_are_refused_with_the_reason(
    tmp_path: Path, method: str, given: dict[str, Any], why: str
) -> None:
    route = next(one for one in ROUTES[None] if (one.method, one.shape) == (method, Shape.LABELLED))
    with pytest.raises(HyperparameterError, match=why):
        LocalBackend(home=tmp_path).hyperparameters(route, given)
