"""Tuning, jobs, answers and mistakes at the command line, on the fake backend."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

import tunekit
from tunekit.testing.service import FakeService

from .shell import ROWS, Shell

COLUMNS = ("-c", "text=Text", "-c", "label=Intent")


def test_tune_save_predict_evaluate(tunekit_command: Shell, messages: Path, tmp_path: Path) -> None:
    saved = str(tmp_path / "model")

    tuned = tunekit_command("tune", str(messages), *COLUMNS, "--save", saved)
    assert (tuned.code, f"Saved in {saved}." in tuned.out) == (0, True), tuned
    answered = tunekit_command("predict", saved, ROWS[0][0], ROWS[1][0], "--json")
    assert [value["input"] for value in answered.values] == [ROWS[0][0], ROWS[1][0]]
    assert [value["prediction"]["label"] for value in answered.values] == ["praise", "complaint"]
    evaluated = tunekit_command("evaluate", saved, str(messages), *COLUMNS, "--json")
    assert evaluated.values[0]["accuracy"]["value"] == 1.0


def test_held_out_rows_are_reported_and_not_trained_on(
    tunekit_command: Shell, messages: Path
) -> None:
    done = tunekit_command("tune", str(messages), *COLUMNS, "--test", "0.5", "--json")

    (facts,) = done.values
    assert set(facts["report"]["accuracy"]) >= {"value", "low", "high"}
    assert tunekit.attach(facts["job"]).result().provenance["rows"] == len(ROWS) // 2


def test_a_report_for_people(tunekit_command: Shell, messages: Path, tmp_path: Path) -> None:
    saved = str(tmp_path / "model")
    tunekit_command("tune", str(messages), *COLUMNS, "--save", saved)

    done = tunekit_command("evaluate", saved, str(messages), *COLUMNS)

    assert done.code == 0
    assert "accuracy" in done.out.lower()


def test_inputs_from_stdin_are_answered_in_order(
    tunekit_command: Shell, messages: Path, tmp_path: Path
) -> None:
    saved = str(tmp_path / "model")
    tunekit_command("tune", str(messages), *COLUMNS, "--save", saved)
    texts = [text for text, _ in ROWS] * 100

    done = tunekit_command("predict", saved, stdin="\r\n".join([*texts, ""]))

    assert [line.split("\t")[-1] for line in done.out.splitlines()] == texts
    assert [line.split("\t")[0] for line in done.out.splitlines()] == [b for _, b in ROWS] * 100


def test_a_detached_job_is_found_again(
    tunekit_command: Shell, messages: Path, tmp_path: Path
) -> None:
    job = tunekit_command("tune", str(messages), *COLUMNS, "--detach", "--json").values[0]["job"]

    assert job in tunekit_command("jobs").out
    assert tunekit_command("jobs", "--json").values[0]["job"] == job
    waited = tunekit_command("wait", job, "--save", str(tmp_path / "model"))
    assert waited.code == 0
    assert (tmp_path / "model").is_dir()
    assert tunekit_command("logs", job).code == 0
    assert all("at" in event for event in tunekit_command("logs", job, "--json").values)
    (listed,) = tunekit_command("jobs", "--json").values
    assert (listed["status"], listed["backend"], listed["rows"]) == ("succeeded", "fake", len(ROWS))


def test_a_job_is_cancelled(
    tunekit_command: Shell, messages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = ("queued", *["running"] * 50, "succeeded")
    monkeypatch.setattr("tunekit.testing.fake.FakeService", partial(FakeService, story=long))
    job = tunekit_command("tune", str(messages), *COLUMNS, "--detach", "--json").values[0]["job"]

    assert tunekit_command("jobs", "--json").values[0]["status"] == "running"
    assert tunekit_command("cancel", job, "--json").values[0]["status"] == "cancelled"
    waited = tunekit_command("wait", job)
    assert waited.code == 1
    assert "resume=True" in waited.err


def test_a_job_that_is_over_stays_what_it_is(tunekit_command: Shell, messages: Path) -> None:
    job = tunekit_command("tune", str(messages), *COLUMNS, "--json").values[0]["job"]

    assert tunekit_command("cancel", job).out == f"{job} is succeeded.\n"


def test_no_jobs(tunekit_command: Shell) -> None:
    assert "No runs yet" in tunekit_command("jobs").out


def test_version(tunekit_command: Shell) -> None:
    assert tunekit_command("version").out.strip() == tunekit.__version__


def test_an_error_is_one_message_without_a_traceback(
    tunekit_command: Shell, tmp_path: Path
) -> None:
    done = tunekit_command("tune", str(tmp_path / "missing.csv"), *COLUMNS)

    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("error: ")
    assert "missing.csv" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("wait", "no-such-job"), "no-such-job"),
        (("predict", "no-such-model", "x"), "no-such-model"),
        (("tune", "{messages}", *COLUMNS, "--task", "clasification"), "classification"),
        (("tune", "{messages}", *COLUMNS, "--backend", "fak"), "fake"),
        (("tune", "{messages}", "-c", "text=Txt", "-c", "label=Intent"), "Txt"),
        (("tune", "{messages}", *COLUMNS, "--set", "learning_rate=1"), "learning_rate"),
    ],
)
def test_errors_name_what_is_wrong(
    tunekit_command: Shell, messages: Path, words: tuple[str, ...], says: str
) -> None:
    done = tunekit_command(*(word.format(messages=messages) for word in words))

    assert done.code == 1
    assert says in done.err


@pytest.mark.parametrize(
    "words",
    [
        ("nonsense",),
        ("tune",),
        ("tune", "{messages}", "--column", "text"),
        ("tune", "{messages}", "-c", "text=a", "-c", "text=b"),
        ("tune", "{messages}", *COLUMNS, "--detach", "--save", "x"),
        ("tune", "{messages}", *COLUMNS, "--test", "2"),
    ],
)
def test_wrong_usage_is_told_apart(
    tunekit_command: Shell, messages: Path, words: tuple[str, ...]
) -> None:
    done = tunekit_command(*(word.format(messages=messages) for word in words))

    assert done.code == 2
    assert "Traceback" not in done.err


def test_the_module_runs_as_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tunekit.cli", "version", "--json"],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert json.loads(done.stdout) == {"version": tunekit.__version__}


# --- formats --------------------------------------------------------------------------------------

FORMATS_PAGE = Path(__file__).resolve().parents[3] / "docs" / "concepts" / "formats.md"


def test_the_page_of_formats_shows_what_the_command_shows(tunekit_command: Shell) -> None:
    shown = FORMATS_PAGE.read_text(encoding="utf-8").partition("$ tunekit formats --rows\n")[2]
    done = tunekit_command("formats", "--rows")
    assert done.code == 0
    assert shown.partition("\n```")[0] == done.out.rstrip("\n")


def test_rows_in_every_format_as_json(tunekit_command: Shell) -> None:
    found = tunekit_command("formats", "--rows", "--json").values
    assert {one["format"] for one in found} >= {"openai-chat", "openai-dpo", "examples"}
    assert len({one["task"] for one in found}) == 5
    for one in found:
        assert all(isinstance(json.loads(line), dict) for line in one["lines"])


def test_formats_are_listed(tunekit_command: Shell) -> None:
    assert "openai-dpo" in tunekit_command("formats").out
    assert {"name", "shapes", "loses"} <= set(tunekit_command("formats", "--json").values[0])
