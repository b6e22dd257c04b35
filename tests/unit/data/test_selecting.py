"""Laziness: what is kept of a source, and how rows are found again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tunekit import Classification, Dataset, Extraction
from tunekit.data.sources import RUN
from tunekit.errors import DataChanged, DataError, InputError

COUNT = 3 * RUN + 7


def csv_file(folder: Path, count: int) -> Path:
    path = folder / "rows.csv"
    # Every fifth row takes two lines, every seventh is followed by a blank one.
    rows = (
        f'"row {n}{chr(10) if n % 5 == 0 else ""}",{"xyz"[n % 3]}\n{chr(10) * (n % 7 == 0)}'
        for n in range(count)
    )
    path.write_text("text,label\n" + "".join(rows), encoding="utf-8")
    return path


def jsonl_file(folder: Path, count: int) -> Path:
    path = folder / "rows.jsonl"
    rows = (json.dumps({"text": f"row {n}", "label": "xyz"[n % 3]}) for n in range(count))
    path.write_text("\n\n".join(rows), encoding="utf-8")
    return path


def json_file(folder: Path, count: int) -> Path:
    path = folder / "rows.json"
    rows = [{"text": f"row {n}", "label": "xyz"[n % 3]} for n in range(count)]
    path.write_text(json.dumps(rows), encoding="utf-8")
    return path


def from_csv(folder: Path, count: int) -> Dataset:
    return Dataset.read(csv_file(folder, count), Classification())


def from_utf16(folder: Path, count: int) -> Dataset:
    text = csv_file(folder, count).read_text(encoding="utf-8")
    (folder / "wide.csv").write_text(text, encoding="utf-16", newline="")
    return Dataset.read(folder / "wide.csv", Classification(), encoding="utf-16")


def from_jsonl(folder: Path, count: int) -> Dataset:
    return Dataset.read(jsonl_file(folder, count), Classification())


def from_json(folder: Path, count: int) -> Dataset:
    return Dataset.read(json_file(folder, count), Classification())


def from_memory(folder: Path, count: int) -> Dataset:
    rows = [{"text": f"row {n}", "label": "xyz"[n % 3]} for n in range(count)]
    return Dataset.from_rows(rows, Classification())


Make = Callable[[Path, int], Dataset]
EVERY_SOURCE = pytest.mark.parametrize(
    "make", [from_csv, from_utf16, from_jsonl, from_json, from_memory]
)


def numbers(data: Any) -> list[int]:
    return [int(row.text.split()[1]) for row in data]


@EVERY_SOURCE
@pytest.mark.parametrize("count", [1, RUN - 1, RUN, RUN + 1, 2 * RUN, COUNT])
def test_every_row_is_found_again(tmp_path: Path, make: Make, count: int) -> None:
    data = make(tmp_path, count)
    assert len(data) == count
    assert numbers(data) == list(range(count))
    assert numbers(data) == list(range(count))
    assert [numbers([data[at]]) for at in range(count)] == [[at] for at in range(count)]
    assert numbers([data[-1], data[-count]]) == [count - 1, 0]


@EVERY_SOURCE
def test_slices_are_data_sets(tmp_path: Path, make: Make) -> None:
    data = make(tmp_path, COUNT)
    everything = list(range(COUNT))
    for part in (slice(5), slice(-5, None), slice(3, 60, 7), slice(None, None, -1), slice(9, 9)):
        assert numbers(data[part]) == everything[part]
        assert data[part].task is data.task
    assert numbers(data[10:90][5:][::2]) == everything[10:90][5:][::2]


@pytest.mark.parametrize("index", [COUNT, -COUNT - 1])
def test_beyond_the_end_is_an_index_error(tmp_path: Path, index: int) -> None:
    data = from_csv(tmp_path, COUNT)
    with pytest.raises(IndexError):
        data[index]
    with pytest.raises(IndexError):
        data[: COUNT - 1][index]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(picked=st.lists(st.integers(0, COUNT - 1), max_size=30))
@pytest.mark.parametrize("make", [from_csv, from_jsonl, from_json])
def test_any_order_of_positions_is_read(tmp_path: Path, make: Make, picked: list[int]) -> None:
    path = tmp_path / f"{make.__name__}"
    if not path.exists():
        path.mkdir()
    data = make(path, COUNT)
    assert numbers(data._select(picked)) == picked


@EVERY_SOURCE
def test_selections_compose(tmp_path: Path, make: Make) -> None:
    data = make(tmp_path, COUNT)
    even = data.filter(lambda row: numbers([row])[0] % 2 == 0)
    assert numbers(even) == list(range(0, COUNT, 2))
    train, test = even.split(test=0.25, seed=3)
    assert sorted(numbers(train) + numbers(test)) == numbers(even)
    some = train.sample(10, seed=1)
    assert set(numbers(some)) < set(numbers(train))
    assert numbers(some) == sorted(numbers(some))
    assert numbers(some[2:4]) == numbers(some)[2:4]
    assert numbers([some[-1]]) == numbers(some)[-1:]
    assert some.task is data.task
    assert sum(some.label_counts.values()) == 10


def test_lines_go_with_their_rows(tmp_path: Path) -> None:
    data = from_csv(tmp_path, COUNT)
    lines = (tmp_path / "rows.csv").read_text(encoding="utf-8").split("\n")
    for part in (data, data[::-1], data.sample(20), data.filter(lambda row: row.label == "x")):
        for line, row in part.numbered():
            assert lines[line - 1].removeprefix('"').startswith(row.text.rstrip("\n"))


def test_what_was_skipped_stays_skipped(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    rows = [f"row {n},x" if n % 3 else "ragged" for n in range(COUNT)]
    path.write_text("\n".join(["text,label", *rows]), encoding="utf-8")
    data = Dataset.read(path, Classification(), on_error="skip")
    good = [n for n in range(COUNT) if n % 3]
    assert numbers(data) == good
    assert [numbers([data[at]])[0] for at in range(len(data))] == good
    assert len(data.misread) == COUNT - len(good)


def test_grouped_rows_are_found_again(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    lines = ["id,text,label,start,end"]
    for number in range(COUNT):
        for span in range(number % 4):
            lines.append(f"{number},row {number} abcdef,x,{span},{span + 2}")
        if number % 4 == 0:
            lines.append(f"{number},row {number} abcdef,,-,-")
    path.write_text("\n".join(lines), encoding="utf-8")
    data = Dataset.read(path, Extraction())
    assert numbers(data) == list(range(COUNT))
    for at in range(COUNT):
        assert numbers([data[at]]) == [at]
        assert len(data[at].spans) == at % 4
    assert numbers(data[::-3]) == list(range(COUNT))[::-3]


# --- a source that changes ------------------------------------------------------------------------


@pytest.mark.parametrize("make", [from_csv, from_jsonl, from_json])
def test_a_changed_file_is_noticed(tmp_path: Path, make: Make) -> None:
    data = make(tmp_path, COUNT)
    (path,) = tmp_path.iterdir()
    before = path.stat()
    path.write_text(path.read_text(encoding="utf-8") + " ", encoding="utf-8")
    for use in (list, lambda some: some[0], lambda some: some.split(), lambda some: some[3:][0]):
        with pytest.raises(DataChanged, match="changed after it was read"):
            use(data)
    assert path.stat().st_size != before.st_size


def test_a_replaced_file_is_noticed_though_size_and_time_are_the_same(tmp_path: Path) -> None:
    data = from_csv(tmp_path, 3)
    path = tmp_path / "rows.csv"
    stat = path.stat()
    other = tmp_path / "other"
    other.write_bytes(path.read_bytes().replace(b"row", b"rew"))
    os.utime(other, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    other.replace(path)
    with pytest.raises(DataChanged):
        list(data)


def test_a_file_that_is_gone_is_noticed(tmp_path: Path) -> None:
    data = from_csv(tmp_path, 3)
    (tmp_path / "rows.csv").unlink()
    with pytest.raises(DataChanged, match="is gone"):
        list(data)


def test_a_file_that_changes_while_it_is_read_is_noticed(tmp_path: Path) -> None:
    data = from_csv(tmp_path, COUNT)
    rows = iter(data)
    next(rows)
    os.utime(tmp_path / "rows.csv", ns=(0, 0))
    with pytest.raises(DataChanged):
        list(rows)


def test_rows_in_memory_are_the_data_sets_own() -> None:
    given: list[dict[str, Any]] = [{"text": "ab", "spans": [[0, 1, "x"]]}]
    data = Dataset.from_rows(given, Extraction())
    given[0]["text"] = "other"
    given[0]["spans"].append([1, 2, "y"])
    given.clear()
    assert [(row.text, len(row.spans)) for row in data] == [("ab", 1)]


def test_rows_come_back_as_they_were_given() -> None:
    mapping = {"id": "i", "text": "t", "label": "l", "extra": [1]}
    rows = [*from_memory(Path(), 3), *Dataset.from_rows([mapping], Classification())]
    tricky = type(rows[0])(text="t", label="l", meta=(("text", "other"), ("label", "meta")))
    again = Dataset.from_rows([*rows, tricky], Classification())
    assert list(again) == [*rows, tricky]
    assert again[3].id == "i"
    assert again[3].get("extra") == (1,)


def test_rows_that_are_none_are_all_named() -> None:
    rows: list[Any] = [
        {"text": "a", "label": "b"},
        "text",
        {"text": "a"},
        {"text": 1.5, "label": "x"},
    ]
    with pytest.raises(DataError) as caught:
        Dataset.from_rows(rows, Classification())
    assert [one.source for one in caught.value.findings] == ["rows[1]", "rows[2]", "rows[3]"]


@pytest.mark.parametrize(
    "row",
    [
        {"text": "half \ud800", "label": "x"},
        {"text": "x", "label": "x", "note": "half \udc00"},
        {"text": "x", "label": "x", "note": 2**70},
    ],
)
def test_what_no_file_could_hold_is_no_row(row: dict[str, Any]) -> None:
    with pytest.raises(DataError, match=r"rows\[0\]: can't be written as JSON"):
        Dataset.from_rows([row], Classification())


def test_no_rows_are_refused() -> None:
    with pytest.raises(DataError, match="no rows"):
        Dataset.from_rows([], Classification())


# --- columns --------------------------------------------------------------------------------------


def test_columns_are_fields_or_meta() -> None:
    rows = [{"text": "a", "label": "x", "n": 1}, {"text": "b", "label": "y", "id": "7"}]
    data = Dataset.from_rows(rows, Classification())
    assert data.column("label") == ["x", "y"]
    assert data.column("n") == [1, None]
    assert data.column("id")[1] == "7"
    with pytest.raises(InputError, match=r"no column 'lable'.* Did you mean 'label'"):
        data.column("lable")
    for name in ("meta", "given_id"):
        with pytest.raises(InputError):
            data.column(name)


def test_a_task_of_the_same_kind_can_be_put_over_rows() -> None:
    data = from_memory(Path(), 3)
    closed = data.with_task(Classification(["x", "y"]))
    assert [one.code for one in closed.check()] == ["label-outside-set"] + ["single-row-class"] * 3
    with pytest.raises(InputError, match="can't be read as extraction"):
        data.with_task(Extraction())


# --- memory ---------------------------------------------------------------------------------------

PEAK = """
import resource, sys
from tunekit import Classification, Dataset
data = Dataset.read(sys.argv[1], Classification())
for row in data: pass
train, test = data.split(test=0.1)
test[len(test) - 1]
data.to("openai-chat", sys.argv[1] + ".out")
print(len(data), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def peak(path: Path) -> int:
    done = subprocess.run(
        [sys.executable, "-c", PEAK, str(path)], capture_output=True, text=True, check=True
    )
    return int(done.stdout.split()[1])


@pytest.mark.soak
def test_a_million_rows_take_little_more_memory_than_a_tenth(tmp_path: Path) -> None:
    pytest.importorskip(
        "resource", reason="memory is measured with the standard library's resource"
    )
    peaks = []
    for count in (100_000, 1_000_000):
        path = tmp_path / f"{count}.csv"
        with path.open("w", encoding="utf-8") as file:
            file.write("text,label\n")
            file.writelines(f'"message {n}, with some words",{n % 50}\n' for n in range(count))
        peaks.append(peak(path))
    unit = 1 << 10 if sys.platform != "darwin" else 1 << 20
    # Positions and hashes of a million rows to split are 30 MB; the rows are over 300.
    assert (peaks[1] - peaks[0]) * 1024 / unit < 100 * 1024
