from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest

from tunekit.config import load_config
from tunekit.errors import ConfigError

SECRET = "sk-hunter2hunter2hunter2"


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def refusal(folder: Path, environ: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(folder, environ or {})
    return str(caught.value)


# --- precedence ---------------------------------------------------------------------------------


def test_defaults_without_any_file(tmp_path: Path) -> None:
    config = load_config(tmp_path, {})
    assert (config.backend, config.model) == ("local", None)
    assert config.home.is_absolute()
    assert config.home.name == "tunekit"
    assert (config.backends, config.models) == ({}, {})
    assert set(config.source.values()) == {"the default"}


def test_each_source_wins_over_those_below_it(tmp_path: Path) -> None:
    seen: list[tuple[str, str]] = []

    def note(environ: dict[str, str]) -> None:
        config = load_config(tmp_path, environ)
        seen.append((config.backend, config.source["backend"]))

    note({})
    pyproject = write(tmp_path / "pyproject.toml", "[tool.tunekit]\nbackend = 'a'\nmodel = 'm'\n")
    note({})
    toml = write(tmp_path / "tunekit.toml", "backend = 'b'\n")
    note({})
    note({"TUNEKIT_BACKEND": "c"})
    assert seen == [
        ("local", "the default"),
        ("a", str(pyproject)),
        ("b", str(toml)),
        ("c", "the variable TUNEKIT_BACKEND"),
    ]
    config = load_config(tmp_path, {})
    assert config.model == "m", "a key that the nearer source leaves out keeps its value"
    assert config.source["model"] == str(pyproject)


def test_files_are_found_upward_and_the_nearest_wins(tmp_path: Path) -> None:
    write(tmp_path / "tunekit.toml", "backend = 'far'\nmodel = 'far'\n")
    near = write(tmp_path / "a" / "tunekit.toml", "backend = 'near'\n")
    deep = tmp_path / "a" / "b" / "c"
    deep.mkdir(parents=True)
    config = load_config(deep, {})
    assert (config.backend, config.source["backend"]) == ("near", str(near))
    assert config.model is None, "only the nearest file counts, farther ones aren't mixed in"


def test_a_pyproject_without_our_table_is_passed_over(tmp_path: Path) -> None:
    write(tmp_path / "pyproject.toml", "[tool.tunekit]\nbackend = 'workspace'\n")
    write(tmp_path / "member" / "pyproject.toml", "[project]\nname = 'x'\n")
    assert load_config(tmp_path / "member", {}).backend == "workspace"


def test_the_current_folder_and_the_process_environment_are_the_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "tunekit.toml", "backend = 'here'\n")
    monkeypatch.chdir(tmp_path)
    assert load_config().backend == "here"
    monkeypatch.setenv("TUNEKIT_BACKEND", "there")
    assert load_config().backend == "there"


def test_nothing_is_remembered_between_calls(tmp_path: Path) -> None:
    path = write(tmp_path / "tunekit.toml", "backend = 'one'\n")
    assert load_config(tmp_path, {}).backend == "one"
    stat = path.stat()
    path.write_text("backend = 'two'\n")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert load_config(tmp_path, {}).backend == "two"


def test_the_config_is_frozen(tmp_path: Path) -> None:
    write(tmp_path / "tunekit.toml", "[backends.x]\ntype = 'fake'\n")
    config = load_config(tmp_path, {})
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.backend = "y"  # type: ignore[misc]
    with pytest.raises(TypeError):
        config.backends["x"]["type"] = "y"  # type: ignore[index]


# --- tables -------------------------------------------------------------------------------------


def test_a_variable_changes_one_option_of_a_table(tmp_path: Path) -> None:
    toml = write(
        tmp_path / "tunekit.toml", "[backends.my-azure]\ntype = 'openai'\nmodel = 'small'\n"
    )
    config = load_config(
        tmp_path,
        {"TUNEKIT_BACKENDS__MY_AZURE__MODEL": "007", "TUNEKIT_BACKENDS__OTHER__TYPE": "fake"},
    )
    assert config.backends == {
        "my-azure": {"type": "openai", "model": "007"},
        "other": {"type": "fake"},
    }
    assert config.source["backends.my-azure.type"] == str(toml)
    assert "TUNEKIT_BACKENDS__MY_AZURE__MODEL" in config.source["backends.my-azure.model"]


def test_a_variable_may_hold_a_table_as_json(tmp_path: Path) -> None:
    config = load_config(tmp_path, {"TUNEKIT_BACKENDS": '{"x": {"type": "fake", "seed": 3}}'})
    assert config.backends == {"x": {"type": "fake", "seed": 3}}
    assert config.source["backends.x.seed"] == "the variable TUNEKIT_BACKENDS"


def test_tables_of_both_files_are_merged_key_by_key(tmp_path: Path) -> None:
    write(
        tmp_path / "pyproject.toml",
        "[tool.tunekit.backends.x]\ntype = 'fake'\nheaders = {a = '1'}\nseed = 1\n",
    )
    write(tmp_path / "tunekit.toml", "[backends.x]\nheaders = {b = '2'}\n")
    assert load_config(tmp_path, {}).backends["x"] == {
        "type": "fake",
        "headers": {"b": "2"},
        "seed": 1,
    }


def test_an_empty_variable_says_nothing(tmp_path: Path) -> None:
    assert load_config(tmp_path, {"TUNEKIT_BACKEND": "", "TUNEKIT_HOME": ""}).backend == "local"


def test_models_are_named_and_paths_start_at_the_file(tmp_path: Path) -> None:
    (tmp_path / "models" / "pii").mkdir(parents=True)
    write(
        tmp_path / "tunekit.toml",
        "[models.pii]\nref = 'models/pii'\n[models.run]\nref = 'run:abc'\n"
        "[models.gone]\nref = 'models/none'\n",
    )
    deep = tmp_path / "src"
    deep.mkdir()
    models = load_config(deep, {"TUNEKIT_MODELS__HUB__REF": "hf://user/repo"}).models
    assert {name: entry.ref for name, entry in models.items()} == {
        "pii": str(tmp_path / "models" / "pii"),
        "run": "run:abc",
        "gone": "models/none",
        "hub": "hf://user/repo",
    }


@pytest.mark.parametrize("ref", ["x" * 10_000, "a\0b"])
def test_a_reference_need_not_be_a_path(tmp_path: Path, ref: str) -> None:
    write(tmp_path / "tunekit.toml", "")
    models = load_config(tmp_path, {"TUNEKIT_MODELS__X__REF": ref}).models
    assert models["x"].ref == ref


def test_a_home_of_nobody(tmp_path: Path) -> None:
    message = refusal(tmp_path, {"TUNEKIT_HOME": "~nobody-has-this-name/runs"})
    assert "TUNEKIT_HOME" in message
    assert "home" in message


def test_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "me"))
    assert load_config(tmp_path, {"TUNEKIT_HOME": "~/runs"}).home == tmp_path / "me" / "runs"
    write(tmp_path / "tunekit.toml", "home = 'runs'\n")
    (tmp_path / "src").mkdir()
    assert load_config(tmp_path / "src", {}).home == tmp_path / "runs"
    monkeypatch.chdir(tmp_path / "src")
    assert load_config(environ={"TUNEKIT_HOME": "runs"}).home == tmp_path / "src" / "runs"


# --- errors -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("backnd = 'x'", ["'backnd'", "Did you mean 'backend'?"]),
        ("[models.x]\nref = 'run:1'\nrf = 'y'", ["'models.x.rf'", "Did you mean 'ref'?"]),
        ("[models.x]", ["models.x.ref", "required"]),
        ("[models]\nx = 'run:1'", ["models.x must be a table"]),
        ("[backends]\nx = 3", ["backends.x must be a table"]),
        ("models = 3", ["models must be a table"]),
        ("backend = 3", ["backend", "string"]),
        ("backend = 'a'\nmodel = ", ["line 2"]),
        ("backend = 'a'\nbackend = 'b'\nmodel = 'c'", ["line 2"]),
    ],
)
def test_a_wrong_file_is_named_with_the_way_out(
    tmp_path: Path, text: str, parts: list[str]
) -> None:
    path = write(tmp_path / "tunekit.toml", text)
    message = refusal(tmp_path)
    for part in [str(path), *parts]:
        assert part in message


def test_all_wrong_keys_at_once(tmp_path: Path) -> None:
    pyproject = write(tmp_path / "pyproject.toml", "[tool.tunekit]\nmodl = 'x'\n")
    toml = write(tmp_path / "tunekit.toml", "bakend = 'x'\n")
    lines = refusal(tmp_path).splitlines()
    assert sorted(line.partition(": ")[0] for line in lines) == [str(pyproject), str(toml)]


def test_our_table_in_pyproject_must_be_a_table(tmp_path: Path) -> None:
    path = write(tmp_path / "pyproject.toml", "[tool]\ntunekit = 3\n")
    assert str(path) in refusal(tmp_path)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "tunekit.toml"
    path.write_bytes("backend = 'Käse'".encode("cp1252"))
    assert "isn't UTF-8" in refusal(tmp_path)
    assert str(path) in refusal(tmp_path)
    path.write_bytes("\ufeffbackend = 'Käse'".encode())
    assert load_config(tmp_path, {}).backend == "Käse", "a byte order mark is no fault"


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege there")
def test_a_file_that_the_system_refuses(tmp_path: Path) -> None:
    path = tmp_path / "tunekit.toml"
    path.symlink_to(path)  # a loop
    assert f"{path} can't be read" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("TUNEKIT_BACKED", "Did you mean 'TUNEKIT_BACKEND'?"),
        ("TUNEKIT_WHEEL", "Did you mean 'TUNEKIT_WHEELS'?"),
        ("TUNEKIT_BACKEND__AZURE__MODEL", "TUNEKIT_BACKEND"),
        ("tunekit_modle", "Did you mean 'TUNEKIT_MODEL'?"),
    ],
)
def test_an_unknown_variable_is_an_error(tmp_path: Path, name: str, hint: str) -> None:
    message = refusal(tmp_path, {name: "hunter2"})
    assert name in message
    assert hint in message
    assert "hunter2" not in message


@pytest.mark.parametrize("name", ["TUNEKIT_WHEELS", "TUNEKIT_TORCH_INDEX", "OTHER_TUNEKIT_THING"])
def test_variables_of_others_are_left_alone(tmp_path: Path, name: str) -> None:
    assert load_config(tmp_path, {name: "x"}).source["backend"] == "the default"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TUNEKIT_BACKENDS", "no json"),
        ("TUNEKIT_BACKENDS", "[1]"),
        ("TUNEKIT_BACKENDS__X", "hunter2"),
        ("TUNEKIT_MODELS__X__REF__DEEPER", "hunter2"),
    ],
)
def test_a_variable_of_the_wrong_form(tmp_path: Path, name: str, value: str) -> None:
    message = refusal(tmp_path, {name: value})
    assert "TUNEKIT_" in message
    assert "hunter2" not in message


# --- secrets ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        f"api_key = '{SECRET}'",
        f"api-key = '{SECRET}'",
        f"token = '{SECRET}'",
        f"hf_token = '{SECRET}'",
        f"client_secret = '{SECRET}'",
        f"API_KEY = '{SECRET}'",
        f"api_key_env = '{SECRET}'",
        "api_key_env = 'my secret is hunter2'",
        f"headers = {{ 'Authorization' = 'Bearer {SECRET}' }}",
        f"extra = [{{ x-api-key = '{SECRET}' }}]",
        "base_url = 'https://me:hunter2@example.org/v1'",
        f"model = '{SECRET}'",
    ],
)
def test_a_secret_in_a_file_is_refused_and_not_repeated(tmp_path: Path, line: str) -> None:
    path = write(tmp_path / "tunekit.toml", f"[backends.azure]\ntype = 'openai'\n{line}\n")
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path, {})
    message = str(caught.value)
    assert str(path) in message
    assert "environment variable" in message
    assert "hunter2" not in message
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_a_secret_in_a_variable_is_refused_and_not_repeated(tmp_path: Path) -> None:
    message = refusal(tmp_path, {"TUNEKIT_BACKENDS__AZURE__API_KEY": "hunter2"})
    assert "TUNEKIT_BACKENDS__AZURE__API_KEY" in message
    assert "api_key_env" in message
    assert "hunter2" not in message


def test_what_only_sounds_like_a_secret_is_fine(tmp_path: Path) -> None:
    write(
        tmp_path / "tunekit.toml",
        "[backends.x]\napi_key_env = 'AZURE_OPENAI_API_KEY'\npad_token = '[PAD]'\n"
        "max_tokens = 3\nbase_url = 'https://example.org:8080/v1'\napi_key = ''\n",
    )
    assert load_config(tmp_path, {}).backends["x"]["max_tokens"] == 3


@pytest.mark.skipif(os.name == "nt", reason="a folder in use can't be removed there")
def test_a_missing_current_folder_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(ConfigError, match="current folder"):
        load_config(environ={})
