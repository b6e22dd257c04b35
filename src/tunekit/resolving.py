"""From what a caller says to what it means: config, backends, base models."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._version import __version__
from .backends import registry
from .backends.abilities import model_for
from .backends.base import Backend, ModelRef, trains_weights
from .data.dataset import Dataset
from .errors import InputError, UnsupportedTask
from .model import Model
from .planning import BackendSpec
from .shapes import Shape
from .tasks.base import Task

if TYPE_CHECKING:
    from .config import Config

__all__ = [
    "backend_for",
    "base_for",
    "build",
    "check_data",
    "current_config",
    "is_file",
    "is_folder",
    "served",
    "spec_of",
]


def current_config() -> Config:
    """The settings as they are now."""
    from .config import load_config

    return load_config()


def check_data(name: str, data: Any) -> None:
    """Raise InputError for what is no data set."""
    if not isinstance(data, Dataset):
        raise InputError(
            f"{name} is {type(data).__name__}, not a Dataset. Make one: Dataset.read(…) or "
            "Dataset.from_rows(…)."
        )


def is_folder(ref: str | Path) -> bool:
    """Whether that is a folder here, whatever was given."""
    try:
        return Path(ref).is_dir()
    except (OSError, ValueError):  # a name that no file could have
        return False


def is_file(ref: str | Path) -> bool:
    """Whether that is a file here, whatever was given."""
    try:
        return Path(ref).is_file()
    except (OSError, ValueError):
        return False


def backend_for(given: str | Backend | None) -> Backend:
    """The backend that a caller named, built, or left to config."""
    if given is None or isinstance(given, str):
        return build(given, {})
    if not isinstance(given, Backend):
        raise InputError(
            f"backend is {type(given).__name__}. Give a name, or what tunekit.backend(…) made."
        )
    return given


def build(name: str | None, options: dict[str, Any]) -> Backend:
    """A backend by its name in config or its kind, with options that win."""
    from .config import refuse_secrets

    refuse_secrets(options, f"the options of backend {name!r}")
    config = current_config()
    spec = registry.resolve_backend(config, name)
    spec = spec._replace(options={**spec.options, **options})
    return registry.build_backend(spec, home=config.home)


def spec_of(built: Backend) -> BackendSpec:
    """All that is needed to build a backend again."""
    return BackendSpec(built.name, built.type, dict(built.options))


def base_for(built: Backend, model: str | Path | None, task: Task) -> str:
    """The base model: the caller's, the backend's, config's, or what the backend prefers for this
    task."""
    if model is not None and not isinstance(model, str | Path):
        raise InputError(f"model is {type(model).__name__}. Give a name or a folder.")
    if model:
        return str(model)
    return built.options.get("model") or current_config().model or model_for(built, task)


def served(built: Backend, model_id: str, task: Task) -> Model:
    """A model at a provider, as it answers without a run of ours.

    Raises:
        UnsupportedTask: the backend doesn't serve this task.
    """
    shapes = [route.shape for route in built.routes(model_id) if route.shape in task.offers]
    shape = next((one for one in shapes if one is not Shape.PAIR), None)
    if shape is None:
        raise UnsupportedTask(
            f"backend {built.name!r} doesn't serve {task.kind}. Take another: "
            "tunekit.list_backends() has all."
        )
    return Model(
        task=task,
        kind="tuned" if trains_weights(built) else "zero-shot",
        ref=ModelRef(built.name, model_id),
        prompt=task.prompt(),
        shape=shape,
        base=model_id,
        spec=spec_of(built),
        backend=built,
        provenance={"model": model_id, "backend": built.name, "tunekit": __version__},
    )
