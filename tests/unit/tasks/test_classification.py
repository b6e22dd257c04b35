from __future__ import annotations

from typing import Any

import pytest

from tunekit import Classification, ClassificationRow, Dataset, Label
from tunekit.errors import InputError
from tunekit.shapes import Failure, Passage, Said, Shape, Weights


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ("abc", "list of texts"),
        (5, "list of texts"),
        (["a", "a"], "stand twice: 'a'"),
        ([1, 2], "valid string"),
    ],
)
def test_labels_are_a_list_of_different_texts(labels: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        Classification(labels)


@pytest.mark.parametrize("descriptions", ["text", 5, [("a",)]])
def test_descriptions_are_a_mapping(descriptions: Any) -> None:
    with pytest.raises(InputError, match="descriptions"):
        Classification(["a", "b"], descriptions)


def test_a_description_is_for_a_label_of_the_set() -> None:
    with pytest.raises(InputError, match=r"description for 'prais'. Did you mean 'praise'\?"):
        Classification(["praise", "complaint"], {"prais": "says thanks"})


def test_the_prompt_has_all_labels_with_their_descriptions() -> None:
    prompt = Classification(["yes", "no"], {"no": "refuses"}, "Does the text agree?").prompt()
    assert prompt.system.splitlines()[0] == "Does the text agree?"
    assert prompt.system.splitlines()[-2:] == ["- yes", "- no: refuses"]


def test_labels_come_from_the_data_unless_they_are_given() -> None:
    rows = [{"text": "x", "label": "b"}, {"text": "y", "label": "a"}]
    assert Dataset.from_rows(rows, Classification()).task.labels == ("a", "b")
    closed = Dataset.from_rows(rows, Classification(["a", "b", "c"]))
    assert closed.task.labels == ("a", "b", "c")


def test_probabilities_are_ranked() -> None:
    task = Classification(["a", "b"])
    weights = Weights((("a", 0.25), ("b", 0.75)))
    assert task.parse(Passage("x"), weights, Shape.LABELLED) == Label(
        "b", 0.75, {"b": 0.75, "a": 0.25}
    )
    said = Said("a", (("b", 0.4), ("a", 0.6)))
    assert task.parse(Passage("x"), said, Shape.CHAT) == Label("a", 0.6, {"a": 0.6, "b": 0.4})
    assert task.parse(Passage("x"), Said("a"), Shape.CHAT) == Label("a", None, None)


def test_an_answer_that_is_no_label_is_a_failure() -> None:
    task = Classification(["yes", "no"])
    answer = task.parse(Passage("x"), Said("Yes."), Shape.CHAT)
    assert isinstance(answer, Failure)
    assert answer.code == "label-outside-set"


@pytest.mark.parametrize("value", [5, None, {"label": "x"}, ["x"]])
def test_anything_but_a_text_is_refused(value: Any) -> None:
    with pytest.raises(InputError):
        Classification().ask(value)


def test_a_field_too_many_is_refused() -> None:
    with pytest.raises(InputError, match="'context'"):
        Classification().ask("x", context="y")
    with pytest.raises(InputError, match="'label'"):
        Classification().ask({"text": "x", "label": "y"})


def codes(task: Classification, **row: str) -> list[str]:
    return [finding.code for finding in task.findings(ClassificationRow(**row))]  # type: ignore[arg-type]


def test_what_is_wrong_with_a_row() -> None:
    task = Classification(["a", "b"])
    assert codes(task, text="fine", label="a") == []
    assert codes(task, text=" \n", label="a") == ["empty-text"]
    assert codes(task, text="x", label="c") == ["label-outside-set"]
    assert codes(task, text="x", label="") == ["empty-label"]
    assert codes(task, text="x", label=" \t") == ["empty-label"]
    assert codes(Classification(), text="x", label=" a") == ["label-outer-space"]
    assert codes(task, text="x", label="a ") == ["label-outer-space", "label-outside-set"]


def test_a_label_is_written_without_white_space_around() -> None:
    def mended(label: str, labels: list[str] | None = None) -> str:
        row = ClassificationRow(text="x", label=label)
        task = Classification(labels)
        after = task.mend(row, task.mends)
        assert (after is row) == (after.label == label)
        return after.label

    assert mended(" a b\n") == "a b"
    assert mended("e\u0301") == "é"
    assert mended("") == "" and mended(" ") == " "
    # What a caller declared is meant, and nothing else is.
    assert mended(" a", [" a", "b"]) == " a"
    assert mended(" a", [" a", "a"]) == " a"
    assert mended(" a", ["a", "b"]) == "a"
    assert mended(" c", ["a", "b"]) == " c"
    row = ClassificationRow(text="x", label=" a")
    assert Classification().mend(row, frozenset({"non-nfc"})) is row


def test_a_label_set_after_mending() -> None:
    def after(labels: list[str], gone: set[str], come: set[str]) -> tuple[str, ...] | None:
        return Classification(labels).relabel(frozenset(gone), frozenset(come)).labels

    assert after(["b", " a"], {" a"}, {"a"}) == ("a", "b")
    assert after(["b", " a", "a"], {" a"}, {"a"}) == ("a", "b")
    assert after(["b", " a"], set(), {"a"}) == (" a", "a", "b")
    assert after(["b", "a"], set(), {"a"}) == ("b", "a")
    assert Classification().relabel(frozenset({"a"}), frozenset({"b"})).labels is None


def test_texts_are_read_and_rewritten() -> None:
    row = ClassificationRow(id="7", text="a", label="b", meta=(("m", 1),))
    assert list(Classification().texts(row)) == [("text", "a")]
    assert Classification().retext(row, str.upper) == ClassificationRow(
        id="7", text="A", label="b", meta=(("m", 1),)
    )


def test_what_is_wrong_with_a_set() -> None:
    task = Classification()
    assert [one.code for one in task.set_findings({})] == ["one-class"]
    (only,) = task.set_findings({"a": 5})
    assert (only.code, only.severity) == ("one-class", "error")
    assert "only 'a'" in only.message
    (single,) = task.set_findings({"a": 5, "b": 1})
    assert (single.code, single.severity) == ("single-row-class", "error")
    assert "'b'" in single.message
