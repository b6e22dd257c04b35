"""What every backend could do here, and what it lacks. Nobody is asked: all is known offline."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import TunekitError
from ..planning import BackendSpec
from ..tasks.base import Task
from ..tasks.preference import Preference
from .abilities import Called, Calls, model_for
from .base import Backend, Predicts, Trains, supported, trains_weights
from .registry import (
    build_backend,
    extra_of,
    list_backends,
    list_tasks,
    packages_of,
    resolve_backend,
    task_class,
)

if TYPE_CHECKING:
    from ..config import Config

__all__ = ["Surveyed", "survey"]

#: How the second goal of preferences is told apart from the first.
ANSWERING = "preference (answer)"


class Surveyed(NamedTuple):
    """A backend as it is here.

    ``configured`` says whether config has a table of that name. ``trains`` has the methods of each
    task on the base model that is taken where none is named; ``trains_weights`` is false where
    they compile a prompt. ``missing`` are packages of ``extra`` that aren't installed, ``keys`` the
    environment variables that have to hold a key, and whether they do. ``problem`` says why it
    can't be built.
    """

    name: str
    type: str
    configured: bool
    trains: Mapping[str, tuple[str, ...]] = {}
    trains_weights: bool = True
    predicts: bool = False
    extra: str | None = None
    missing: tuple[str, ...] = ()
    keys: Mapping[str, bool] = {}
    addresses: tuple[str, ...] = ()
    problem: str | None = None

    @property
    def ready(self) -> bool:
        """Whether nothing is missing here; its provider wasn't asked."""
        return not self.lacks

    @property
    def lacks(self) -> tuple[str, ...]:
        """What is missing, in words."""
        without = [f"the extra {self.extra!r} ({', '.join(self.missing)})"] if self.missing else []
        unset = [f"a key in {name}" for name, there in self.keys.items() if not there]
        return (*without, *unset, *([self.problem] if self.problem else []))

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return {
            **self._asdict(),
            "trains": {task: list(methods) for task, methods in self.trains.items()},
            "keys": dict(self.keys),
            "ready": self.ready,
            "lacks": list(self.lacks),
        }


def survey(config: Config) -> tuple[Surveyed, ...]:
    """All backends: those that config names, then the types that there are."""
    types = [kind for kind in list_backends() if kind not in config.backends]
    tasks = dict(_tasks())
    return tuple(_surveyed(config, name, tasks) for name in (*config.backends, *types))


def _surveyed(config: Config, name: str, tasks: Mapping[str, Task]) -> Surveyed:
    kind = str(config.backends.get(name, {}).get("type", name))
    known = Surveyed(name, kind, name in config.backends)
    try:
        spec = resolve_backend(config, name)
    except TunekitError as error:
        return known._replace(problem=str(error))
    known = known._replace(extra=extra_of(spec.type), missing=_missing(spec.type))
    try:
        return _as_built(known, spec, config, tasks)
    except TunekitError as error:
        # What isn't installed is said already.
        return known if known.missing else known._replace(problem=str(error))
    except Exception as error:  # a package of somebody else may do anything
        return known._replace(problem=f"{error.__class__.__name__}: {error}")


def _as_built(
    known: Surveyed, spec: BackendSpec, config: Config, tasks: Mapping[str, Task]
) -> Surveyed:
    backend = build_backend(spec, home=config.home)
    calls = tuple(_calls(backend))
    trains = {name: tuple(_methods(backend, task, config)) for name, task in tasks.items()}
    return known._replace(
        trains={name: methods for name, methods in trains.items() if methods},
        trains_weights=trains_weights(backend),
        predicts=isinstance(backend, Predicts),
        keys={
            one.key_env: bool(os.environ.get(one.key_env, "").strip())
            for one in calls
            if one.key_env is not None
        },
        addresses=tuple(dict.fromkeys(one.address for one in calls if one.address is not None)),
    )


def _calls(backend: Backend) -> Iterable[Called]:
    return backend.calls() if isinstance(backend, Calls) else ()


def _methods(backend: Backend, task: Task, config: Config) -> Iterator[str]:
    """The methods that train this task, on the base model that would be taken."""
    if isinstance(backend, Trains):
        model = backend.options.get("model") or config.model or model_for(backend, task)
        yield from (method for _, method in supported(backend, [task], model))


def _tasks() -> Iterator[tuple[str, Task]]:
    """A task of each kind with nothing set, by name."""
    for kind in list_tasks():
        try:
            yield kind, task_class(kind)()
        except (TunekitError, TypeError):
            continue  # one that has to be told more
        if kind == Preference.kind:
            yield ANSWERING, Preference("answer")


def _missing(kind: str) -> tuple[str, ...]:
    """The packages that a type of backend needs and that aren't installed."""
    return tuple(one for one in packages_of(kind) if importlib.util.find_spec(one) is None)
