"""The hf-jobs backend against the suite and a scripted hub.

A job is a story with the worker at its end, in this process: one of its own takes seconds to
start. What a real one does is in ``tests/unit/backends/hf_jobs``.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import ClassVar

import huggingface_hub.constants
import pytest

from tunekit.backends.base import Backend, State
from tunekit.backends.hf_jobs import HfJobsBackend
from tunekit.testing.checks import answers
from tunekit.testing.conformance import ConformanceSuite
from tunekit.testing.harness import BackendHarness, Provider, Step
from tunekit.testing.hub import Fault, HubServer, JobRun
from tunekit.training.failures import describe
from tunekit.training.folder import RunFolder

HERE = Path(__file__).parent
#: The first is where a job is when it was created, each other comes with a look.
BRIEF = ("SCHEDULING", "RUNNING", "COMPLETED")
ROUTES: Mapping[Step, str] = {
    "upload": "POST /api/repos/create",
    "create": "POST /api/jobs/",
    "poll": "GET /api/jobs/",
}
WORDS: Mapping[State, str] = {
    State.VALIDATING: "SCHEDULING",
    State.QUEUED: "SCHEDULING",
    State.RUNNING: "RUNNING",
    State.UNKNOWN: "RETICULATING",
    State.SUCCEEDED: "COMPLETED",
    State.FAILED: "ERROR",
    State.CANCELLED: "CANCELED",
}
#: What a worker made of the same recipe and rows is made once.
MADE: dict[str, dict[str, bytes]] = {}


class HubProvider(Provider):
    """A HubServer, in the words of the suite."""

    key = "hf_conformance_0123456789"

    def __init__(self, server: HubServer) -> None:
        self.server = server

    def script(self, step: Step, *faults: Fault, always: bool = False) -> None:
        self.server.script(ROUTES[step], *faults, always=always)

    def clear(self) -> None:
        self.server.clear()

    def story(self, *states: State) -> None:
        self.server.job_story = ("SCHEDULING", *(WORDS[state] for state in states))

    def jobs(self) -> int:
        return len(self.server.jobs())

    def requests(self) -> int:
        return len(self.server.requests)


class HfJobsHarness(BackendHarness):
    name = "hf-jobs"
    support = HERE / "support.json"
    golden = HERE.parent / "golden"
    answers_here = True
    pauses = False
    folder: ClassVar[Path]

    def make(self, home: Path, provider: Provider | None) -> Backend:
        assert isinstance(provider, HubProvider)
        return HfJobsBackend(
            home=home,
            endpoint=provider.server.url,
            token_env=self.key_env,
            flavor="cpu-basic",
            call_timeout=2.0,
            retries=1,
            settle=0.0,
        )

    def serve(self, home: Path) -> AbstractContextManager[Provider]:
        return _served(home)


@contextmanager
def _served(home: Path) -> Iterator[Provider]:
    with HubServer(key=HubProvider.key) as server:
        server.job_story = BRIEF
        server.job_work = lambda job: _work(server, job, home)
        yield HubProvider(server)


def _work(server: HubServer, job: JobRun, home: Path) -> None:
    """What ``job.py`` does, with the worker in this thread."""
    told = job.environment
    files = server.files(told["TUNEKIT_REPO"], revision=told["TUNEKIT_REVISION"])
    key = hashlib.sha256(files["job.json"].read_bytes()).hexdigest()
    if key not in MADE:
        MADE[key] = _trained(files, home.parent / f"job-{key[:8]}")
    place = f"attempts/{told['TUNEKIT_ATTEMPT']}"
    made = {f"{place}/{name}": one for name, one in MADE[key].items()}
    server.put(told["TUNEKIT_REPO"], made, private=True)


def _trained(files: Mapping[str, Path], folder: Path) -> dict[str, bytes]:
    from tunekit.training.worker import train

    for name, path in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, folder / name)
    run = RunFolder(folder / "run")
    recipe = json.loads(run.recipe.read_text())
    run.recipe.write_text(json.dumps({**recipe, "base_path": str(folder / "base")}))
    try:
        run.write_result("succeeded", **train(run))
    except Exception as error:  # as the worker's own end says it
        code, message = describe(error)
        run.write_result("failed", error={"code": code, "message": message})
    result = run.result()
    there = [*run.artifact.rglob("*.*"), run.path / "events.jsonl", run.path / "metrics.jsonl"]
    made = {one.relative_to(run.path).as_posix(): one.read_bytes() for one in there if one.exists()}
    hashes = {name: hashlib.sha256(one).hexdigest() for name, one in made.items()}
    shutil.rmtree(folder)
    return {**made, "outcome.json": json.dumps({"result": result, "files": hashes}).encode()}


#: Checks that train for each method. One takes them in every run, the others in the long one: what
#: the worker learns is checked with the local backend.
TRAINING = (
    "asked_as_trained",
    "one_is_as_many",
    "all_ways_of_asking_agree",
    "a_saved_model_answers_alike",
    "a_bad_input_costs_no_other",
    "a_long_row_is_trained_or_refused",
    "one_row_is_trained_or_refused",
    "a_model_says_what_it_is",
)
ALWAYS = "classification_head"
#: A tagger leaves nothing of a text unread, and a megabyte takes it minutes: a part of it will do,
#: which is still more than training takes.
LONG, CHARACTERS = "test_a_long_row_is_trained_or_refused__extraction", 150_000


@pytest.mark.torch
class TestHfJobs(ConformanceSuite):
    harness = HfJobsHarness()

    @pytest.fixture(autouse=True)
    def hub(
        self, tiny_encoder: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # By its path: every check has a home of its own, in which nothing is cached.
        HfJobsHarness.model = str(tiny_encoder)
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)
        if request.node.name.startswith(LONG):
            monkeypatch.setattr(answers, "LONG", answers.LONG[:CHARACTERS])
        # Loaded beforehand: the hub stands still while a worker works in it.
        import tunekit.training.labelled
        import tunekit.training.worker  # noqa: F401


for _name, _test in list(vars(TestHfJobs).items()):
    if _name.startswith(tuple(f"test_{one}__" for one in TRAINING)) and not _name.endswith(ALWAYS):
        setattr(TestHfJobs, _name, pytest.mark.soak(_test))
