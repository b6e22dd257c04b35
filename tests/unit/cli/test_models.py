"""The commands about models: answers of every task, what there is, what can be taken along."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import tunekit
from tunekit import Classification, Dataset, Extraction, Preference, Transformation
from tunekit.tasks.base import Task

from .shell import ROWS, Shell

TEXT = "Anna lives in Köln."
SPANS = [(0, 4, "person"), (14, 18, "place")]
ASKED = {"question": "Where is it?", "options": ["No idea.", "Turn left."]}


def saved(folder: Path, task: Task, *rows: dict[str, object]) -> Path:
    data = Dataset.from_rows(rows, task)
    return tunekit.tune(data, backend="fake").save(folder)


@pytest.fixture
def classifier(tmp_path: Path) -> Path:
    rows = [{"text": text, "label": label} for text, label in ROWS]
    return saved(tmp_path / "classifier", Classification(), *rows)


def test_a_text_with_its_spans(tunekit_command: Shell, tmp_path: Path) -> None:
    rows = [{"text": TEXT, "spans": SPANS}, {"text": "Nothing here.", "spans": []}]
    model = saved(tmp_path / "spans", Extraction(), *rows)
    done = tunekit_command("predict", model, TEXT, "Nothing here.")
    assert done.out.splitlines() == [
        f"person: Anna (0-4); place: Köln (14-18)\t{TEXT}",
        "nothing\tNothing here.",
    ]
    (told,) = tunekit_command("predict", model, TEXT, "--json").values
    assert told["prediction"]["spans"][0] == {"start": 0, "end": 4, "label": "person"}


def test_a_question_with_options(tunekit_command: Shell, tmp_path: Path) -> None:
    model = saved(tmp_path / "choice", Preference(), {**ASKED, "best": 1})
    line = json.dumps(ASKED)
    done = tunekit_command("predict", model, "--records", line)
    assert done.out.startswith("Turn left.") and done.out.endswith("\tWhere is it?\n")
    piped = tunekit_command("predict", model, "--records", "--json", stdin=f"{line}\n{line}\n")
    assert [one["prediction"]["option"] for one in piped.values] == ["Turn left."] * 2
    assert piped.values[0]["input"] == ASKED


def test_records_of_a_file(tunekit_command: Shell, tmp_path: Path) -> None:
    rows = {"text": TEXT, "spans": SPANS, "context": "A letter"}
    model = saved(tmp_path / "spans", Extraction(), rows)
    file = tmp_path / "asked.jsonl"
    file.write_text(json.dumps({"text": TEXT, "context": "A letter"}), encoding="utf-8")
    assert "place: Köln (14-18)" in tunekit_command("predict", model, "--file", file).out


def test_a_text_that_becomes_another(tunekit_command: Shell, tmp_path: Path) -> None:
    rows = {"input": "teh letter", "output": "the\nletter"}
    model = saved(tmp_path / "rewrite", Transformation(), rows)
    assert tunekit_command("predict", model, "teh letter").out == "the\\nletter\tteh letter\n"


def test_lines_of_a_file(tunekit_command: Shell, classifier: Path, tmp_path: Path) -> None:
    file = tmp_path / "asked.txt"
    file.write_text(f"{ROWS[0][0]}\n\n{ROWS[1][0]}\n", encoding="utf-8")
    done = tunekit_command("predict", classifier, "--file", file, "--json")
    assert [one["prediction"]["label"] for one in done.values] == ["praise", "complaint"]


@pytest.mark.parametrize(
    ("words", "stdin", "code", "says"),
    [
        (("{model}", "x", "--file", "x.txt"), "", 2, "not both"),
        (("{model}", "--file", "nowhere.txt"), "", 1, "nowhere.txt"),
        (("{model}", "--records"), '{"text": "a"}\nno json\n', 1, "input 2 is no JSON"),
        (("{model}", "--records"), "[1]\n", 1, "no JSON object"),
        (("{model}", "--records"), '{"words": "a"}\n', 1, "text"),
        (("{model}",), b"gr\xfcn\n", 1, "standard input isn't UTF-8"),
        (("fake:tuned-1", "x"), "", 1, "task"),
        (("{model}", "x", "--task-set", "labels=[]"), "", 2, "--task"),
    ],
)
def test_what_cant_be_answered(
    tunekit_command: Shell,
    classifier: Path,
    words: tuple[str, ...],
    stdin: str | bytes,
    code: int,
    says: str,
) -> None:
    done = tunekit_command("predict", *(one.format(model=classifier) for one in words), stdin=stdin)
    assert done.code == code and says in done.err, done
    assert "Traceback" not in done.err


# --- models ---------------------------------------------------------------------------------------


def test_models_are_listed_as_load_takes_them(tunekit_command: Shell, classifier: Path) -> None:
    Path("tunekit.toml").write_text(
        f'[models]\ntriage.ref = "{classifier}"\nfar.ref = "hf://user/repo"\n', encoding="utf-8"
    )
    triage, far, run = tunekit_command("models", "--json").values
    assert (triage["model"], triage["kind"], triage["backend"]) == ("triage", "tuned", "fake")
    assert (far["ref"], far["kind"]) == ("hf://user/repo", None)
    assert tunekit.load(run["model"]).task.kind == run["task"] == "classification"
    shown = tunekit_command("models").out
    assert f"triage = {classifier}" in shown and run["model"] in shown


def test_no_models(tunekit_command: Shell) -> None:
    assert tunekit_command("models").out == "No models yet.\n"


def test_a_model_that_cant_be_exported(tunekit_command: Shell, classifier: Path) -> None:
    done = tunekit_command("export", classifier, "onnx", "exported")
    assert done.code == 1 and "can't be exported as 'onnx'" in done.err
    assert not Path("exported").exists()
