"""A comparison in a terminal."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from rich.cells import cell_len
from rich.console import Console

import tunekit
from tunekit import Classification, Dataset, Model
from tunekit.shapes import Failure, Weights

DATA = Dataset.from_rows([{"text": f"row {n}", "label": "ab"[n % 2]} for n in range(40)],
                         Classification())  # fmt: skip


def test_it_shows_models_differences_and_rows(told: Callable[..., Model]) -> None:
    good = {row.text: row.label for row in DATA}
    bad = good | {f"row {n}": "c" for n in range(10)} | {"row 39": Failure("timeout", "too late")}
    models = {"tuned": told(DATA.task, good), "base": told(DATA.task, bad, kind="zero-shot")}
    text = str(tunekit.compare(DATA, models))
    assert "Comparison · 40 rows of rows" in text
    assert "Did it help? Yes: “tuned” is better than “base”" in " ".join(text.split())
    assert "tuned - base" in text and "+0.275" in text and "11/0" in text
    assert "Rows that not all get right: 6 of 11" in text
    assert "pretrained," in text and "zero-shot" in text
    assert max(cell_len(line) for line in text.splitlines()) <= 100


def test_models_that_get_the_same_rows_right_show_none(told: Callable[..., Model]) -> None:
    good = {row.text: row.label for row in DATA}
    text = str(tunekit.compare(DATA, {"a": told(DATA.task, good), "b": told(DATA.task, good)}))
    assert "Rows that" not in text and "insufficient evidence" in text


@pytest.mark.parametrize("width", [60, 100, 200])
def test_names_and_answers_are_no_markup_and_no_control_sequence(
    told: Callable[..., Model], width: int
) -> None:
    rows = [{"text": f"\x1b[31m[red]{n}[/red]", "label": f"[b]{n % 2}[/b]"} for n in range(8)]
    data = Dataset.from_rows(rows, Classification())
    said = {row.text: Weights((("[/]\x1b]0;title\x07", 1.0),)) for row in data}
    right = {row.text: row.label for row in data}
    found = tunekit.compare(
        data,
        {
            "[bold]a[/bold] " + "long " * 30 + "x": told(data.task, said),
            "b": told(data.task, right),
        },
    )
    out = io.StringIO()
    Console(file=out, width=width, force_terminal=False).print(found)
    assert "[bold]a[/bold]" in out.getvalue() and "\x1b" not in out.getvalue()
    assert max(cell_len(line) for line in out.getvalue().splitlines()) <= width
