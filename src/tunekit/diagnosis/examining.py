"""The examination: everything that there is to know is looked at once."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from .._version import __version__
from ..errors import ConfigError, ModelError, TunekitError
from ..weights import CATALOGUE, here
from .extras import extras
from .machine import Place, look_at_home, look_at_machine
from .values import Diagnosis

if TYPE_CHECKING:
    from ..backends.reaching import Reached
    from ..backends.survey import Surveyed
    from ..backends.trainer.devices import Device
    from ..config import Config

__all__ = ["doctor"]

#: Seconds for which an address is waited for.
PATIENCE = 5.0


def doctor(*, online: bool = False) -> Diagnosis:
    """What this machine can do with tunekit, what it lacks, and how to get that.

    Looks at devices, memory and disk, at the extras and their versions, at the settings, and at
    every backend: which tasks it trains, which key it needs. Keys are named and never read out.

    Args:
        online: ask each backend's address whether anybody is there, without a key and for five
            seconds at most. Without it nobody is asked.

    Returns:
        A diagnosis: prints well, ``to_dict()`` for programs. ``problems`` has what is configured
        and can't work.

    Example:
        >>> import tunekit
        >>> found = tunekit.doctor()
        >>> "fake" in found.trains["classification"], found.devices[-1].kind
        (True, 'cpu')
    """
    from ..backends.survey import survey

    config, broken = _config()
    backends = survey(config)
    reached = _reached(backends) if online else None
    devices, no_torch = _devices()
    home = look_at_home(config.home)
    problems = (*broken, *no_torch, *_problems(config, backends, home, reached or ()))
    return Diagnosis(
        version=__version__,
        machine=look_at_machine(),
        home=home,
        devices=devices,
        extras=extras(),
        weights=_weights(config.home),
        default=config.backend,
        default_from=config.source["backend"],
        backends=backends,
        reached=reached,
        problems=problems,
        hints=tuple(_hints(devices)),
    )


def _config() -> tuple[Config, tuple[str, ...]]:
    """The settings; where they can't be read, what is wrong with them, and the defaults."""
    from ..config import load_config

    try:
        return load_config(), ()
    except ConfigError as error:
        # As seen from where no file says anything, without variables that may be what is wrong.
        home = {name: os.environ[name] for name in ("TUNEKIT_HOME",) if name in os.environ}
        return load_config(Path(Path.home().anchor), environ=home), (str(error),)


def _reached(backends: tuple[Surveyed, ...]) -> tuple[Reached, ...]:
    from ..backends.reaching import reach

    return reach((address for one in backends for address in one.addresses), PATIENCE)


def _devices() -> tuple[tuple[Device, ...], tuple[str, ...]]:
    """The devices; none where torch is installed and broken, and then what is wrong with it."""
    from ..backends.trainer.devices import devices

    try:
        return devices(), ()
    except Exception as error:  # importing torch may raise anything
        return (), (f"torch is installed and can't be imported: {error} Install it again.",)


def _weights(home: Path) -> Mapping[str, bool]:
    """The base models of the catalogue, and whether each is on this machine."""
    found: dict[str, bool] = {}
    for name in CATALOGUE:
        try:
            found[name] = here(name, home=home) is not None
        except TunekitError:
            found[name] = False
    return found


# --- what can't work ------------------------------------------------------------------------------


def _problems(
    config: Config,
    backends: tuple[Surveyed, ...],
    home: Place,
    reached: tuple[Reached, ...],
) -> Iterator[str]:
    """What somebody configured, and can't be used."""
    if not home.writable:
        yield f"nothing can be written to {home.path}: set TUNEKIT_HOME to a folder of yours."
    silent = {one.address: one.why for one in reached if not one.answers}
    chosen = config.backend if config.source["backend"] != "the default" else None
    if chosen is not None and all(one.name != chosen for one in backends):
        said = f"backend = {chosen!r} ({config.source['backend']})"
        yield f"{said}: there is no such backend; see `tunekit backends`."
    for one in backends:
        if not (one.configured or one.name == chosen):
            continue
        if one.lacks:
            yield f"backend {one.name!r} lacks {' and '.join(one.lacks)}"
        for address in one.addresses:
            if address in silent:
                yield f"backend {one.name!r}: no answer from {address}: {silent[address]}"
    for name, entry in config.models.items():
        if (why := _unloadable(entry.ref, config)) is not None:
            yield f"model {name!r}: {why}"


def _unloadable(ref: str, config: Config) -> str | None:
    """Why a model's reference leads nowhere, as far as that is known without asking anybody."""
    from ..backends.registry import resolve_backend
    from ..model_file import read_model_file

    scheme, _, rest = ref.partition(":")
    try:
        if Path(ref).is_dir():
            read_model_file(Path(ref))
        elif scheme == "run" and rest:
            if not (config.home / "runs" / Path(rest).name / "job.json").is_file():
                return f"there is no run {rest!r} in {config.home / 'runs'}."
        elif rest.startswith("//"):
            return None if scheme == "hf" else f"{ref!r} is no reference that can be loaded."
        elif rest:
            resolve_backend(config, scheme)
        else:
            return f"there is no folder {ref!r}."
    except (ConfigError, ModelError) as error:
        return str(error)
    return None


def _hints(devices: tuple[Device, ...]) -> Iterator[str]:
    from ..backends.trainer.pace import nvidia_driver

    if nvidia_driver() and not any(one.kind == "cuda" for one in devices):
        yield (
            "there is a driver for a GPU of NVIDIA here, and trainings don't see the GPU: install "
            "a build of torch for CUDA."
        )
