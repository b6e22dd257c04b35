"""Bringing a job to a provider once, whatever happens on the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tunekit.backends.base import Step
from tunekit.backends.once import remove_files, submit_once
from tunekit.errors import (
    AuthenticationFailed,
    BackendError,
    BackendTimeout,
    Conflict,
    InvalidRequest,
    MalformedAnswer,
    NotFound,
    ServerFailed,
)


class Notes:
    run_id = "run-1"
    #: The step whose end isn't noted any more.
    killed_at = ""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.steps: list[Step] = []
        (folder / "data").mkdir()
        (folder / "data" / "train.jsonl").write_bytes(b"{}\n")

    def note(self, name: str, **facts: Any) -> None:
        if name == self.killed_at:
            raise KeyboardInterrupt
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        self.steps.append(Step(at, name, facts))

    @property
    def names(self) -> list[str]:
        return [step.name for step in self.steps]


class Provider:
    """One that may lose its answer to a create, and be slow to list what it created."""

    def __init__(self) -> None:
        self.files: dict[str, str] = {}
        self.jobs: list[str] = []
        self.ended: set[str] = set()
        self.error: BackendError | None = None
        self.works = True
        #: Looks that still show nothing.
        self.blind = 0

    def stored(self, path: Path, sha256: str) -> str | None:
        return self.files.get(sha256)

    def store(self, path: Path, sha256: str) -> str:
        self.files[sha256] = f"file-{len(self.files) + 1}"
        return self.files[sha256]

    def begin(self, files: Mapping[str, str]) -> str:
        assert set(files) == {"train.jsonl"}
        if self.works:
            self.jobs.append(f"job-{len(self.jobs) + 1}")
        if self.error is not None:
            raise self.error
        return self.jobs[-1]

    def begun(self, journal: Any) -> Sequence[str]:
        self.blind -= 1
        return [] if self.blind >= 0 else self.jobs

    def over(self, ref: str) -> bool:
        return ref in self.ended


@pytest.fixture
def notes(tmp_path: Path) -> Notes:
    return Notes(tmp_path)


def lost() -> BackendError:
    return BackendTimeout("no answer", backend="mine")


def test_a_job_that_appears_late_is_waited_for(notes: Notes) -> None:
    provider, naps = Provider(), []
    provider.error, provider.blind = lost(), 3
    with pytest.raises(BackendTimeout):
        submit_once(provider, notes, settle=60)
    provider.error = None
    assert submit_once(provider, notes, settle=60, sleep=naps.append) == "job-1"
    assert len(naps) == 3
    assert provider.jobs == ["job-1"]


def test_that_time_begins_when_the_create_was_given_up(notes: Notes) -> None:
    provider, naps = Provider(), []
    provider.error, provider.blind = lost(), 2
    with pytest.raises(BackendTimeout):
        submit_once(provider, notes)
    # It was asked for long ago, and given up just now.
    notes.steps = [
        one._replace(at="2020-01-01T00:00:00+00:00") if one.name == "creating" else one
        for one in notes.steps
    ]
    provider.error = None
    assert submit_once(provider, notes, settle=60, sleep=naps.append) == "job-1"
    assert len(naps) == 2


def test_who_was_killed_may_have_been_waiting_for_an_answer(notes: Notes) -> None:
    provider, naps = Provider(), []
    notes.killed_at = "created"
    with pytest.raises(KeyboardInterrupt):
        submit_once(provider, notes)
    notes.killed_at = ""
    provider.blind = 2
    assert submit_once(provider, notes, timeout=60, sleep=naps.append) == "job-1"
    assert len(naps) == 2


def test_garbage_in_answer_is_looked_after_for_a_while(notes: Notes) -> None:
    provider, naps = Provider(), []
    provider.error, provider.blind = MalformedAnswer("what?", backend="mine"), 3
    assert submit_once(provider, notes, settle=60, sleep=naps.append) == "job-1"
    assert len(naps) == 3


def test_a_job_of_an_attempt_before_is_not_gone_back_to(notes: Notes) -> None:
    provider = Provider()
    provider.jobs.append("job-0")  # was created long ago; nobody saw it until now
    first = submit_once(provider, notes)
    provider.ended |= {"job-0", first}
    provider.error = lost()
    with pytest.raises(BackendTimeout):
        submit_once(provider, notes)
    provider.error = None
    assert submit_once(provider, notes) == "job-3"


def test_after_that_time_it_is_created_again(notes: Notes) -> None:
    provider = Provider()
    provider.error, provider.works = lost(), False
    with pytest.raises(BackendTimeout):
        submit_once(provider, notes)
    provider.error, provider.works = None, True
    assert submit_once(provider, notes) == "job-1"


@pytest.mark.parametrize(
    ("error", "sure"),
    [
        (InvalidRequest("no", backend="mine", status=400), True),
        (AuthenticationFailed("no key", backend="mine"), True),
        (ServerFailed("oops", backend="mine", status=500), False),
        (BackendTimeout("late", backend="mine", status=408), False),
        (lost(), False),
    ],
)
def test_only_what_was_surely_not_done_is_noted_as_refused(
    notes: Notes, error: BackendError, sure: bool
) -> None:
    provider = Provider()
    provider.error, provider.works = error, False
    with pytest.raises(BackendError):
        submit_once(provider, notes)
    assert ("refused" in notes.names) is sure
    looks = provider.blind
    provider.error, provider.works = None, True
    submit_once(provider, notes)
    assert (provider.blind == looks) is sure  # who was refused for sure needn't look


def test_a_job_that_ended_is_followed_by_another(notes: Notes) -> None:
    provider = Provider()
    first = submit_once(provider, notes)
    assert submit_once(provider, notes) == first
    provider.ended.add(first)
    assert submit_once(provider, notes) == "job-2"
    assert len(provider.files) == 1


def test_a_lost_answer_to_the_second_attempt_is_found(notes: Notes) -> None:
    provider = Provider()
    first = submit_once(provider, notes)
    provider.ended.add(first)
    provider.error = lost()
    with pytest.raises(BackendTimeout):
        submit_once(provider, notes)
    provider.error = None
    assert submit_once(provider, notes) == "job-2"
    assert provider.jobs == ["job-1", "job-2"]


def test_a_file_that_was_sent_before_a_kill_is_ours(notes: Notes) -> None:
    provider = Provider()
    notes.killed_at = "uploaded"
    with pytest.raises(KeyboardInterrupt):
        submit_once(provider, notes)
    notes.killed_at = ""
    submit_once(provider, notes)
    assert [step.facts["reused"] for step in notes.steps if step.name == "uploaded"] == [False]
    assert len(provider.files) == 1


def test_files_are_taken_back_once(notes: Notes) -> None:
    provider = Provider()
    submit_once(provider, notes)
    gone: list[str] = []
    remove_files(gone.append, notes)
    remove_files(gone.append, notes)
    assert gone == ["file-1"]


def test_a_file_that_is_gone_or_used_is_no_error(notes: Notes) -> None:
    provider = Provider()
    submit_once(provider, notes)

    def used(file: str) -> None:
        raise Conflict("a job uses it", backend="mine")

    def gone(file: str) -> None:
        raise NotFound("gone", backend="mine")

    remove_files(used, notes)
    assert "deleted" not in notes.names
    remove_files(gone, notes)
    assert "deleted" in notes.names
