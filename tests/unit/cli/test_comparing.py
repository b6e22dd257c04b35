"""The commands that answer "did it help?", run as a user runs them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import tunekit
from tunekit import Classification, Dataset

from .shell import Shell

TEXTS = [
    (f"{start} {thing}", label)
    for thing in ("card", "app", "form", "letter", "phone")
    for start, label in (
        ("nobody answers about my", "complaint"),
        ("charged twice for the", "complaint"),
        ("thank you for the lovely", "praise"),
        ("very quick help with my", "praise"),
        ("great work on that", "praise"),
    )
]


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    data = Dataset.from_rows([{"text": t, "label": label} for t, label in TEXTS], Classification())
    data.to("csv", tmp_path / "rows.csv")
    return tmp_path / "rows.csv"


@pytest.fixture
def models(rows: Path, tmp_path: Path) -> list[str]:
    """A tuned model and a rule, saved, as options of ``compare``."""
    data = Dataset.read(rows, Classification())
    tunekit.tune(data, backend="fake").save(tmp_path / "tuned")
    tunekit.baseline(data, backend="trivial").save(tmp_path / "rule")
    return ["-m", f"tuned={tmp_path / 'tuned'}", "-m", f"rule={tmp_path / 'rule'}"]


# --- baseline -------------------------------------------------------------------------------------


def test_a_rule_is_made_and_saved(tunekit_command: Shell, rows: Path, tmp_path: Path) -> None:
    saved = tmp_path / "rule"
    done = tunekit_command("baseline", rows, "--backend", "trivial", "--save", saved)
    assert done.code == 0 and done.out == f"Saved in {saved}: a trivial model on trivial.\n"
    assert tunekit.load(saved).predict("x").label == "praise"
    told = tunekit_command(
        "baseline", rows, "--backend", "trivial", "--save", f"{saved}2", "--json"
    )
    assert json.loads(told.out) == {"saved": f"{saved}2", "kind": "trivial"}


def test_baselines_that_cant_be_made(tunekit_command: Shell, rows: Path, tmp_path: Path) -> None:
    saved = tmp_path / "b"
    assert tunekit_command("baseline", rows, "--backend", "trivial").code == 2  # where to?
    assert tunekit_command("baseline", rows, "--save", saved, "--shots", "-1").code == 2
    done = tunekit_command("baseline", rows, "--backend", "fake", "--save", saved)
    assert done.code == 1 and done.err.startswith("error: backend 'fake' has no baseline")
    assert not saved.exists()


# --- compare --------------------------------------------------------------------------------------


def test_models_are_compared(tunekit_command: Shell, rows: Path, models: list[str]) -> None:
    done = tunekit_command("compare", rows, *models)
    assert done.code == 0 and done.err == ""
    assert "Did it help? Yes: “tuned” is better than “rule”" in " ".join(done.out.split())


def test_as_json_and_markdown(
    tunekit_command: Shell, rows: Path, models: list[str], tmp_path: Path
) -> None:
    written = tmp_path / "new" / "folder" / "report.md"
    done = tunekit_command("compare", rows, *models, "--json", "--markdown", written)
    assert done.code == 0
    told = json.loads(done.out)
    assert [one["name"] for one in told["models"]] == ["tuned", "rule"]
    assert told["test"]["rows"] == len(TEXTS)
    assert "| tuned − rule | accuracy |" in written.read_text(encoding="utf-8")


def test_as_a_page(tunekit_command: Shell, rows: Path, models: list[str], tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    assert tunekit_command("compare", rows, *models, "--html", page).code == 0
    assert page.read_text(encoding="utf-8").lstrip().lower().startswith("<!doctype html>")


def test_a_gate_that_is_met_and_one_that_isnt(
    tunekit_command: Shell, rows: Path, models: list[str], tmp_path: Path
) -> None:
    met = ("--require", "tuned.accuracy > rule.accuracy", "--require", "tuned.macro_f1 >= 0.9")
    assert tunekit_command("compare", rows, *models, *met).code == 0
    unmet = "rule.accuracy > tuned.accuracy"
    report = tmp_path / "report.md"
    done = tunekit_command("compare", rows, *models, *met, "--require", unmet, "--markdown", report)
    assert done.code == 3
    assert done.err.startswith(f"not met: {unmet}: it isn't so (rule.accuracy 0.600")
    assert "Did it help?" in done.out and report.exists()  # what came of it is shown all the same


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((), 2, "--model"),
        (("-m", "tuned"), 2, "NAME=VALUE"),
        (("-m", "a=x", "-m", "a=y"), 2, "given twice"),
        (("-m", "a=nowhere"), 1, "error: 'nowhere' is no folder"),
    ],
)
def test_models_that_arent_there(
    tunekit_command: Shell, rows: Path, words: tuple[str, ...], code: int, said: str
) -> None:
    done = tunekit_command("compare", rows, *words)
    assert done.code == code and said in done.err, done


def test_a_requirement_that_cant_be_read(
    tunekit_command: Shell, rows: Path, models: list[str]
) -> None:
    done = tunekit_command("compare", rows, *models, "--require", "tuned is better")
    assert done.code == 1 and "is no requirement" in done.err


# --- migrate --------------------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A training file of a provider."""
    records = [
        {
            "messages": [
                {"role": "system", "content": "Sort it."},
                {"role": "user", "content": text},
                {"role": "assistant", "content": label},
            ]
        }
        for text, label in TEXTS
    ]
    path = tmp_path / "train.jsonl"
    path.write_text("".join(f"{json.dumps(one)}\n" for one in records), encoding="utf-8")
    return path


def test_a_file_is_migrated(tunekit_command: Shell, file: Path, tmp_path: Path) -> None:
    saved, report = tmp_path / "model", tmp_path / "report.md"
    done = tunekit_command(
        "migrate", file, "--to", "fake", "--set", "epochs=2", "--save", saved,
        "--markdown", report, "--json",
    )  # fmt: skip
    assert done.code == 0, done
    told: dict[str, Any] = json.loads(done.out)
    assert [one["name"] for one in told["models"]] == ["migrated", "rule"]
    assert tunekit.load(saved).provenance["hyperparameters"]["epochs"] == 2
    assert report.read_text(encoding="utf-8").startswith("**Did it help?")


def test_the_old_model_is_named(tunekit_command: Shell, file: Path, models: list[str]) -> None:
    old = models[-1].removeprefix("rule=")
    done = tunekit_command("migrate", file, "--to", "fake", "--was", old, "--json")
    assert [one["name"] for one in json.loads(done.out)["models"]] == ["migrated", "before", "rule"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("nowhere.jsonl", "--to", "fake"), 1, "error: "),
        (("nowhere.jsonl",), 2, "--to"),
        (("run:nobody", "--to", "fake"), 1, "nobody"),
        (("cloud9:job", "--to", "fake"), 1, "cloud9"),
        (("x.jsonl", "--to", "fake", "--task", "sorting"), 1, "sorting"),
        (("x.jsonl", "--to", "fake", "--set", "epochs"), 2, "NAME=VALUE"),
    ],
)
def test_what_cant_be_migrated(
    tunekit_command: Shell, words: tuple[str, ...], code: int, said: str
) -> None:
    done = tunekit_command("migrate", *words)
    assert done.code == code and said in done.err, done
    assert "Traceback" not in done.err
