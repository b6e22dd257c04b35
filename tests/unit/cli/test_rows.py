"""The commands about rows: check, convert, split, plan."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tunekit import Classification, Dataset, Preference

from .shell import ROWS, Shell

COLUMNS = ("-c", "text=Text", "-c", "label=Intent")
DAMAGED = '\ufefftext,label\n"Die KÃ¼ndigung ist da.",end\n"Where is it?",end \n" ",other\n'
QUESTIONS = "Q,A,B,Best\nWhere is it?,No idea.,Turn left.,2\nWhen?,At nine.,Who knows.,1\n"


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    path = tmp_path / "damaged.csv"
    path.write_text(DAMAGED, encoding="utf-8")
    return path


# --- check ----------------------------------------------------------------------------------------


def test_what_stands_in_the_way_of_training_is_exit_code_1(
    tunekit_command: Shell, damaged: Path
) -> None:
    done = tunekit_command("check", damaged)
    assert done.code == 1 and done.err == ""
    assert "empty-text (1 error)" in done.out and "damaged-encoding (1 warning)" in done.out
    found = tunekit_command("check", damaged, "--json")
    assert found.code == 1
    told = [(one["code"], one["severity"], one["row"]) for one in found.values]
    assert ("empty-text", "error", 2) in told


def test_rows_without_an_error(tunekit_command: Shell, messages: Path) -> None:
    done = tunekit_command("check", messages, *COLUMNS, "--no-near")
    assert done.code == 0 and "rows 8" in done.out


def test_records_that_are_no_rows_are_among_the_findings(
    tunekit_command: Shell, tmp_path: Path
) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text('{"text": "a", "label": "x"}\n{"text": "b"}\n', encoding="utf-8")
    done = tunekit_command("check", file, "--json")
    assert done.code == 1
    assert "rows.jsonl:2" in [one["source"] for one in done.values]


def test_rows_are_mended(tunekit_command: Shell, damaged: Path, tmp_path: Path) -> None:
    mended = tmp_path / "new" / "mended.jsonl"
    done = tunekit_command("check", damaged, "--fix", mended)
    assert done.code == 1  # one text is still empty
    assert "[damaged-encoding]" in done.out and "empty-text (1 error)" in done.out
    assert "damaged-encoding (" not in done.out
    texts = [row.text for row in Dataset.read(mended, Classification())]
    assert texts[0] == "Die Kündigung ist da."
    assert tunekit_command("check", damaged, "--fix", mended).err.startswith("error: ")
    again = tunekit_command("check", damaged, "--fix", mended, "--overwrite", "--json")
    assert {"code", "before", "after"} <= set(again.values[0]["change"])


def test_parts_are_held_against_each_other(tunekit_command: Shell, messages: Path) -> None:
    done = tunekit_command("check", messages, *COLUMNS, "--against", messages, "--json")
    assert any(one["code"] == "in-other-part" for one in done.values), done


# --- convert --------------------------------------------------------------------------------------


def test_rows_are_written_in_a_format(
    tunekit_command: Shell, messages: Path, tmp_path: Path
) -> None:
    file = tmp_path / "train.jsonl"
    done = tunekit_command("convert", messages, *COLUMNS, "--to", "openai-chat", "-o", file)
    assert done.code == 0 and done.out == f"8 rows as openai-chat, written to {file}.\n"
    assert json.loads(file.read_text(encoding="utf-8").splitlines()[0])["messages"]
    assert tunekit_command("convert", messages, *COLUMNS, "-o", file).code == 1  # it is there
    told = tunekit_command("convert", messages, *COLUMNS, "-o", file, "--overwrite", "--json")
    assert told.values == [{"written": str(file), "format": "jsonl", "rows": 8}]


def test_records_are_printed(tunekit_command: Shell, messages: Path) -> None:
    done = tunekit_command("convert", messages, *COLUMNS, "--to", "jsonl")
    assert [one["text"] for one in done.values] == [text for text, _ in ROWS]


def test_options_of_the_task_and_of_the_reader(tunekit_command: Shell, tmp_path: Path) -> None:
    file = tmp_path / "questions.csv"
    file.write_bytes(QUESTIONS.replace("No idea", "Weiß nicht").encode("latin-1"))
    options = ("-c", "question=Q", "-c", "options=A", "-c", "options=B", "-c", "best=Best")
    reading = ("--read", "best_from=1", "--read", "encoding=latin-1")
    done = tunekit_command(
        "convert", file, "-t", "preference", "--task-set", "instruction=Be kind.",
        *options, *reading, "--to", "openai-chat",
    )  # fmt: skip
    assert done.code == 0, done
    assert "Be kind." in done.out and "Weiß nicht." in done.out
    (written,) = tunekit_command(
        "convert",
        file,
        "-t",
        "preference",
        *options,
        *reading,
        "-o",
        tmp_path / "q.jsonl",
        "--json",
    ).values  # fmt: skip
    rows = list(Dataset.read(written["written"], Preference()))
    assert [(row.best, row.options[0]) for row in rows] == [(1, "Weiß nicht."), (0, "At nine.")]


# --- split ----------------------------------------------------------------------------------------


def test_rows_are_divided(tunekit_command: Shell, messages: Path, tmp_path: Path) -> None:
    done = tunekit_command("split", messages, *COLUMNS, "--test", "0.25")
    assert done.code == 0
    parts = [tmp_path / "messages-train.csv", tmp_path / "messages-test.csv"]
    texts = [{row.text for row in Dataset.read(part, Classification())} for part in parts]
    assert [len(part) for part in texts] == [6, 2]
    assert texts[0] | texts[1] == {text for text, _ in ROWS}
    assert all(str(part) in done.out for part in parts)


def test_three_parts_elsewhere_in_another_format(
    tunekit_command: Shell, messages: Path, tmp_path: Path
) -> None:
    words = (
        "split", messages, *COLUMNS, "--test", "0.25", "--validation", "0.25", "--seed", "3",
        "--into", tmp_path / "parts", "--to", "jsonl", "--json",
    )  # fmt: skip
    done = tunekit_command(*words)
    assert [(one["part"], one["rows"]) for one in done.values] == [
        ("train", 4),
        ("validation", 2),
        ("test", 2),
    ]
    assert sorted(one.name for one in (tmp_path / "parts").iterdir()) == [
        "messages-test.jsonl",
        "messages-train.jsonl",
        "messages-validation.jsonl",
    ]
    again = tunekit_command(*words)
    assert again.code == 1 and "--overwrite" in again.err and again.out == ""


# --- plan -----------------------------------------------------------------------------------------


def test_a_plan(tunekit_command: Shell, messages: Path) -> None:
    words = ("plan", messages, *COLUMNS, "--set", "epochs=2", "--test", "0.25")
    done = tunekit_command(*words)
    assert done.code == 0 and "epochs=2" in done.out and "no price is known" in done.out
    (told,) = tunekit_command(*words, "--json").values
    assert (told["rows"], told["backend"], told["hyperparameters"]["epochs"]) == (6, "fake", 2)
    assert told["labels"] == ["complaint", "praise"] and told["findings"] is not None
    assert tunekit_command("jobs").out == "No runs yet.\n"


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("convert", "{messages}", *COLUMNS), 2, "--to"),
        (("convert", "{messages}", *COLUMNS, "-o", "rows.xyz"), 1, "tunekit formats"),
        (("convert", "{messages}", *COLUMNS, "--to", "openai-chatt"), 1, "openai-chat"),
        (("convert", "{messages}", "--to", "jsonl", "--read", "format=csv"), 2, "--format"),
        (("check", "{messages}", *COLUMNS, "--read", "best_from=1"), 1, "best_from"),
        (("check", "{messages}", *COLUMNS, "--task-set", "goal=answer"), 1, "goal"),
        (("split", "{messages}", *COLUMNS, "--group", "Nobody"), 1, "Nobody"),
        (("plan", "{messages}", *COLUMNS, "--method", "magic"), 1, "magic"),
    ],
)
def test_what_cant_be_done_says_why(
    tunekit_command: Shell, messages: Path, words: tuple[str, ...], code: int, says: str
) -> None:
    done = tunekit_command(*(word.format(messages=messages) for word in words))
    assert done.code == code and says in done.err, done
    assert "Traceback" not in done.err
