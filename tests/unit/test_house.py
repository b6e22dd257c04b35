"""What holds for the house as a whole: its public names, and what an import may cost."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Collection
from graphlib import CycleError, TopologicalSorter
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import pytest

import tunekit
from tunekit import errors

ROOT = Path(__file__).resolve().parents[2]
SRC = ROOT / "src" / "tunekit"

HEAVY = {
    "anthropic",
    "datasets",
    "huggingface_hub",
    "jinja2",
    "numpy",
    "openai",
    "pandas",
    "pyarrow",
    "sklearn",
    "torch",
    "transformers",
}


def _project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_public_names_are_sorted_and_there() -> None:
    assert list(tunekit.__all__) == sorted(tunekit.__all__)
    for name in tunekit.__all__:
        assert getattr(tunekit, name) is not None, name


def test_public_names_are_listed_by_dir() -> None:
    assert set(tunekit.__all__) <= set(dir(tunekit))


def test_no_module_bears_the_name_of_a_public_function() -> None:
    # With lazy imports the second access of tunekit.plan would be the module.
    modules = {path.stem for path in SRC.glob("*.py")} | {p.parent.name for p in SRC.glob("*/*.py")}
    assert not modules & set(tunekit.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="tunes"):
        tunekit.tunes  # noqa: B018


def test_every_error_of_the_tree_is_in_the_drawing() -> None:
    drawn = errors.__doc__ or ""
    for name in errors.__all__:
        assert re.search(rf"\b{name}\b", drawn), name
        assert issubclass(getattr(errors, name), errors.TunekitError)


@pytest.mark.parametrize(
    "statement",
    ["import tunekit", "from tunekit import Classification, Dataset"],
)
def test_an_import_stays_light(statement: str) -> None:
    code = f"{statement}\nimport sys\nprint(*sorted({HEAVY!r} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.split() == []


def test_the_version_has_one_source() -> None:
    assert "version" in _project()["dynamic"]
    assert version("tunekit-sdk") == tunekit.__version__, "reinstall: make setup"


def test_the_changelog_tells_of_this_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## {tunekit.__version__}" in changelog


def test_every_extra_that_an_error_names_exists() -> None:
    extras = set(_project()["optional-dependencies"])
    named = set()
    for path in SRC.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and not ast.unparse(node.func).endswith("ConfigDict"):
                for keyword in node.keywords:
                    if keyword.arg == "extra" and isinstance(keyword.value, ast.Constant):
                        named.add(keyword.value.value)
    assert named - {None} <= extras


def test_modules_stay_readable() -> None:
    sizes = {
        path.relative_to(SRC).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for path in SRC.rglob("*.py")
    }
    assert not {name: lines for name, lines in sizes.items() if lines > 400}
    assert median(sizes.values()) <= 150


def _imports(module: str, path: Path, modules: Collection[str]) -> set[str]:
    """The modules of tunekit that a module needs to be imported itself: what stands at its top,
    but for what only type checkers read."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    found: set[str] = set()
    statements = list(ast.parse(path.read_text(encoding="utf-8")).body)
    while statements:
        node = statements.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) != "TYPE_CHECKING":
            statements += [*node.body, *node.orelse]
        elif isinstance(node, ast.Try):
            statements += [*node.body, *node.orelse, *node.finalbody]
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = ".".join([*above, node.module] if node.module else above)
            base = base if node.level else str(node.module)
            # A room is needed for what it says itself, not for the modules in it.
            inside = {f"{base}.{alias.name}" for alias in node.names} & set(modules)
            found |= inside
            if len(inside) < len(node.names):
                found.add(base)
    return found & set(modules) - {module}


def test_no_module_imports_itself_by_way_of_others() -> None:
    paths = {
        ".".join(path.relative_to(SRC.parent).with_suffix("").parts).removesuffix(".__init__"): path
        for path in SRC.rglob("*.py")
    }
    needed = {module: _imports(module, path, paths) for module, path in paths.items()}
    try:
        order = list(TopologicalSorter(needed).static_order())
    except CycleError as error:
        pytest.fail(" needs ".join(reversed(error.args[1])))
    assert len(order) == len(paths)


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        str(path.relative_to(SRC))
        for path in SRC.rglob("*.py")
        if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert not silent


def test_the_wheel_holds_what_third_parties_need(tmp_path: Path) -> None:
    builder = importlib.import_module("hatchling.builders.wheel").WheelBuilder
    (built,) = builder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    names = set(zipfile.ZipFile(built).namelist())
    assert {"tunekit/py.typed", "tunekit/testing/__init__.py", "tunekit/cli/app.py"} <= names
    page = "tunekit/comparison/page"
    assert {f"{page}/assets/page.css", f"{page}/assets/page.js"} <= names
    assert f"{page}/templates/page.html" in names
    assert not [name for name in names if not name.startswith(("tunekit/", "tunekit_sdk-"))]


def _floors() -> list[list[str]]:
    """The rooms of each floor, from the roof down, as the contract has them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    layers = next(one["layers"] for one in contracts if one["type"] == "layers")
    return [re.findall(r"\w+", floor) for floor in layers]


def test_the_picture_of_the_house_is_the_contract() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    drawn = [set(re.findall(r"\w+", row)) for row in re.findall(r"(?m)^│ (\S.*?) +│", text)]
    # In the same order, whatever rooms the picture has besides.
    floors = iter(drawn)
    for floor in _floors():
        assert any(set(floor) <= rooms for rooms in floors), floor


def test_architecture_tells_of_every_floor() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = [row for row in text.splitlines() if row.startswith("| `")]
    told = [name for row in rows for name in re.findall(r"`(\w+)`", row.split(" | ")[0])]
    missing = [room for floor in _floors() for room in floor if room not in told]
    assert not missing
