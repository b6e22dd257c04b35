"""Settings: which backend, which model, where runs live, and names for both.

Read anew at every call from, the first that says it wins::

    TUNEKIT_BACKEND=azure, TUNEKIT_BACKENDS__AZURE__MODEL=…      the environment
    backend = "azure"                                            tunekit.toml, the nearest upward
    [tool.tunekit]                                               pyproject.toml, likewise: the
                                                                 nearest that has this table
    backend = "local"                                            the default

An argument of a call wins over all of them; that is the caller's part. Tables are merged key by
key, so a variable can change one option of a backend that a file describes. An unknown key is an
error, and a secret has no place here: name the variable that holds it (``api_key_env``).
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import platformdirs
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from .errors import ConfigError, did_you_mean

__all__ = ["Config", "ModelEntry", "load_config"]

PREFIX = "TUNEKIT_"
DEFAULT_BACKEND = "local"

#: Variables with our prefix that others read: the catalogue of weights, the build, the tests.
READ_ELSEWHERE = frozenset({"TUNEKIT_REQUIRE", "TUNEKIT_TORCH_INDEX", "TUNEKIT_WHEELS"})

#: Keys whose value would be a secret. ``pad_token`` and ``max_tokens`` aren't among them.
_SECRET_KEY = re.compile(
    r"(.*_)?(api_?key|access_key|secret(_key)?|password|passwd|credentials?|authorization)"
    r"|((access|api|auth|bearer|hf|refresh)_)?token|key",
    re.IGNORECASE,
)
_SECRET_VALUE = re.compile(r"(sk|hf|ghp|pk|rk)[-_][\w-]{16,}")
_PASSWORD_IN_URL = re.compile(r"://[^/@\s:]*:[^/@\s]+@")
_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class ModelEntry(BaseModel):
    """A model's name in config: what ``tunekit.load(name)`` loads.

    ``ref`` is a path, ``run:ID``, ``BACKEND:MODEL-ID`` or ``hf://user/repo``. A relative path in
    a file starts at that file's folder.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    ref: str


class _Settings(BaseSettings):
    """The keys there are. Sources are merged below, where each value keeps its origin."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", env_ignore_empty=True, extra="forbid"
    )

    backend: str = DEFAULT_BACKEND
    model: str | None = None
    home: Path | None = None
    backends: dict[str, dict[str, Any]] = {}
    models: dict[str, ModelEntry] = {}

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


@dataclass(frozen=True, kw_only=True)
class Config:
    """What the settings say, taken together.

    ``backends`` has the options of each named backend, ``type`` among them. ``source`` says where
    each value comes from, by its dotted name: ``{"backend": "/app/tunekit.toml", "backends.azure":
    …, "backends.azure.model": "the variable TUNEKIT_BACKENDS__AZURE__MODEL"}``.
    """

    backend: str
    model: str | None
    home: Path
    backends: Mapping[str, Mapping[str, Any]]
    models: Mapping[str, ModelEntry]
    source: Mapping[str, str]


def load_config(start: Path | None = None, environ: Mapping[str, str] | None = None) -> Config:
    """The settings as they are now, seen from a folder (the current one unless given).

    ``environ`` stands in for the process's environment. Raises ConfigError naming the file or
    variable: an unknown key, a wrong type, broken TOML, a secret where only the name of a variable
    belongs.

    >>> load_config(environ={"TUNEKIT_BACKEND": "fake"}).backend
    'fake'
    """
    variables = dict(os.environ if environ is None else environ)
    merged: dict[str, Any] = {}
    source: dict[str, str] = {}
    for path, table in _files(start):
        _layer(table, _FileOrigin(path), merged, source)
    _layer(_environment(variables, merged), _VariableOrigin(variables), merged, source)
    _refuse_secrets(merged, source)
    try:
        settings = _Settings(**merged)
    except ValidationError as error:
        # Without the cause: it repeats the value, which may be a secret.
        raise ConfigError(_complaint(error, source)) from None
    return Config(
        backend=settings.backend,
        model=settings.model,
        home=_home(settings.home, source.get("home")),
        backends=MappingProxyType(
            {name: MappingProxyType(table) for name, table in settings.backends.items()}
        ),
        models=MappingProxyType(
            {
                name: _anchored(entry, source[f"models.{name}.ref"])
                for name, entry in settings.models.items()
            }
        ),
        source=MappingProxyType(
            dict.fromkeys(("backend", "model", "home"), "the default") | source
        ),
    )


# --- files --------------------------------------------------------------------------------------


def _files(start: Path | None) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The tables of the nearest files, the one that wins last."""
    try:
        folder = (Path.cwd() if start is None else Path(start)).resolve()
    except OSError as error:
        raise ConfigError(
            f"The current folder can't be read ({error}). Start in one that exists."
        ) from error
    folders = (folder, *folder.parents)
    for place in folders:
        path = place / "pyproject.toml"
        tools = (_read(path) or {}).get("tool")
        # A project inside another one may leave the settings to the outer one.
        if isinstance(tools, dict) and "tunekit" in tools:
            table = tools["tunekit"]
            if not isinstance(table, dict):
                raise ConfigError(f"{path}: tool.tunekit is no table. Write [tool.tunekit].")
            yield path, table
            break
    for place in folders:
        path = place / "tunekit.toml"
        content = _read(path)
        if content is not None:
            yield path, content
            break


def _read(path: Path) -> dict[str, Any] | None:
    """A TOML file, or None where there is none."""
    text = ""
    try:
        # Some editors put a byte order mark first, which TOML doesn't allow.
        text = path.read_bytes().decode("utf-8-sig")
        return tomllib.loads(text)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except OSError as error:
        raise ConfigError(f"{path} can't be read: {error}. Check its permissions.") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} isn't UTF-8 ({error.reason}). Save it as UTF-8.") from error
    except tomllib.TOMLDecodeError as error:
        reason = str(error).replace(
            "at end of document", f"at line {text.count(chr(10)) + 1}, where the file ends"
        )
        raise ConfigError(f"{path} isn't valid TOML: {reason}. Mend that line.") from error


# --- environment --------------------------------------------------------------------------------


def _environment(variables: Mapping[str, str], files: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that the environment makes, with the table names as the files spell them."""
    fields = [PREFIX + name.upper() for name in _Settings.model_fields]
    tables = [f"{PREFIX}{name}__" for name in ("BACKENDS", "MODELS")]
    for name in variables:
        upper = name.upper()
        if not upper.startswith(PREFIX) or upper in READ_ELSEWHERE or upper in fields:
            continue
        if not any(upper.startswith(table) for table in tables):
            shown = [*fields, *READ_ELSEWHERE, *(f"{table}NAME__OPTION" for table in tables)]
            raise ConfigError(
                f"The environment variable {name} is no setting of tunekit. "
                f"{did_you_mean(upper, shown)}"
            )
    reader = EnvSettingsSource(_Settings)
    reader.env_vars = {name.lower(): value for name, value in variables.items() if value}
    try:
        found = reader()
    except SettingsError as error:
        raise ConfigError(
            f"The environment variables {PREFIX}*: {error}. Write a table as JSON, or as one "
            f"variable for each option: {PREFIX}BACKENDS__NAME__OPTION."
        ) from None
    for table in ("backends", "models"):
        # A variable can't hold "my-azure": MY_AZURE means it.
        known = files.get(table)
        spelled = {_plain(name): name for name in known} if isinstance(known, dict) else {}
        if isinstance(found.get(table), dict):
            found[table] = {
                spelled.get(_plain(name), name): entry for name, entry in found[table].items()
            }
    return found


def _plain(name: str) -> str:
    return name.lower().replace("-", "_")


# --- merging ------------------------------------------------------------------------------------


class _FileOrigin(NamedTuple):
    path: Path

    def of(self, keys: tuple[str, ...]) -> str:
        return str(self.path)


class _VariableOrigin(NamedTuple):
    variables: Mapping[str, str]

    def of(self, keys: tuple[str, ...]) -> str:
        """The variable that was set: the value's own, or one that holds its table as JSON."""
        names = {name.upper(): name for name in self.variables}
        own = [PREFIX + "__".join(keys[:end]) for end in range(len(keys), 0, -1)]
        plain = [_plain(name).upper() for name in own]
        return "the variable " + next((names[n] for n in plain if n in names), plain[0])


def _layer(
    table: Mapping[str, Any],
    origin: _FileOrigin | _VariableOrigin,
    merged: dict[str, Any],
    source: dict[str, str],
    above: tuple[str, ...] = (),
) -> None:
    """Lay a source over what the ones before it said, noting where each value comes from."""
    for key, value in table.items():
        path = (*above, key)
        dotted = ".".join(path)
        here = origin.of(path)
        # An option that is itself a table is one value: half of two is neither.
        if isinstance(value, Mapping) and len(path) < 3:
            inner = merged.get(key)
            if not isinstance(inner, dict):
                inner = merged[key] = {}
                source[dotted] = here
            _layer(value, origin, inner, source, path)
        else:
            merged[key] = value
            source[dotted] = here


def refuse_secrets(options: Mapping[str, Any], place: str) -> None:
    """Raise ConfigError where options given in code hold a secret, without repeating it."""
    _refuse_secrets(options, dict.fromkeys(options, place))


def _refuse_secrets(value: Any, source: Mapping[str, str], path: tuple[str, ...] = ()) -> None:
    """Raise where a value is a secret, without repeating it."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            _refuse_secrets(inner, source, (*path, str(key)))
        return
    if isinstance(value, list):
        for inner in value:
            _refuse_secrets(inner, source, path)
        return
    if not path or value in ("", None):
        return
    key = path[-1].replace("-", "_")
    text = value if isinstance(value, str) else ""
    names_variable = key.lower().endswith("_env")
    if (
        _SECRET_KEY.fullmatch(key)
        or _SECRET_VALUE.fullmatch(text)
        or _PASSWORD_IN_URL.search(text)
        or (names_variable and not _VARIABLE_NAME.fullmatch(text))
    ):
        way_out = (
            f"{path[-1]} takes the name of an environment variable"
            if names_variable
            else "put it into an environment variable and name that with api_key_env"
        )
        raise ConfigError(
            f"{_origin(path, source)}: {'.'.join(path)} holds a secret, or looks like one. "
            f"Keep it out of the config: {way_out}."
        )


def _origin(path: tuple[str | int, ...], source: Mapping[str, str]) -> str:
    """Where a value comes from: its own note, or that of the table it is in."""
    for length in range(len(path), 0, -1):
        dotted = ".".join(map(str, path[:length]))
        if dotted in source:
            return source[dotted]
    return "the config"


def _complaint(error: ValidationError, source: Mapping[str, str]) -> str:
    lines = []
    for fault in error.errors(include_input=False, include_url=False, include_context=False):
        path = fault["loc"]
        dotted = ".".join(map(str, path))
        if fault["type"] == "extra_forbidden":
            known = ModelEntry.model_fields if path[0] == "models" else _Settings.model_fields
            text = f"unknown key {dotted!r}. {did_you_mean(str(path[-1]), known)}"
        elif fault["type"] in ("dict_type", "model_type", "model_attributes_type"):
            text = f"{dotted} must be a table of keys and values."
        else:
            text = f"{dotted}: {fault['msg']}."
        lines.append(f"{_origin(path, source)}: {text}")
    return "\n".join(lines)


# --- places -------------------------------------------------------------------------------------


def _home(given: Path | None, origin: str | None) -> Path:
    if given is None:
        return platformdirs.user_data_path("tunekit", appauthor=False)
    try:
        home = given.expanduser()
    except RuntimeError as error:
        raise ConfigError(f"{origin}: home: {error} Write the whole path.") from error
    return _beside(home, origin).absolute()


def _anchored(entry: ModelEntry, origin: str) -> ModelEntry:
    """The entry with a relative path made absolute, where there is something at that path."""
    path = _beside(Path(entry.ref), origin)
    try:
        return ModelEntry(ref=str(path)) if path.exists() else entry
    except (OSError, ValueError):
        return entry  # not a path at all


def _beside(path: Path, origin: str | None) -> Path:
    """A path as the file that holds it means it; a variable's starts at the current folder."""
    in_file = origin is not None and origin.endswith(".toml")
    return Path(origin or "").parent / path if in_file else path
