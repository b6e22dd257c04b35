"""What became of a training, from the places in which AutoTrain says something of it."""

from __future__ import annotations

import pytest

from tunekit.backends.autotrain.telling import Seen, events_of, reason_of, status_of
from tunekit.backends.base import State

FINISHED = "Your training has finished successfully ✅"
FAILED = "Your training has failed ❌"
STAMP = "2026-11-22 08:54:04"
PLACE = "autotrain.trainers.common:wrapper"
FAILING = "train has failed due to an exception: Traceback (most recent call last):"
WENT_WRONG = [
    f"ERROR    | {STAMP} | {PLACE}:215 - {FAILING}\nAttributeError: no names\n",
    f"ERROR    | {STAMP} | autotrain.trainers.common:wrapper:216 - 'Value' object has no names\n",
    f"INFO     | {STAMP} | autotrain.trainers.common:pause_space:156 - Pausing space...\n",
]
WENT_WELL = [
    f"INFO     | {STAMP} | autotrain.trainers.common:on_log:367 - {{'train_loss': 0.5}}\n",
    f"INFO     | {STAMP} | autotrain.trainers.common:pause_space:156 - Pausing space...\n",
]


@pytest.mark.parametrize(
    ("seen", "lines", "state", "said"),
    [
        (Seen("BUILDING"), [], State.QUEUED, None),
        (Seen("APP_STARTING"), [], State.QUEUED, None),
        (Seen("RUNNING"), [], State.RUNNING, None),
        # The model is pushed before AutoTrain says so: it may still be at it.
        (Seen("RUNNING", weights=True), [], State.RUNNING, None),
        (Seen("RUNNING", (FINISHED,), True), [], State.SUCCEEDED, None),
        (Seen("PAUSED", (FINISHED,), True), [], State.SUCCEEDED, None),
        (Seen("PAUSED", (), True), [], State.SUCCEEDED, None),
        (Seen(None, (), True), [], State.SUCCEEDED, None),
        (Seen("PAUSED", (FINISHED,)), WENT_WELL, State.FAILED, "no weights in ada/model"),
        (Seen("PAUSED"), WENT_WELL, State.FAILED, "no weights in ada/model"),
        (Seen("PAUSED", (FAILED,)), WENT_WRONG, State.FAILED, "'Value' object has no names"),
        (Seen("PAUSED", (FAILED,)), [], State.FAILED, "gives no reason"),
        # A token may be allowed to do all but say it in a discussion.
        (Seen("PAUSED"), WENT_WRONG, State.FAILED, "'Value' object has no names"),
        (Seen("PAUSED"), WENT_WELL[:1], State.CANCELLED, None),
        (Seen("PAUSED"), [], State.CANCELLED, None),
        (Seen(None), [], State.CANCELLED, None),
        (Seen("BUILD_ERROR"), [], State.FAILED, "image couldn't be built"),
        (Seen("RUNTIME_ERROR"), WENT_WRONG, State.FAILED, "'Value' object has no names"),
        (Seen("SLEEPING"), [], State.PAUSED, None),
        (Seen("RETICULATING"), [], State.UNKNOWN, None),
    ],
)
def test_how_it_stands(seen: Seen, lines: list[str], state: State, said: str | None) -> None:
    status = status_of(seen, "ada/model", lambda: lines)
    assert status.state is state
    assert (said is None) == (status.error is None)
    assert said is None or said in str(status.error)


def test_a_log_is_asked_for_only_where_it_matters() -> None:
    def never() -> list[str]:
        raise AssertionError("asked for")

    assert status_of(Seen("PAUSED", (FINISHED,), True), "m", never).state is State.SUCCEEDED
    assert status_of(Seen("RUNNING"), "m", never).state is State.RUNNING


def test_no_reason_where_nothing_went_wrong() -> None:
    assert reason_of(WENT_WELL) is None
    assert reason_of(["ERROR    | something else"]) is None
    assert (
        reason_of(WENT_WRONG[:1]) == "Traceback (most recent call last): AttributeError: no names"
    )


def test_lines_become_events() -> None:
    figures = "{'loss': 0.7, 'epoch': 0.5, 'note': 'x'}"
    lines = [
        "before any time\n",
        f"INFO     | {STAMP} | autotrain.trainers.common:on_log:367 - {figures}\n",
        "\x1b[32m 25%|██▌       | 2/8 [00:01<00:03,  1.9it/s]\r 50%|█████     | 4/8 [00:02<00:02]",
        "Upload 9 LFS files:  67%|██████▋   | 6/9 [00:00<00:00, 46.28it/s]",
        "\n",
    ]
    first, measured, some, more, other = events_of(lines, "2026-01-01T00:00:00.000+00:00")
    assert (first.kind, first.at) == ("log", "2026-01-01T00:00:00.000+00:00")
    assert (measured.kind, measured.data) == ("metric", {"loss": 0.7, "epoch": 0.5})
    assert measured.at == "2026-11-22T08:54:04.000+00:00"
    assert (some.kind, some.data) == ("progress", {"done": 2, "total": 8})
    assert (more.kind, more.data) == ("progress", {"done": 4, "total": 8})
    assert other.kind == "log"


@pytest.mark.parametrize("said", ["{'loss': nan}", "{broken", "{'a': __import__('os')}"])
def test_figures_that_can_t_be_read_are_words(said: str) -> None:
    line = f"INFO     | {STAMP} | autotrain.trainers.common:on_log:367 - {said}"
    (event,) = events_of([line], "t")
    assert event.kind == "log"
