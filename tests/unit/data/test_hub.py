"""Data sets as tables of the library ``datasets``, and to and from a scripted hub."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tunekit import Classification, Dataset, Extraction, Preference, Transformation
from tunekit.errors import DataError, InputError
from tunekit.shapes import Span
from tunekit.tasks.base import Task
from tunekit.testing.hub import HubServer, User

datasets = pytest.importorskip("datasets", reason="needs the extra hf")

WRITER = "hf_writer"
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
LABEL = st.sampled_from(["city", "person", "a, b", "東京"])
PLAIN = st.one_of(
    st.none(),
    st.booleans(),
    TEXT,
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
)
VALUE = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3)
)


@st.composite
def marked(draw: st.DrawFn) -> dict[str, Any]:
    text = draw(TEXT.filter(bool))
    spans = []
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(text) - 1))
        spans.append((start, draw(st.integers(start + 1, len(text))), draw(LABEL)))
    context = draw(st.none() | TEXT)
    row = {"text": text, "spans": spans}
    return row if context is None else row | {"context": context}


@st.composite
def ranked(draw: st.DrawFn) -> dict[str, Any]:
    options = draw(st.lists(TEXT.filter(bool), min_size=2, max_size=4, unique=True))
    row: dict[str, Any] = {"question": draw(TEXT.filter(bool)), "options": options}
    if draw(st.booleans()):
        return row | {"best": draw(st.integers(0, len(options) - 1))}
    return row | {"ranks": [draw(st.integers(0, 3)) for _ in options]}


LABELLED = st.fixed_dictionaries({"text": TEXT.filter(bool), "label": LABEL})
CHANGED = st.fixed_dictionaries({"input": TEXT.filter(bool), "output": TEXT.filter(bool)})


@pytest.mark.parametrize(
    ("task", "row"),
    [
        (Classification(), LABELLED),
        (Extraction(), marked()),
        (Preference(), ranked()),
        (Transformation(), CHANGED),
    ],
    ids=["classification", "extraction", "preference", "transformation"],
)
@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=40, phases=[Phase.generate])
@given(data=st.data())
def test_rows_come_back_as_they_were(task: Task, row: Any, data: st.DataObject) -> None:
    rows = data.draw(st.lists(row, min_size=1, max_size=5))
    ids = data.draw(st.booleans())
    extra = data.draw(st.none() | st.lists(VALUE, min_size=len(rows), max_size=len(rows)))
    for number, one in enumerate(rows):
        if ids:
            one["id"] = f"row {number}"
        if extra is not None:
            one["extra"] = extra[number]
    before = Dataset.from_rows(rows, task)
    after = Dataset.from_hf(before.to_hf(), task)
    assert list(after) == list(before)
    assert after.fingerprint == before.fingerprint
    assert after.task == before.task


def test_labels_are_a_closed_set_in_the_order_of_the_task() -> None:
    task = Classification(["late", "praise", "spam"])
    table = Dataset.from_rows([{"text": "Thanks", "label": "praise"}], task).to_hf()
    assert table.features["label"] == datasets.ClassLabel(names=["late", "praise", "spam"])
    assert table[0] == {"text": "Thanks", "label": 1}


def test_spans_are_objects_with_a_label_of_a_closed_set() -> None:
    rows = [{"text": "none"}, {"text": "to Rome", "spans": [(3, 7, "city")], "context": "c"}]
    table = Dataset.from_rows(rows, Extraction(["person", "city"])).to_hf()
    label = table.features["spans"].feature["label"]
    assert label == datasets.ClassLabel(names=["person", "city"])
    assert table["spans"][1] == [{"start": 3, "end": 7, "label": 1}]
    # A field that the first row lacks isn't forgotten.
    assert table["context"][:] == [None, "c"]


def test_labels_that_the_task_does_not_know_are_kept() -> None:
    rows = [{"text": "a", "label": "x"}, {"text": "b", "label": "typo"}]
    task = Classification(["y", "x"])
    table = Dataset.from_rows(rows, task).to_hf()
    assert table.features["label"].names == ["y", "x", "typo"]
    assert [row.label for row in Dataset.from_hf(table, task)] == ["x", "typo"]


def test_spans_with_labels_as_texts_are_read() -> None:
    table = datasets.Dataset.from_list(
        [{"text": "to Rome", "spans": [{"start": 3, "end": 7, "label": "city"}]}]
    )
    [row] = Dataset.from_hf(table, Extraction())
    assert row.spans == (Span(3, 7, "city"),)


def test_no_rows_are_a_table_without_rows() -> None:
    data = Dataset.from_rows([{"text": "a", "label": "x"}], Classification())
    table = data.filter(lambda row: False).to_hf()
    assert (len(table), table.column_names) == (0, ["text", "label"])


# --- the hub --------------------------------------------------------------------------------------

SCRIPT = """
import json
from tunekit import Classification, Dataset, Extraction
from tunekit.errors import TunekitError

rows = [
    {"id": "1", "text": "to Rome", "spans": [(3, 7, "city")], "n": 1},
    {"id": "2", "text": "nobody", "spans": [], "n": [2]},
]
data = Dataset.from_rows(rows, Extraction(["person", "city"]))
said = {}
said["ref"] = data.push_to_hub("ada/spans")
said["more"] = data[:1].push_to_hub("ada/spans", split="test")
back = Dataset.from_hub("ada/spans", Extraction(["person", "city"]))
said["same"] = list(back) == list(data) and back.name == "ada/spans"
said["test"] = len(Dataset.from_hub("ada/spans", Extraction(), split="test"))
old = said["ref"].partition("@")[2]
said["revision"] = len(Dataset.from_hub("ada/spans", Extraction(), revision=old))
mapped = Dataset.from_hub("ada/lines", Classification(), columns={"text": "body"})
said["mapped"] = [mapped[0].text, mapped[0].label]

def refused(work):
    try:
        work()
    except TunekitError as error:
        return f"{type(error).__name__}: {error}"

said["public"] = refused(lambda: data.push_to_hub("ada/lines"))
said["split"] = refused(lambda: Dataset.from_hub("ada/spans", Extraction(), split="dev"))
said["missing"] = refused(lambda: Dataset.from_hub("ada/none", Extraction()))
said["reader"] = refused(lambda: data.push_to_hub("ada/other", token_env="READS"))
said["stranger"] = refused(
    lambda: Dataset.from_hub("ada/spans", Extraction(), split="test", token_env="STRANGER")
)
said["unset"] = refused(lambda: data.push_to_hub("ada/other", token_env="NOWHERE"))
print(json.dumps(said))
"""


def test_a_data_set_goes_there_and_comes_back(tmp_path: Path) -> None:
    tokens = {
        WRITER: User("ada"),
        "hf_reader": User("ada", role="read"),
        "hf_stranger": User("bob"),
    }
    with HubServer(tokens=tokens) as server:
        line = json.dumps({"body": "Thanks", "label": "praise"})
        server.put("ada/lines", {"train.jsonl": line}, kind="dataset")
        # In a process of its own: the library reads the address once, when it is imported.
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT],
            check=False,
            cwd=tmp_path,
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": os.pathsep.join(sys.path),
                "HOME": str(tmp_path),
                "HF_ENDPOINT": server.url,
                "HF_HUB_DISABLE_XET": "1",
                "HF_TOKEN": WRITER,
                "READS": "hf_reader",
                "STRANGER": "hf_stranger",
            },
            capture_output=True,
            text=True,
            timeout=200,
        )
        assert done.returncode == 0, done.stderr
        said = json.loads(done.stdout)
        private = {repo["id"]: repo["private"] for repo in server.repos()}
    assert private == {"ada/lines": False, "ada/spans": True}
    assert said["ref"].startswith("ada/spans@")
    assert said["ref"] != said["more"]
    assert (said["same"], said["test"], said["revision"]) == (True, 1, 2)
    assert said["mapped"] == ["Thanks", "praise"]
    assert said["public"].startswith("DataError: ada/lines is public")
    assert said["split"].startswith("DataError: ada/spans (dev) couldn't be read")
    assert said["missing"].startswith("DataError: ada/none (train) couldn't be read")
    assert said["reader"].startswith("DataError: ada/other (train) couldn't be pushed")
    assert said["stranger"].startswith("DataError: ada/spans (test) couldn't be read")
    assert said["unset"].startswith("AuthenticationFailed")
    told = json.dumps(said) + done.stderr
    assert not any(token in told for token in tokens)
    assert "Uploading" not in done.stderr
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert kept
    assert not any(token.encode() in path.read_bytes() for token in tokens for path in kept)


@pytest.mark.parametrize("name", ["", "rows", "./rows", "../rows", "a/b/c", "ada/rows@main"])
def test_what_is_no_name_of_a_data_set(name: str) -> None:
    with pytest.raises(InputError, match="no name of a data set"):
        Dataset.from_hub(name, Classification())
    data = Dataset.from_rows([{"text": "a", "label": "x"}], Classification())
    with pytest.raises(InputError, match="no name of a data set"):
        data.push_to_hub(name)


def test_a_folder_here_is_not_taken_for_a_data_set_there() -> None:
    Path("ada/rows").mkdir(parents=True)  # in the test's own working folder
    with pytest.raises(InputError, match="is a folder here as well"):
        Dataset.from_hub("ada/rows", Classification())


def test_a_column_that_an_older_library_has_no_form_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(datasets, "Json")
    rows = [{"text": "a", "label": "x", "n": 1}, {"text": "b", "label": "x", "n": "two"}]
    with pytest.raises(DataError, match="'n' has values of several kinds"):
        Dataset.from_rows(rows, Classification()).to_hf()
