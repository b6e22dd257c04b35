"""The gates themselves: a required thing that is missing fails, slices lose nothing, no network."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]

SKIPPING = """
import pytest
@pytest.mark.torch
def test_by_marker(): pytest.skip("no torch, it says")
def test_by_fixture(shared): pass
def test_that_needs_nothing(): pytest.skip("a reason of its own")
"""
MANY = """
import pytest
@pytest.mark.parametrize("number", range(23))
def test_number(number): pass
"""


def run(folder: Path, content: str, *options: str, require: str = "") -> str:
    """A pytest run of its own, with our conftest and without ../shared beside it."""
    place = folder / "clone" / "tests"
    place.mkdir(parents=True, exist_ok=True)
    shutil.copy(TESTS / "conftest.py", place)
    (place / "test_it.py").write_text(content, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rA", *options, "tests"]
    paths = [str(TESTS / "support"), os.environ.get("PYTHONPATH", "")]  # what our conftest imports
    environment = {
        **os.environ,
        "TUNEKIT_REQUIRE": require,
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
    }
    done = subprocess.run(
        command, cwd=place.parent, env=environment, capture_output=True, text=True, timeout=120
    )
    return done.stdout


def test_what_is_missing_is_a_visible_skip(tmp_path: Path) -> None:
    said = run(tmp_path, SKIPPING)

    assert "3 skipped" in said
    assert "no ../shared beside this checkout" in said


def test_what_is_required_must_not_skip(tmp_path: Path) -> None:
    said = run(tmp_path, SKIPPING, require="shared,torch")

    # An error where torch is missing before the test begins, a failure where the test itself skips.
    assert re.search(r"(FAILED|ERROR) tests/test_it.py::test_by_marker", said)
    assert "ERROR tests/test_it.py::test_by_fixture" in said
    assert "1 skipped" in said


def test_slices_together_are_the_whole(tmp_path: Path) -> None:
    ran = []
    for position in range(2):
        said = run(tmp_path, MANY, f"--slice={position}/2")
        ran += [line.split()[1] for line in said.splitlines() if line.startswith("PASSED ")]

    assert len(ran) == len(set(ran)) == 23


def test_tests_have_no_network() -> None:
    with pytest.raises(pytest.fail.Exception, match=r"192\.0\.2\.1"):
        socket.create_connection(("192.0.2.1", 80), timeout=1)


def test_tests_have_a_home_of_their_own(home: Path) -> None:
    assert os.environ["TUNEKIT_HOME"] == str(home)
    assert not list(home.iterdir())
    assert not list(Path.cwd().iterdir())
