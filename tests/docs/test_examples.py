"""The README and docs/ run, page by page, in order, and say what they show.

The Python blocks of a page share their names, as a reader would expect. A ``text`` block right
behind one is what it prints; a ``console`` block that shows answers is what a terminal shows.
``...`` stands for what varies. ``DOCS_OUTPUT=write pytest tests/docs/test_examples.py`` writes what
is said today into the pages: read the difference.

A page that shows a real model says ``<!-- needs: minilm -->`` or ``smollm2``, with commas between
them; it is skipped visibly where the weights can't be had, and what it shows isn't compared, since
figures differ a little between machines. A language model takes a minute and more: its pages are
long tests.
"""

from __future__ import annotations

import csv
import doctest
import importlib
import pkgutil
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

import tunekit

from .pages import ROOT, all_pages, blocks, needs, runs
from .session import Session

#: Pages that take most of a minute.
LONG = ("hf-jobs", "take-it-along")
WEIGHTS = frozenset({"minilm", "smollm2"})
#: What else a page may need: an extra, and a package that it brings.
PACKAGES = {"onnx": "onnxscript", "spacy": "spacy"}


def _pages() -> list[Any]:
    params = []
    for page in all_pages():
        if not any(map(runs, blocks(page.read_text(encoding="utf-8")))):
            continue
        wanted = needs(page)
        marks = [pytest.mark.torch] if WEIGHTS & set(wanted) else []
        if "smollm2" in wanted or page.stem in LONG:
            marks.append(pytest.mark.soak)
        name = page.relative_to(ROOT).as_posix()
        params.append(pytest.param(page, wanted, id=name, marks=marks))
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


@pytest.mark.parametrize(("page", "wanted"), _pages())
def test_page_runs(
    page: Path,
    wanted: list[str],
    reader: Path,
    request: pytest.FixtureRequest,
) -> None:
    for name in sorted(WEIGHTS & set(wanted)):
        request.getfixturevalue(f"{name}_home")
    for name in PACKAGES.keys() & set(wanted):
        pytest.importorskip(PACKAGES[name], reason=f"needs the extra {name}")
    Session(page, compares=not WEIGHTS & set(wanted)).run()


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
