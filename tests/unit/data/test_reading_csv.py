from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tunekit import Classification, Dataset, Extraction, Preference, Transformation
from tunekit.data.sources import RUN
from tunekit.errors import DataError, InputError

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def writing(content: str | bytes, name: str = "data.csv", encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    return writing


def pairs(data: Dataset) -> list[tuple[str, str]]:
    return [(row.text, row.label) for row in data]


def lines(data: Dataset) -> list[str]:
    return [data.place(line) for line, _ in data.numbered()]


def refused(path: Path, **options: Any) -> DataError:
    with pytest.raises(DataError) as caught:
        Dataset.read(path, Classification(), **options)
    return caught.value


def places(error: DataError) -> list[str | None]:
    return [finding.source for finding in error.findings]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(write: Write, delimiter: str) -> None:
    rows = [("text", "label"), ("one, two; three", "a"), ("x|y\tz", "b")]
    content = "\n".join(delimiter.join(f'"{cell}"' for cell in row) for row in rows)
    data = Dataset.read(write(content), Classification())
    assert pairs(data) == list(rows[1:])


def test_the_delimiter_is_the_one_that_brings_out_the_columns(write: Write) -> None:
    content = 'id,note;text;label\n1,2;"one, two";a\n3,4;five;b\n'
    assert pairs(Dataset.read(write(content), Classification())) == [
        ("one, two", "a"),
        ("five", "b"),
    ]


def test_a_delimiter_can_be_given(write: Write) -> None:
    path = write("text#label\na,b#x\nc#y\n")
    assert pairs(Dataset.read(path, Classification(), delimiter="#")) == [("a,b", "x"), ("c", "y")]


@pytest.mark.parametrize("delimiter", ["", ",,", '"', "\n", 5])
def test_what_cant_part_cells_is_refused(write: Write, delimiter: Any) -> None:
    with pytest.raises(InputError, match="delimiter"):
        Dataset.read(write("text,label\na,b\n"), Classification(), delimiter=delimiter)


@pytest.mark.parametrize("name", ["data.tsv", "data.TAB"])
def test_a_tsv_is_parted_by_tabs(write: Write, name: str) -> None:
    path = write("text\tlabel\none, two; three\tx\n", name)
    assert pairs(Dataset.read(path, Classification())) == [("one, two; three", "x")]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_lines_are_counted_through_quoted_line_ends(write: Write, end: str) -> None:
    rows = ["text,label", '"one', 'two"",', 'three",a', "", "four,b", '"five', 'six",c', "7,d"]
    data = Dataset.read(write(end.join(rows)), Classification())
    assert pairs(data) == [
        (f'one{end}two",{end}three', "a"),
        ("four", "b"),
        (f"five{end}six", "c"),
        ("7", "d"),
    ]
    assert lines(data) == ["data.csv:2", "data.csv:6", "data.csv:7", "data.csv:9"]


def test_a_byte_order_mark_is_no_text(write: Write) -> None:
    for header in ("text,label", '"text","label"'):
        data = Dataset.read(write(f"\ufeff{header}\n\ufeffa,b\n"), Classification())
        assert pairs(data) == [("\ufeffa", "b")]


def test_blank_lines_are_nothing(write: Write) -> None:
    data = Dataset.read(write("\n\r\ntext,label\n\n  \na,b\n\n\n"), Classification())
    assert pairs(data) == [("a", "b")]
    assert lines(data) == ["data.csv:6"]


def test_a_last_line_needs_no_end(write: Write) -> None:
    assert len(Dataset.read(write("text,label\na,b\nc,d"), Classification())) == 2


def test_ragged_rows_are_all_named(write: Write) -> None:
    error = refused(write("text,label\na,b\nonly\nc,d\n1,2,3\n"))
    assert places(error) == ["data.csv:3", "data.csv:5"]
    assert "1 cell where the header has 2" in error.findings[0].message
    assert "3 cells where the header has 2" in error.findings[1].message
    assert "2 of 4 records" in str(error)


def test_a_quote_that_is_never_closed_is_named_where_it_opens(write: Write) -> None:
    error = refused(write('text,label\na,b\n"open,c\nd,e\n'))
    assert places(error) == ["data.csv:3"]
    assert "closed nowhere" in str(error)


def test_a_broken_quote_costs_only_its_row(write: Write) -> None:
    path = write('text,label\na,b\n"one"two,c\n"x\ny",d\n"three" ,c\ne,f\n')
    error = refused(path)
    assert places(error) == ["data.csv:3", "data.csv:6"]
    data = Dataset.read(path, Classification(), on_error="skip")
    assert pairs(data) == [("a", "b"), ("x\ny", "d"), ("e", "f")]
    assert lines(data) == ["data.csv:2", "data.csv:4", "data.csv:7"]
    assert [finding.source for finding in data.misread] == places(error)


def test_bare_carriage_returns_are_named(write: Write) -> None:
    for content in ("text,label\ra,b\r", "text,label\na\rb,c\n"):
        assert "bare carriage return" in str(refused(write(content)))


def test_a_header_that_names_a_column_twice_is_refused(write: Write) -> None:
    error = refused(write("text,label,note,note\na,b,c,d\n"))
    assert "columns stand twice: 'note'" in str(error)


def test_columns_without_a_name_are_kept(write: Write) -> None:
    data = Dataset.read(write("text,label,,\na,b,c,d\n"), Classification())
    assert data[0].meta == (("column 3", "c"), ("column 4", "d"))


@pytest.mark.parametrize(
    ("content", "said"), [("", "is empty"), ("\n \n", "is empty"), ("text,label\n", "no rows")]
)
def test_a_file_without_rows_is_refused(write: Write, content: str, said: str) -> None:
    assert said in str(refused(write(content)))


def test_a_wrong_column_is_answered_with_those_there_are(write: Write) -> None:
    error = refused(write("Message,Class\na,b\n"), columns={"text": "Massage"})
    assert "no column 'Massage' (for text), 'label' (for label)" in str(error)
    assert "It has 'Message', 'Class'" in str(error)
    assert 'columns={"text": "…", "label": "…"}' in str(error)


def test_columns_are_mapped_and_the_others_kept(write: Write) -> None:
    path = write("Nr,Text,Contains PII?,lang\n1,hello,False,en\n")
    columns = {"text": "Text", "label": "Contains PII?", "id": "Nr"}
    (row,) = Dataset.read(path, Classification(), columns=columns)
    assert (row.id, row.text, row.label, row.meta) == ("1", "hello", "False", (("lang", "en"),))


def test_one_column_can_be_two_fields(write: Write) -> None:
    columns = {"input": "text", "output": "text"}
    (row,) = Dataset.read(write("text,note\na,b\n"), Transformation(), columns=columns)
    assert (row.input, row.output, row.meta) == ("a", "a", (("note", "b"),))


def test_several_columns_are_one_field(write: Write) -> None:
    path = write("Question,A,B,C,Best\nq,x,y,,2\nr,1,2,3,1\n")
    columns = {"question": "Question", "options": ["A", "B", "C"], "best": "Best"}
    data = Dataset.read(path, Preference(), columns=columns, best_from=1)
    assert [(row.options, row.best) for row in data] == [(("x", "y"), 1), (("1", "2", "3"), 0)]


@pytest.mark.parametrize(
    "columns", [{"texts": "a"}, {"text": 5}, {"text": []}, {"text": ["a", 1]}, {"text": None}]
)
def test_a_mapping_that_makes_no_sense_is_refused(write: Write, columns: Any) -> None:
    with pytest.raises(InputError, match="columns"):
        Dataset.read(write("text,label\na,b\n"), Classification(), columns=columns)


# --- encodings ------------------------------------------------------------------------------------


def test_a_nul_byte_is_named(write: Write) -> None:
    error = refused(write(b"text,label\na,b\nc\0d,e\nf,g\n"))
    assert places(error) == ["data.csv:3"]
    assert "NUL byte in column 2" in str(error)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf16_is_recognised_and_read_when_said(write: Write, encoding: str) -> None:
    content = 'text,label\n"ä\nĊ😀",x\nb,y\n'
    path = write(content, encoding=encoding)
    assert f"encoding='{encoding}'" in str(refused(path))
    data = Dataset.read(path, Classification(), encoding=encoding)
    assert pairs(data) == [("ä\nĊ😀", "x"), ("b", "y")]
    assert lines(data) == ["data.csv:2", "data.csv:4"]
    assert data[1].text == "b"


def test_utf16_without_a_mark_needs_its_byte_order(write: Write) -> None:
    path = write("text,label\na,b\n", encoding="utf-16-le")
    assert "encoding='utf-16-le'" in str(refused(path))
    assert "encoding='utf-16-le'" in str(refused(path, encoding="utf-16"))
    path = write("text,label\na,b\n", encoding="utf-16-be")
    assert "encoding='utf-16-be'" in str(refused(path))


def test_a_wrong_single_byte_encoding_is_no_way_around_utf16(write: Write) -> None:
    path = write("text,label\na,b\n", encoding="utf-16")
    assert "encoding='utf-16'" in str(refused(path, encoding="cp1252"))


def test_what_is_no_utf16_is_said(write: Write) -> None:
    error = refused(write(b"text,label\na,b\nx"), encoding="utf-16")
    assert "is no utf-16" in str(error)


def test_cp1252_is_named_with_line_and_column_and_read_when_said(write: Write) -> None:
    path = write("text,label\nfine,a\ngrün,b\nschön,c\n", encoding="cp1252")
    error = refused(path)
    assert places(error) == ["data.csv:3", "data.csv:4"]
    assert "byte 0xfc in column 3 is no utf-8" in error.findings[0].message
    assert "encoding='cp1252'" in error.findings[0].message
    data = Dataset.read(path, Classification(), encoding="cp1252")
    assert pairs(data) == [("fine", "a"), ("grün", "b"), ("schön", "c")]


def test_a_header_that_is_no_csv_is_said(write: Write) -> None:
    error = refused(write('"text,label\na,b\nc,d\n'))
    assert "data.csv:1: the quote that opens a cell here is closed nowhere" in str(error)


def test_a_damaged_header_is_said(write: Write) -> None:
    error = refused(write("text,läbel\na,b\n", encoding="cp1252"))
    assert "data.csv:1: byte 0xe4 in column 7" in str(error)


def test_a_damaged_line_of_a_long_cell_is_named_itself(write: Write) -> None:
    error = refused(write(b'text,label\n"one\ntw\xff\nthree",a\nb,c\n'))
    assert places(error) == ["data.csv:3"]


@pytest.mark.parametrize("damage", [b"\xff", b"\0"])
def test_every_damaged_line_is_named_however_far_apart(write: Write, damage: bytes) -> None:
    wrong = {5, 6, 200, 3 * RUN, 5000}
    rows = [b"a" + damage * (number in wrong) + b",b\n" for number in range(2, 6000)]
    path = write(b"text,label\n" + b"".join(rows))
    assert places(refused(path)) == [f"data.csv:{number}" for number in sorted(wrong)]
    assert len(Dataset.read(path, Classification(), on_error="skip")) == len(rows) - len(wrong)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "latin-1", "cp037", "shift_jis", "utf-32"])
def test_other_encodings_are_read(write: Write, encoding: str) -> None:
    path = write('text,label\n"a\nb",c\nd,e\n', encoding=encoding)
    data = Dataset.read(path, Classification(), encoding=encoding)
    assert pairs(data) == [("a\nb", "c"), ("d", "e")]


@pytest.mark.parametrize("encoding", ["utf8x", "", "hex", "a\0b"])
def test_an_unknown_encoding_is_refused(write: Write, encoding: str) -> None:
    with pytest.raises(InputError, match="is unknown"):
        Dataset.read(write("text,label\na,b\n"), Classification(), encoding=encoding)


# --- size -----------------------------------------------------------------------------------------


def test_a_cell_of_a_megabyte_is_a_cell(write: Write) -> None:
    huge = "long text, " * 100_000
    data = Dataset.read(write(f'text,label\n"{huge}",a\nb,c\n'), Classification())
    assert pairs(data) == [(huge, "a"), ("b", "c")]


def test_a_quote_is_not_followed_through_any_file(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    import csv

    before = csv.field_size_limit(1000)
    monkeypatch.setattr("tunekit.data.text.CELL_LIMIT", 1000)
    try:
        error = refused(write('text,label\n"' + "open\n" * 1000 + "a,b\n"))
    finally:
        csv.field_size_limit(before)
    assert "over 1,000 characters" in str(error)
    assert error.findings[0].source == "data.csv:2"


def test_many_errors_are_all_there_and_twenty_are_shown(write: Write) -> None:
    rows = "".join(f"{number}\n" for number in range(50))
    error = refused(write("text,label\na,b\n" + rows))
    assert len(error.findings) == 50
    assert "and 30 more" in str(error)
    assert len(str(error).splitlines()) == 22


PIECES = [*'ab,;" |\t', "\n", "\r\n", "ü", "😀", "\u2028", "\x85", "\x1c"]
CELL = st.lists(st.sampled_from(PIECES), max_size=8).map("".join)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(CELL, CELL), min_size=1, max_size=3 * RUN))
def test_whatever_csv_writes_is_read(tmp_path: Path, rows: list[tuple[str, str]]) -> None:
    import csv

    path = tmp_path / "any.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        writer.writerow(["text", "label"])
        writer.writerows(rows)
    data = Dataset.read(path, Classification(), delimiter=",")
    assert pairs(data) == rows
    content = path.read_bytes().split(b"\n")
    for (line, row), place in zip(data.numbered(), range(len(rows)), strict=True):
        assert data[place] == row
        assert content[line - 1].decode().startswith('"')


# --- what is written is what is read --------------------------------------------------------------

ODD = ["yes", "no", "True", "1", "007", "1.0", "1e5", "NaN", "null", "-", "", " x ", "2026-01-31"]


@pytest.mark.parametrize("name", ["data.csv", "data.tsv"])
def test_cells_stay_texts(write: Write, name: str) -> None:
    delimiter = "\t" if name.endswith("tsv") else ","
    content = f"text{delimiter}label\n" + "".join(f"{one}{delimiter}{one}\n" for one in ODD)
    data = Dataset.read(write(content, name), Classification())
    assert pairs(data) == [(one, one) for one in ODD]
    assert data.task.labels == tuple(sorted(ODD))


# --- the tables of the lecture --------------------------------------------------------------------


@pytest.mark.shared
def test_the_lectures_labels_are_read(shared: Path) -> None:
    columns = {"text": "Text", "label": "Contains PII?"}
    data = Dataset.read(
        shared / "seed" / "classification_pii.csv", Classification(), columns=columns
    )
    assert dict(data.label_counts) == {"True": 7, "False": 3}
    assert data[5].text == "My social security number is 123-45-6789."
    assert data.check().errors == ()


@pytest.mark.shared
def test_the_lectures_preferences_are_read(shared: Path) -> None:
    columns = {
        "question": "Question",
        "options": ["Option 1", "Option 2", "Option 3"],
        "best": "Best Fit",
    }
    data = Dataset.read(
        shared / "seed" / "preference_best_fit.csv", Preference(), columns=columns, best_from=1
    )
    assert [row.options[row.best] for row in data] == [
        "Paris",
        "Take the train",
        "That depends.",
        "A suit or formal dress",
        "Practice regularly",
    ]
    assert data.check().errors == ()


@pytest.mark.shared
def test_the_lectures_spans_come_in_and_are_found_to_be_dirty(shared: Path) -> None:
    columns = {
        "text": "Text",
        "label": "PII Type",
        "start": "Start Position",
        "end": "End Position",
    }
    path = shared / "seed" / "extraction_pii_spans.csv"
    data = Dataset.read(path, Extraction(), columns=columns)
    assert data.misread == ()
    assert [len(row.spans) for row in data] == [1] * 8 + [0] * 2
    found = data.check()
    assert {finding.row for finding in found.of_rows} == set(range(8))
    assert found[0].source == "extraction_pii_spans.csv:2"
    assert found.errors == ()
    assert {change.row for change in data.fix().changes} == {2, 4, 5, 6}
    inclusive = Dataset.read(path, Extraction(), columns=columns, ends="inclusive")
    right = [row.text[row.spans[0].start : row.spans[0].end] for row in inclusive if row.spans]
    assert right[2] == "(555) 123-4567"
    assert right[5] == "January 1, 1990"
    assert right[6] == "ABC123456"
