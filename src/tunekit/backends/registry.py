"""Names of backends and tasks, and the classes behind them.

A name stands for ``"module:Class"`` and is imported when it is used, so that no backend costs
anything to those who use another. Installed packages add names through the entry point groups
``tunekit.backends`` and ``tunekit.tasks``; a built-in name can't be replaced, and a package that
doesn't load is an error only for those who ask for it.
"""

from __future__ import annotations

import importlib
import inspect
import typing
import warnings
from collections.abc import Mapping
from datetime import date, time
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import ConfigError, MissingExtra, TunekitError, did_you_mean

if TYPE_CHECKING:
    from ..config import Config
    from ..planning import BackendSpec
    from ..tasks.base import Task
    from .base import Backend

__all__ = [
    "backend_class",
    "build_backend",
    "extra_of",
    "list_backends",
    "list_tasks",
    "packages_of",
    "resolve_backend",
    "task_class",
]

BACKENDS = "tunekit.backends"
TASKS = "tunekit.tasks"


class BuiltIn(NamedTuple):
    """Where a built-in class is, and the extra that brings the packages it imports."""

    target: str
    extra: str | None = None


BUILT_INS: dict[str, dict[str, BuiltIn]] = {
    BACKENDS: {
        "anthropic": BuiltIn("tunekit.backends.anthropic:AnthropicBackend", extra="anthropic"),
        "autotrain": BuiltIn("tunekit.backends.autotrain:AutoTrainBackend", extra="local"),
        "fake": BuiltIn("tunekit.testing.fake:FakeBackend"),
        "hf-jobs": BuiltIn("tunekit.backends.hf_jobs:HfJobsBackend", extra="local"),
        "local": BuiltIn("tunekit.backends.local:LocalBackend", extra="local"),
        "openai": BuiltIn("tunekit.backends.openai:OpenAIBackend", extra="openai"),
        "trivial": BuiltIn("tunekit.backends.trivial:TrivialBackend"),
    },
    TASKS: {
        "classification": BuiltIn("tunekit.tasks.classification:Classification"),
        "extraction": BuiltIn("tunekit.tasks.extraction:Extraction"),
        "preference": BuiltIn("tunekit.tasks.preference:Preference"),
        "transformation": BuiltIn("tunekit.tasks.transformation:Transformation"),
    },
}

#: The import names that an extra brings. Only their absence is answered with "install the extra":
#: any other failed import is a fault that this advice would hide.
EXTRA_PACKAGES: dict[str, frozenset[str]] = {
    "anthropic": frozenset({"anthropic"}),
    "local": frozenset(
        (
            "accelerate",
            "huggingface_hub",
            "peft",
            "safetensors",
            "tokenizers",
            "torch",
            "transformers",
        )
    ),
    "openai": frozenset({"bpe_openai", "openai"}),
}

#: What every backend's constructor is given by us; the rest are options.
GIVEN = frozenset({"home", "name"})


def list_backends() -> list[str]:
    """The types of backend that can be used by name, sorted.

    Nothing is imported for it. Warns where an installed package claims a built-in name.

    >>> list_backends()  # doctest: +ELLIPSIS
    ['anthropic', 'autotrain', 'fake', ...'local'...]
    """
    return _names(BACKENDS)


def list_tasks() -> list[str]:
    """The kinds of task that can be loaded by name, sorted.

    >>> "classification" in list_tasks()
    True
    """
    return _names(TASKS)


def backend_class(kind: str) -> type[Backend]:
    """The class of a type of backend.

    Raises ConfigError for an unknown name or one that doesn't load, MissingExtra where the
    packages it needs aren't installed.
    """
    found: type[Backend] = _load(BACKENDS, kind, "backend")
    return found


def task_class(kind: str) -> type[Task]:
    """The class of a kind of task, as a saved model or job names it.

    Raises ConfigError for an unknown name or one that doesn't load.

    >>> task_class("classification").__name__
    'Classification'
    """
    found: type[Task] = _load(TASKS, kind, "task")
    from ..tasks.base import Task

    if not issubclass(found, Task):
        raise ConfigError(
            f"The task {kind!r} ({found.__module__}:{found.__qualname__}) isn't a "
            "tunekit.tasks.base.Task. Mend or uninstall its package."
        )
    return found


def extra_of(kind: str) -> str | None:
    """The extra that brings what a built-in type of backend needs; ``None`` where it needs none.

    >>> extra_of("openai"), extra_of("fake")
    ('openai', None)
    """
    found = BUILT_INS[BACKENDS].get(kind)
    return None if found is None else found.extra


def packages_of(kind: str) -> tuple[str, ...]:
    """The import names of the packages that a built-in type of backend needs besides our own.

    >>> packages_of("anthropic")
    ('anthropic',)
    """
    extra = extra_of(kind)
    return () if extra is None else tuple(sorted(EXTRA_PACKAGES[extra]))


def resolve_backend(config: Config, name: str | None = None) -> BackendSpec:
    """Which backend a name means: a table of the config, else a type with no options.

    ``None`` is the configured default. A table needs no ``type`` where its own name is one.
    Raises ConfigError for an unknown name, listing what there is.
    """
    from ..planning import BackendSpec

    chosen = config.backend if name is None else name
    if chosen in config.backends:
        options = dict(config.backends[chosen])
        place = config.source.get(f"backends.{chosen}", "the config")
        kind = options.pop("type", chosen)
        if not isinstance(kind, str) or not _known(BACKENDS, kind):
            wrong = f"type {kind!r} is unknown" if kind != chosen else "there is no type in it"
            hint = did_you_mean(str(kind), _names(BACKENDS))
            raise ConfigError(f"{place}: [backends.{chosen}]: {wrong}. {hint}")
        return BackendSpec(chosen, kind, options)
    if _known(BACKENDS, chosen):
        return BackendSpec(chosen, chosen, {})
    place = f" (from {config.source.get('backend', 'the config')})" if name is None else ""
    there = {*config.backends, *_names(BACKENDS)}
    raise ConfigError(
        f"There is no backend {chosen!r}{place}. {did_you_mean(chosen, there)} "
        f"Types: {', '.join(_names(BACKENDS))}; configured: "
        f"{', '.join(sorted(config.backends)) or 'none'}."
    )


def build_backend(spec: BackendSpec, *, home: Path) -> Backend:
    """The backend that a spec describes; ``home`` is the folder that runs live under.

    The options are those parameters of the class's constructor whose types a file can hold; their
    values are converted to these types. Any other parameter (a client, a transport) takes an
    object from code and nothing from a config. Raises ConfigError naming option, backend and the
    accepted options where one is unknown, missing or of the wrong type.
    """
    from .base import Backend

    found = backend_class(spec.type)
    parameters = _parameters(found)
    accepted = None if parameters is None else [n for n, kind in parameters.items() if _plain(kind)]
    options = dict(spec.options)
    for option, value in options.items():
        if parameters is None or accepted is None:
            break
        if option in accepted:
            options[option] = _converted(spec, option, value, parameters[option])
        elif option not in parameters or isinstance(value, _HELD_BY_FILES):
            raise ConfigError(
                f"Backend {spec.name!r} (type {spec.type!r}) has no option {option!r}. "
                f"{did_you_mean(option, accepted)} Accepted: {', '.join(sorted(accepted)) or '-'}."
            )
    arguments = {"name": spec.name, "home": home, **options}
    try:
        inspect.signature(found).bind(**arguments)
    except TypeError as error:
        raise ConfigError(
            f"Backend {spec.name!r} (type {spec.type!r}) can't be built: {error}. "
            f"Options: {', '.join(sorted(accepted or ())) or '-'}."
        ) from error
    try:
        built: object = found(**arguments)
    except TunekitError:
        raise
    except Exception as error:
        raise ConfigError(
            f"Backend {spec.name!r} (type {spec.type!r}) can't be built: "
            f"{error.__class__.__name__}: {error}. Check its options."
        ) from error
    if not isinstance(built, Backend):
        raise ConfigError(
            f"Backend {spec.name!r}: {found.__module__}:{found.__qualname__} isn't a "
            "tunekit.backends.base.Backend. Mend or uninstall the package that brings it."
        )
    return built


# --- names --------------------------------------------------------------------------------------


def _entries(group: str) -> dict[str, list[EntryPoint]]:
    """The entry points of installed packages, by name, without those that claim our own."""
    found: dict[str, list[EntryPoint]] = {}
    for entry in entry_points(group=group):
        if entry.name not in BUILT_INS[group]:
            found.setdefault(entry.name, []).append(entry)
        # Our own distribution may declare its built-ins, and so may a copy of it.
        elif entry.value != BUILT_INS[group][entry.name].target:
            warnings.warn(
                f"{_owner(entry)} offers {entry.name!r} in {group!r}, which is a built-in name and "
                "can't be replaced: the built-in is used.",
                stacklevel=4,
            )
    return found


def _owner(entry: EntryPoint) -> str:
    return f"The package {entry.dist.name!r}" if entry.dist is not None else "A package"


def _names(group: str) -> list[str]:
    return sorted({*BUILT_INS[group], *_entries(group)})


def _known(group: str, name: str) -> bool:
    # Built-ins first: reading the entry points of all installed packages takes milliseconds.
    return name in BUILT_INS[group] or name in _entries(group)


# --- loading ------------------------------------------------------------------------------------


def _load(group: str, name: str, what: str) -> Any:
    if name in BUILT_INS[group]:
        built_in = BUILT_INS[group][name]
        return _import(built_in.target, f"The {what} {name!r}", built_in.extra)
    entries = _entries(group).get(name, [])
    if not entries:
        raise ConfigError(f"There is no {what} {name!r}. {did_you_mean(name, _names(group))}")
    targets = {entry.value for entry in entries}
    if len(targets) > 1:
        owners = ", ".join(sorted(f"{_owner(entry)} ({entry.value})" for entry in entries))
        raise ConfigError(
            f"The {what} name {name!r} is offered more than once: {owners}. Uninstall all but one."
        )
    return _import(entries[0].value, f"The {what} {name!r} of {_owner(entries[0]).lower()}", None)


def _import(target: str, what: str, extra: str | None) -> Any:
    module, _, attribute = target.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if extra is not None and package in EXTRA_PACKAGES[extra]:
            raise MissingExtra(
                f"{what} needs the package {package!r}, which isn't installed.", extra=extra
            ) from error
        raise ConfigError(
            f"{what} can't be loaded: {target!r} needs the module {error.name!r}, which isn't "
            "there. Install what it needs, or use another one."
        ) from error
    except Exception as error:
        # A package may do anything while it is imported.
        raise ConfigError(
            f"{what} can't be loaded: importing {target!r} raised "
            f"{error.__class__.__name__}: {error}. Mend or uninstall its package."
        ) from error
    if not inspect.isclass(found):
        raise ConfigError(
            f"{what} can't be loaded: {target!r} isn't a class. Mend or uninstall its package."
        )
    return found


# --- options ------------------------------------------------------------------------------------

_UNKNOWN = object()
_HELD_BY_FILES = (str, int, float, list, dict, date, time)


def _parameters(found: type[Any]) -> Mapping[str, Any] | None:
    """What the constructor takes besides what we give, with types; None where it takes anything."""
    parameters = inspect.signature(found).parameters
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values()):
        return None
    return {
        name: _annotation(found, parameter.annotation)
        for name, parameter in parameters.items()
        if name not in GIVEN and parameter.kind is not inspect.Parameter.POSITIONAL_ONLY
    }


def _annotation(found: type[Any], annotation: Any) -> Any:
    """An annotation resolved; unknown where it was imported for type checkers only."""
    if annotation is inspect.Parameter.empty:
        return _UNKNOWN
    module = importlib.import_module(found.__module__)
    try:
        holder = SimpleNamespace(__annotations__={"it": annotation})
        return typing.get_type_hints(holder, globalns=vars(module), include_extras=True)["it"]
    except Exception:
        return _UNKNOWN


def _plain(kind: Any) -> bool:
    """Whether a file could hold a value of this type: whether it has a JSON schema."""
    if kind is _UNKNOWN:
        return True
    from pydantic import PydanticSchemaGenerationError, PydanticUserError, TypeAdapter

    try:
        TypeAdapter(kind).json_schema()
    except (PydanticSchemaGenerationError, PydanticUserError):
        return False
    return True


def _converted(spec: BackendSpec, option: str, value: Any, kind: Any) -> Any:
    """The value in the type that the constructor declares: the environment has only strings."""
    from pydantic import TypeAdapter, ValidationError

    if kind is _UNKNOWN:
        return value
    try:
        return TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        reason = error.errors(include_input=False, include_url=False)[0]["msg"]
        # Without the cause: it repeats the value, which may be what nobody should read.
        raise ConfigError(
            f"Backend {spec.name!r} (type {spec.type!r}): option {option!r}: {reason}. Mend it, or "
            "leave it out."
        ) from None
