"""Names of backends and tasks. The third parties here are real distributions on ``sys.path``."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
import tomllib
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import MappingProxyType

import pytest

from tunekit.backends import registry
from tunekit.backends.registry import (
    backend_class,
    build_backend,
    list_backends,
    list_tasks,
    resolve_backend,
    task_class,
)
from tunekit.config import Config, load_config
from tunekit.errors import ConfigError, MissingExtra, UnsupportedTask
from tunekit.planning import BackendSpec

Install = Callable[..., None]

BACKEND = """
from __future__ import annotations
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
if TYPE_CHECKING:
    from somewhere import Policy

class Client: ...

class Echo:
    type = "echo"
    default_model = "none"
    def __init__(self, name: str, *, home: Path, model: str | None = None, shots: int = 0,
                 tone: Literal["low", "high"] = "low", cache: Path | None = None,
                 client: Client | None = None, policy: Policy | None = None) -> None:
        if shots < 0:
            raise RuntimeError("no negative shots")
        self.name, self.home, self.model, self.shots = name, home, model, shots
        self.tone, self.cache, self.client, self.policy = tone, cache, client, policy
    @property
    def options(self) -> dict[str, Any]: return {}
    def routes(self, model): return []
    def hyperparameters(self, route, given): return given
    def prepare(self, setup): raise AssertionError

class Needy(Echo):
    def __init__(self, name: str, *, home: Path, endpoint: str) -> None: ...

class Free(Echo):
    def __init__(self, **options: Any) -> None:
        super().__init__(options.pop("name"), home=options.pop("home"))
        self.extra = options

class NoBackend:
    def __init__(self, name: str, *, home: Path) -> None: ...

function = len
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Put a distribution with entry points on sys.path, as an installer would."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)

    def put(name: str, source: str, **groups: dict[str, str]) -> None:
        module = name.replace("-", "_")
        (tmp_path / f"{module}.py").write_text(source, encoding="utf-8")
        info = tmp_path / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        lines = []
        for group, entries in groups.items():
            lines.append(f"[tunekit.{group}]")
            lines += [f"{key} = {value}" for key, value in entries.items()]
        (info / "entry_points.txt").write_text("\n".join(lines))
        importlib.invalidate_caches()

    yield put
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


def spec(kind: str, **options: object) -> BackendSpec:
    return BackendSpec("mine", kind, options)


# --- built-ins ----------------------------------------------------------------------------------


def test_built_in_names() -> None:
    assert {"fake", "local"} <= set(list_backends())
    assert list_tasks() == sorted(list_tasks())
    for kind in ("classification", "transformation", "extraction", "preference"):
        assert task_class(kind).kind == kind


@pytest.mark.parametrize("kind", sorted(registry.BUILT_INS[registry.BACKENDS]))
def test_built_in_backends_can_be_built(kind: str, tmp_path: Path) -> None:
    backend = build_backend(BackendSpec("mine", kind, {}), home=tmp_path)
    assert (backend.name, backend.type) == ("mine", kind)


def test_every_hinted_extra_is_declared_and_brings_what_is_missed() -> None:
    extras = {b.extra for group in registry.BUILT_INS.values() for b in group.values()} - {None}
    assert extras == set(registry.EXTRA_PACKAGES)
    root = Path(__file__).parents[3]
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for extra, packages in registry.EXTRA_PACKAGES.items():
        declared = project["optional-dependencies"][extra]
        assert {re.split(r"[^\w-]", line)[0].replace("-", "_") for line in declared} >= packages


def test_unknown_names_suggest_known_ones() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'local'"):
        backend_class("locale")
    with pytest.raises(ConfigError, match="Did you mean 'classification'"):
        task_class("clasification")


def test_listing_imports_no_backend() -> None:
    program = (
        "import sys, tunekit.backends.registry as r\n"
        "r.list_backends(), r.list_tasks()\n"
        "print([m for m in sys.modules if m.startswith(('tunekit.backends.', 'tunekit.testing',"
        " 'tunekit.tasks', 'torch', 'numpy', 'pydantic'))])"
    )
    source = str(Path(registry.__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {source!r})\n{program}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "['tunekit.backends.registry']"


# --- third parties ------------------------------------------------------------------------------


def test_a_third_party_backend_is_found_built_and_given_its_options(
    install: Install, tmp_path: Path
) -> None:
    install("tk-echo", BACKEND, backends={"echo": "tk_echo:Echo"})
    assert "echo" in list_backends()
    assert "tk_echo" not in sys.modules, "listing imports nothing"
    marker = object()
    backend = build_backend(
        spec("echo", shots="3", tone="high", cache="x", model="007", client=marker), home=tmp_path
    )
    assert vars(backend) == {
        "name": "mine",
        "home": tmp_path,
        "model": "007",
        "shots": 3,  # the environment has only strings
        "tone": "high",
        "cache": Path("x"),
        "client": marker,
        "policy": None,
    }


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({"shot": 3}, ["'shot'", "Did you mean 'shots'?", "cache, model, policy, shots, tone"]),
        ({"client": "x"}, ["'client'", "has no option"]),
        ({"shot": object()}, ["'shot'", "has no option"]),
        ({"home": "x"}, ["'home'", "has no option"]),
        ({"shots": "hunter2"}, ["'shots'", "integer"]),
        ({"tone": "hunter2"}, ["'tone'", "'low' or 'high'"]),
        ({"shots": -1}, ["RuntimeError: no negative shots"]),
    ],
)
def test_a_wrong_option_names_option_backend_and_what_is_accepted(
    install: Install, tmp_path: Path, options: dict[str, object], parts: list[str]
) -> None:
    install("tk-echo", BACKEND, backends={"echo": "tk_echo:Echo"})
    with pytest.raises(ConfigError) as caught:
        build_backend(spec("echo", **options), home=tmp_path)
    message = str(caught.value)
    for part in ["'mine'", "'echo'", *parts]:
        assert part in message
    assert "hunter2" not in message


def test_a_missing_option_is_named(install: Install, tmp_path: Path) -> None:
    install("tk-echo", BACKEND, backends={"needy": "tk_echo:Needy"})
    with pytest.raises(ConfigError, match="'endpoint'"):
        build_backend(spec("needy"), home=tmp_path)


def test_a_backend_may_take_any_option(install: Install, tmp_path: Path) -> None:
    install("tk-echo", BACKEND, backends={"free": "tk_echo:Free"})
    backend = build_backend(spec("free", anything=1), home=tmp_path)
    assert backend.extra == {"anything": 1}  # type: ignore[attr-defined]


def test_the_spec_is_not_changed_by_building(install: Install, tmp_path: Path) -> None:
    install("tk-echo", BACKEND, backends={"echo": "tk_echo:Echo"})
    frozen = BackendSpec("mine", "echo", MappingProxyType({"shots": "3"}))
    build_backend(frozen, home=tmp_path)
    assert frozen.options == {"shots": "3"}


def test_what_is_no_backend_or_task_is_said(install: Install, tmp_path: Path) -> None:
    install(
        "tk-echo",
        BACKEND,
        backends={"no": "tk_echo:NoBackend", "function": "tk_echo:function"},
        tasks={"no": "tk_echo:NoBackend"},
    )
    with pytest.raises(ConfigError, match=r"NoBackend isn't a tunekit\.backends\.base\.Backend"):
        build_backend(spec("no"), home=tmp_path)
    with pytest.raises(ConfigError, match="isn't a class"):
        backend_class("function")
    with pytest.raises(ConfigError, match=r"isn't a tunekit\.tasks\.base\.Task"):
        task_class("no")


def test_a_third_party_task(install: Install) -> None:
    source = (
        "from tunekit.tasks.classification import Classification\n"
        "class Mood(Classification):\n    kind = 'mood'\n"
    )
    install("tk-mood", source, tasks={"mood": "tk_mood:Mood"})
    assert "mood" in list_tasks()
    assert task_class("mood").kind == "mood"


def test_a_broken_package_breaks_nobody_else(install: Install) -> None:
    install("tk-echo", BACKEND, backends={"echo": "tk_echo:Echo"})
    install("tk-bad", "1 / 0", backends={"bad": "tk_bad:Bad", "worse": "tk_none:X"})
    install("tk-thin", "import a_module_nobody_has", backends={"thin": "tk_thin:Thin"})
    assert {"echo", "bad", "worse", "thin"} <= set(list_backends())
    assert backend_class("echo").__name__ == "Echo"
    with pytest.raises(ConfigError, match=r"'tk-bad'.*ZeroDivisionError") as caught:
        backend_class("bad")
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    with pytest.raises(ConfigError, match="'tk_none'"):
        backend_class("worse")
    with pytest.raises(ConfigError, match="a_module_nobody_has") as missing:
        backend_class("thin")
    assert not isinstance(missing.value, MissingExtra), "no extra of ours would bring it"


def test_a_built_in_name_cannot_be_replaced(install: Install) -> None:
    real = backend_class("fake")
    install("tk-thief", BACKEND, backends={"fake": "tk_thief:Echo"})
    with pytest.warns(UserWarning, match="'tk-thief'.*'fake'.*can't be replaced"):
        names = list_backends()
    assert names.count("fake") == 1
    assert backend_class("fake") is real


def test_a_name_offered_twice_is_an_error_where_it_is_used(install: Install) -> None:
    install("tk-one", BACKEND, backends={"echo": "tk_one:Echo"})
    install("tk-two", BACKEND, backends={"echo": "tk_two:Echo"})
    assert list_backends().count("echo") == 1
    with pytest.raises(ConfigError, match=r"'tk-one'.*'tk-two'"):
        backend_class("echo")


# --- missing packages ---------------------------------------------------------------------------


def plant(install: Install, monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    """A built-in whose module does this when it is imported."""
    install("tk-planted", source)
    built_in = registry.BuiltIn("tk_planted:X", extra="local")
    monkeypatch.setitem(registry.BUILT_INS[registry.BACKENDS], "planted", built_in)


@pytest.mark.parametrize("package", ["torch", "transformers"])
def test_a_missing_package_of_the_extra_names_the_extra(
    install: Install, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    plant(install, monkeypatch, f"import {package}.nn")
    # None in sys.modules is how Python itself marks a module that can't be imported.
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtra, match=package) as caught:
        backend_class("planted")
    assert caught.value.extra == "local"
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


@pytest.mark.parametrize(
    "source",
    [
        "import something_else_entirely",
        "from tunekit import a_name_that_is_gone",
        "raise ImportError('libcudart.so.12: cannot open shared object file')",
        "raise ModuleNotFoundError('no name')",
    ],
)
def test_any_other_failed_import_is_not_hidden_behind_the_extra(
    install: Install, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    plant(install, monkeypatch, source)
    with pytest.raises(ConfigError, match="tk_planted") as caught:
        backend_class("planted")
    assert not isinstance(caught.value, MissingExtra)
    assert isinstance(caught.value.__cause__, ImportError)


def test_our_own_errors_come_through(install: Install, tmp_path: Path) -> None:
    source = (
        "from tunekit.errors import UnsupportedTask\n"
        "class Refuses:\n"
        "    def __init__(self, name, *, home):\n        raise UnsupportedTask('not here')\n"
    )
    install("tk-refuses", source, backends={"refuses": "tk_refuses:Refuses"})
    with pytest.raises(UnsupportedTask, match="not here"):
        build_backend(spec("refuses"), home=tmp_path)


# --- names of the config ------------------------------------------------------------------------


def config(tmp_path: Path, text: str, **environ: str) -> Config:
    (tmp_path / "tunekit.toml").write_text(text, encoding="utf-8")
    return load_config(tmp_path, environ)


def test_a_configured_name_is_its_table(tmp_path: Path) -> None:
    found = config(tmp_path, "backend = 'b'\n[backends.b]\ntype = 'fake'\nseed = 3\n")
    assert resolve_backend(found) == BackendSpec("b", "fake", {"seed": 3})
    assert resolve_backend(found, "b") == resolve_backend(found, None)
    assert found.backends["b"]["type"] == "fake", "the config is left as it was"


def test_a_type_needs_no_table_and_its_table_no_type(tmp_path: Path) -> None:
    found = config(tmp_path, "[backends.fake]\nseed = 3\n")
    assert resolve_backend(found) == BackendSpec("local", "local", {})
    assert resolve_backend(found, "fake") == BackendSpec("fake", "fake", {"seed": 3})


def test_a_third_partys_type(install: Install, tmp_path: Path) -> None:
    install("tk-echo", BACKEND, backends={"echo": "tk_echo:Echo"})
    found = config(tmp_path, "", TUNEKIT_BACKEND="echo")
    assert resolve_backend(found) == BackendSpec("echo", "echo", {})


@pytest.mark.parametrize(
    ("text", "name", "parts"),
    [
        ("[backends.azure]\ntype = 'fake'", "azur", ["Did you mean 'azure'?", "fake", "local"]),
        ("backend = 'loca'", None, ["tunekit.toml", "Did you mean 'local'?"]),
        ("[backends.x]\ntype = 'fke'", "x", ["tunekit.toml", "[backends.x]", "'fake'?"]),
        ("[backends.x]\nseed = 1", "x", ["tunekit.toml", "[backends.x]", "no type"]),
        ("[backends.x]\ntype = 3", "x", ["tunekit.toml", "type 3"]),
    ],
)
def test_an_unknown_backend_lists_what_there_is(
    tmp_path: Path, text: str, name: str | None, parts: list[str]
) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve_backend(config(tmp_path, text), name)
    for part in parts:
        assert part in str(caught.value)


def test_without_third_parties_nothing_warns() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        list_backends()
