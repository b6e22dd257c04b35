"""Texts that were damaged, and characters that nobody sees."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunekit import Classification, Dataset, Extraction, Preference, Transformation
from tunekit.findings import Finding
from tunekit.tasks.base import Task

#: Texts that are odd and right.
CLEAN = [
    "Kündigung bitte, schnell!",
    "„Straße“ – ‚Gasse‘ … 5 € für 3 m²",
    "naïve café, garçon; Œuvre, cœur",
    "Привіт, як справи?",
    "مرحبا بالعالم",
    "日本語のテキスト",
    "👩‍👩‍👧 family 🙏🏽",
    "tab\there\r\nand a line",
    "À bientôt, où êtes-vous ?",
    "SÃO PAULO",
    "",
]


def data(*texts: str) -> Dataset:
    return Dataset.from_rows(
        [{"text": text, "label": "ab"[n % 2]} for n, text in enumerate(texts)], Classification()
    )


def found(texts: Dataset) -> list[Finding]:
    every = texts.check(near_duplicates=False).of_rows
    return [one for one in every if one.code not in ("empty-text", "repeated-row")]


def test_clean_texts_are_silent() -> None:
    assert found(data(*CLEAN)) == []


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Die Kündigung für Müller", "cp1252"),
        ("Die Kündigung für Müller", "latin-1"),
        ("it’s a „quote“", "cp1252"),
        ("Straße", "latin-1"),  # with a control character in it
        ("À la carte", "cp1252"),
        ("Привіт, як справи?", "cp1251"),
        ("naïve café", "mac-roman"),
        ("5 € für 3", "cp1252"),
    ],
)
def test_what_was_read_in_a_wrong_encoding_is_found(text: str, encoding: str) -> None:
    garbled = text.encode().decode(encoding)
    every = found(data(*CLEAN, garbled, *CLEAN))
    (damaged,) = (one for one in every if one.code == "damaged-encoding")
    assert (damaged.severity, damaged.row, damaged.field) == ("warning", len(CLEAN), "text")
    assert damaged.suggestion == f"It was probably {text!r}. data.fix() writes it so."
    # The controls that a wrong encoding leaves behind are no finding of their own.
    assert {one.code for one in every} == {"damaged-encoding"}


@given(st.text("aeäöüßéñ„“–€’ à", min_size=1), st.sampled_from(["cp1252", "latin-1", "cp1251"]))
def test_whatever_ftfy_would_repair_is_found(text: str, encoding: str) -> None:
    from ftfy import fix_encoding

    garbled = text.encode().decode(encoding, "replace").replace("\ufffd", "")
    if fix_encoding(garbled) != garbled:
        assert "damaged-encoding" in {one.code for one in found(data("a", garbled))}
    else:
        assert "damaged-encoding" not in {one.code for one in found(data("a", garbled))}


def test_a_long_text_is_not_told_as_a_whole() -> None:
    garbled = f"{'x' * 5000} Kündigung {'y' * 5000}".encode().decode("cp1252")
    (damaged,) = found(data(garbled))
    assert "'xxxxx" in damaged.message
    assert "Kündigung" in (damaged.suggestion or "")
    assert len(str(damaged)) < 300


def test_replacement_characters_are_found() -> None:
    (lost,) = found(data(*CLEAN, "K\ufffdndigung f\ufffdr"))
    assert (lost.code, lost.severity, lost.row) == ("replacement-character", "warning", len(CLEAN))
    assert "2 replacement characters (U+FFFD), the first at character 1" in lost.message


def test_a_byte_order_mark_inside_a_text_is_found() -> None:
    (mark,) = found(data("x", "a\ufeffb"))
    assert (mark.code, mark.severity, mark.row) == ("byte-order-mark", "warning", 1)
    assert "character 1" in mark.message


@pytest.mark.parametrize("odd", ["\x00", "\x07", "\x0b", "\x1b", "\x7f", "\x81"])
def test_control_characters_are_found(odd: str) -> None:
    (control,) = found(data("x", f"ab{odd}c{odd}"))
    assert (control.code, control.severity, control.row) == ("control-characters", "warning", 1)
    assert f"2 control characters (U+{ord(odd):04X}), the first at character 2" in control.message
    assert odd not in str(control)


def test_outer_space_is_told_once_for_the_set() -> None:
    result = data("a ", "b", "\tc", "d\n", "e", " ").check()
    (space,) = (one for one in result if one.code == "outer-space")
    assert (space.severity, space.row, space.field) == ("info", None, "text")
    assert "3 texts begin or end" in space.message


@pytest.mark.parametrize(
    ("task", "row", "fields"),
    [
        (Classification(), {"text": "\x07", "label": "a"}, ["text"]),
        (Extraction(), {"text": "x\x07", "context": "y\x07", "spans": []}, ["text", "context"]),
        (Transformation(), {"input": "x\x07", "output": "y\x07"}, ["input", "output"]),
        (
            Preference(),
            {"question": "x\x07", "options": ["a", "b\x07"], "best": 0, "context": "c\x07"},
            ["question", "options", "context"],
        ),
    ],
)
def test_every_text_of_every_task_is_looked_at(
    task: Task, row: dict[str, Any], fields: list[str]
) -> None:
    every = Dataset.from_rows([row], task).check()
    assert [one.field for one in every if one.code == "control-characters"] == fields


# --- normal form ----------------------------------------------------------------------------------

DECOMPOSED = unicodedata.normalize("NFD", "schön")


def test_a_text_that_is_not_in_normal_form_is_found() -> None:
    result = data("schön", DECOMPOSED, "plain").check()
    (form,) = (one for one in result if one.code == "non-nfc")
    assert (form.severity, form.row, form.field) == ("info", 1, "text")
    assert "from character 3 on it has U+006F U+0308" in form.message
    assert form.suggestion == "In NFC that is U+00F6. data.fix() writes it so."
    assert result.figures["non_nfc_rows"] == 1


def test_a_label_counts_too_and_a_row_once() -> None:
    rows = [
        {"text": DECOMPOSED, "label": DECOMPOSED},
        {"text": "x", "label": DECOMPOSED},
        {"text": "x", "label": "schön", "note": DECOMPOSED, "id": DECOMPOSED},
    ]
    result = Dataset.from_rows(rows, Classification()).check()
    forms = [(one.row, one.field) for one in result if one.code == "non-nfc"]
    assert forms == [(0, "text"), (0, "label"), (1, "label")]
    assert result.figures["non_nfc_rows"] == 2
    spans = Dataset.from_rows([{"text": "x", "spans": [(0, 1, DECOMPOSED)]}], Extraction()).check()
    assert spans.figures["non_nfc_rows"] == 1


@pytest.mark.soak
@given(st.lists(st.text(), min_size=1, max_size=40))
def test_rows_are_counted_as_unicodedata_has_it(texts: list[str]) -> None:
    result = data(*texts).check(near_duplicates=False)
    wanted = [unicodedata.normalize("NFC", text) != text for text in texts]
    assert result.figures["non_nfc_rows"] == sum(wanted)
    assert [one.row for one in result if one.code == "non-nfc"] == [
        row for row, changed in enumerate(wanted) if changed
    ]


def test_what_is_said_to_be_mended_is() -> None:
    damaged = "Die Kündigung für Müller".encode().decode("cp1252")
    dirty = data("plain", damaged, "a\ufeffb", DECOMPOSED, "K\ufffdndigung", "bell\x07")
    every = found(dirty)
    promised = {one.code for one in every if "data.fix()" in (one.suggestion or "")}
    assert promised == {"damaged-encoding", "byte-order-mark", "non-nfc"}
    left = {one.code for one in found(dirty.fix().data)}
    assert left == {"replacement-character", "control-characters"}
