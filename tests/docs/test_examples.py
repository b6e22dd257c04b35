"""Every Python block of the README and of docs/ runs, page by page, in order.

Blocks of a page share their names, as a reader would expect. A page that shows a real model says
``<!-- needs: minilm -->`` or ``smollm2``, with commas between them; it is skipped visibly where the
weights can't be had. A language model takes a minute and more: its pages are long tests.
"""

from __future__ import annotations

import csv
import doctest
import importlib
import pkgutil
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from pytest_examples import CodeExample, find_examples

import tunekit

ROOT = Path(__file__).resolve().parents[2]
#: Pages that take most of a minute.
LONG = ("hf-jobs", "take-it-along")
NEEDS = re.compile(r"<!-- needs: ([a-z0-9_, ]+) -->")


def _pages() -> list[Any]:
    pages: dict[Path, list[CodeExample]] = {}
    for example in find_examples(str(ROOT / "README.md"), str(ROOT / "docs")):
        pages.setdefault(example.path, []).append(example)
    params = []
    for path, examples in sorted(pages.items()):
        found = NEEDS.search(path.read_text(encoding="utf-8"))
        needs = [name.strip() for name in found.group(1).split(",")] if found else []
        marks = [pytest.mark.torch] if {"minilm", "smollm2"} & set(needs) else []
        if "smollm2" in needs or path.stem in LONG:
            marks.append(pytest.mark.soak)
        name = path.relative_to(ROOT).as_posix()
        params.append(pytest.param(examples, needs, id=name, marks=marks))
    return params


@pytest.fixture
def reader(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a reader stands who has cloned the repository: its examples are at hand, of the longest
    table every tenth row, since a page is run for what it does, not for its figures. What a page
    puts on the path is gone after it."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    here = Path.cwd()
    shutil.copytree(ROOT / "examples" / "data", here / "examples" / "data")
    table = here / "examples" / "data" / "insurer_messages.csv"
    with table.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    with table.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows[::10]])
    return here


@pytest.mark.parametrize(("examples", "needs"), _pages())
def test_page_runs(
    examples: list[CodeExample],
    needs: list[str],
    reader: Path,
    request: pytest.FixtureRequest,
) -> None:
    for name in ("minilm", "smollm2"):
        if name in needs:
            request.getfixturevalue(f"{name}_home")
    if "onnx" in needs:
        pytest.importorskip("onnxscript", reason="needs the extra onnx")
    names: dict[str, Any] = {"__name__": "example"}
    for example in examples:
        # Blank lines before it, so that a traceback shows the page's own line.
        source = "\n" * example.start_line + example.source
        exec(compile(source, str(example.path), "exec"), names)


def _modules() -> list[Any]:
    """All modules; those of the training room need torch even to be imported."""
    found = pkgutil.walk_packages(tunekit.__path__, "tunekit.", onerror=lambda name: None)
    names = sorted(module.name for module in found if not module.name.endswith("__main__"))
    return [
        pytest.param(name, marks=[pytest.mark.torch] if ".training" in name else [])
        for name in names
    ]


@pytest.mark.parametrize("name", _modules())
def test_docstring_examples_hold(name: str, reader: Path) -> None:
    module = importlib.import_module(name)
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    assert doctest.testmod(module, optionflags=flags).failed == 0
