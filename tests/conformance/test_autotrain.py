"""The AutoTrain backend against the suite: a scripted hub, and a Space that trains nothing."""

from __future__ import annotations

import json
import re
import tempfile
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tunekit.backends.autotrain import AutoTrainBackend
from tunekit.backends.autotrain.methods import REWRITING
from tunekit.backends.base import Backend, State
from tunekit.planning import Route
from tunekit.testing.checks import answers
from tunekit.testing.conformance import ConformanceSuite
from tunekit.testing.harness import BackendHarness, Provider, Step
from tunekit.testing.hub import HubServer
from tunekit.testing.hub.spaces import SpaceRun
from tunekit.testing.server import Fault

from .autotrain_space import FAILED, FINISHED, lines_of, trained

HERE = Path(__file__).parent
KEY = "hf_conformance0123456789abcdef"
#: The requests that do the thing itself; whatever goes before them is asked again.
ROUTES: Mapping[Step, str] = {
    "upload": r"POST /api/datasets/.*/commit/",
    "create": r"POST /api/spaces/.*/commit/",
    "poll": r"GET /api/spaces/.*/runtime",
    "answer": r"there is no such request",
}
WORDS: Mapping[State, str] = {
    State.QUEUED: "BUILDING",
    State.RUNNING: "RUNNING",
    State.PAUSED: "SLEEPING",
    State.UNKNOWN: "RETICULATING",
    State.SUCCEEDED: "PAUSED",
    State.FAILED: "PAUSED",
}
#: What a base model is called, and what it is called on the Hub.
ENCODER, ENCODER_REPO = "minilm", "sentence-transformers/all-MiniLM-L6-v2"
CAUSAL, CAUSAL_REPO = "smollm2-135m", "HuggingFaceTB/SmolLM2-135M-Instruct"
SEQ2SEQ = "acme/tiny-t5"
#: The folder of each base model, by its name on the Hub; filled in by fixtures.
BASES: dict[str, Path] = {}


class AutoTrainProvider(Provider):
    """A HubServer whose Spaces train nothing, in the words of the suite."""

    key = KEY

    def __init__(self, server: HubServer) -> None:
        self.server = server
        self._scripts: list[tuple[str, deque[Fault], Fault | None]] = []
        self._ends = State.SUCCEEDED
        server.space_work = self._trained
        server.space_logs = lines_of(failed=False)
        faults: Any = server._faults
        faults._next = self._fault
        self.story(State.RUNNING, State.SUCCEEDED)

    def _fault(self, asked: str) -> Fault:
        for route, faults, always in self._scripts:
            if re.match(route, asked):
                if faults:
                    return faults.popleft()
                if always is not None:
                    return always
        return Fault()

    def script(self, step: Step, *faults: Fault, always: bool = False) -> None:
        waiting = deque(faults)
        last = waiting.pop() if always else None
        self._scripts.append((ROUTES[step], waiting, last))

    def clear(self) -> None:
        self._scripts.clear()
        self.server.clear()

    def story(self, *states: State) -> None:
        self._ends = states[-1]
        # The first stage is that in which a Space is started, before anybody looks.
        self.server.space_story = ["BUILDING", *(WORDS[state] for state in states)]
        self.server.space_logs = lines_of(failed=self._ends is State.FAILED)

    def _trained(self, space: SpaceRun) -> None:
        """As AutoTrain's program does it, at the end of its story."""
        told = json.loads(space.secrets["PARAMS"])
        repo: Any = self.server._state.repos["space", space.id]
        if self._ends is State.FAILED:
            repo.discussions.append(_discussion(space.id, FAILED))
            return
        card = self.server.files(told["data_path"], kind="dataset")["README.md"]
        with tempfile.TemporaryDirectory() as folder:
            trained(told, card.read_text("utf-8"), BASES[told["model"]], Path(folder))
            files = {
                str(path.relative_to(folder)): path.read_bytes()
                for path in Path(folder).rglob("*")
                if path.is_file()
            }
            self.server.put(f"{told['username']}/{told['project_name']}", files, private=True)
        repo.discussions.append(_discussion(space.id, FINISHED))

    def jobs(self) -> int:
        return len(self.server.started())

    def requests(self) -> int:
        return len(self.server.requests)


def _discussion(space: str, title: str) -> dict[str, Any]:
    return {
        "num": 1,
        "title": title,
        "author": {"name": "tester"},
        "createdAt": "2026-11-22T08:54:09.000Z",
        "status": "open",
        "repo": {"name": space, "type": "space"},
        "isPullRequest": False,
        "events": [],
    }


class AutoTrainHarness(BackendHarness):
    """AutoTrain with an encoder."""

    name = "autotrain"
    support = HERE / "support.json"
    golden = HERE.parent / "golden"
    model = ENCODER
    answers_here = True
    patience = 60.0
    backend: ClassVar[type[AutoTrainBackend]] = AutoTrainBackend

    def make(self, home: Path, provider: Provider | None) -> Backend:
        assert isinstance(provider, AutoTrainProvider)
        return self.backend(
            home=home,
            token_env=self.key_env,
            hub_endpoint=provider.server.url,
            timeout=1.0,
            attempts=2,
            settle=0.0,
            device="cpu",
        )

    def serve(self, home: Path) -> AbstractContextManager[Provider]:
        return _served()


@contextmanager
def _served() -> Iterator[Provider]:
    with HubServer(key=KEY) as server:
        for repo, folder in BASES.items():
            server.put(repo, {one.name: one for one in folder.iterdir() if one.is_file()})
        yield AutoTrainProvider(server)


class LanguageHarness(AutoTrainHarness):
    """AutoTrain with a language model."""

    name = "autotrain-language"
    model = CAUSAL


class Rewriting(AutoTrainBackend):
    """One that knows what its base model is, without having asked."""

    def routes(self, model: str) -> Sequence[Route]:
        return REWRITING


class RewritingHarness(AutoTrainHarness):
    """AutoTrain with an encoder-decoder."""

    name = "autotrain-rewriting"
    model = SEQ2SEQ
    backend = Rewriting


@pytest.fixture(autouse=True)
def bases(tiny_encoder: Path, tiny_causal: Path, tiny_seq2seq: Path) -> None:
    BASES.update({ENCODER_REPO: tiny_encoder, CAUSAL_REPO: tiny_causal, SEQ2SEQ: tiny_seq2seq})


#: A tagger leaves nothing of a text unread, and a megabyte takes it minutes: a part of it will do.
LONG, CHARACTERS = "test_a_long_row_is_trained_or_refused__extraction", 60_000


@pytest.mark.torch
class TestAutoTrain(ConformanceSuite):
    harness = AutoTrainHarness()

    @pytest.fixture(autouse=True)
    def shorter(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
        if request.node.name.startswith(LONG):
            monkeypatch.setattr(answers, "LONG", answers.LONG[:CHARACTERS])


@pytest.mark.soak
@pytest.mark.torch
class TestAutoTrainLanguage(ConformanceSuite):
    harness = LanguageHarness()


@pytest.mark.soak
@pytest.mark.torch
class TestAutoTrainRewriting(ConformanceSuite):
    harness = RewritingHarness()


#: Checks that ask a model: one with weights by chance ends no answer that it is free to write, so
#: only those are asked that choose between labels or options.
ASKING = (
    "asked_as_trained",
    "one_is_as_many",
    "all_ways_of_asking_agree",
    "a_saved_model_answers_alike",
    "a_bad_input_costs_no_other",
    "a_long_row_is_trained_or_refused",
    "one_row_is_trained_or_refused",
)
CHOOSING = ("classification_sft", "preference_choose_reward", "preference_choose_sft")
for _suite in (TestAutoTrainLanguage, TestAutoTrainRewriting):
    for _name in list(vars(_suite)):
        asks = _name.startswith(tuple(f"test_{one}__" for one in ASKING))
        if asks and not _name.endswith(CHOOSING):
            delattr(_suite, _name)
#: Of these there is one a suite, with the first pair.
delattr(TestAutoTrainRewriting, "test_a_passing_fault_is_waited_out")
delattr(TestAutoTrainRewriting, "test_a_job_survives_a_fresh_process")
#: Writing takes its time, even of what has no meaning.
for _suite, _slow in (
    (TestAutoTrainRewriting, ("no_key_is_seen", "faults_of")),
    (TestAutoTrain, (LONG.removeprefix("test_"),)),
    (TestAutoTrainLanguage, ("a_long_row", "all_ways_of_asking", "faults_of")),
):
    for _name in list(vars(_suite)):
        if _name.startswith(tuple(f"test_{one}" for one in _slow)):
            setattr(_suite, _name, pytest.mark.soak(getattr(_suite, _name)))
