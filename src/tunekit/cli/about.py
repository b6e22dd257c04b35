"""The commands about tunekit itself: what there is here, what is set, what is missing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import AsJson
from .output import say, show_table, write_json

if TYPE_CHECKING:
    from ..backends.survey import Surveyed

__all__ = ["backends", "config", "doctor", "version"]


def backends(as_json: AsJson = False) -> None:
    """List the backends, what each can train, and what it lacks; nobody is contacted."""
    import tunekit

    found = tunekit.doctor()
    if as_json:
        for one in found.backends:
            write_json(one.to_dict() | {"default": one.name == found.default})
        return
    rows = []
    for one in found.backends:
        default = ["(the default)"] if one.name == found.default else []
        kind = [f"type {one.type}"] if one.type != one.name else []
        trains = [f"{task}: {', '.join(methods)}" for task, methods in one.trains.items()]
        if not one.trains_weights:
            trains.append("(as prompts: no weights change)")
        if not trains:  # what can't be built doesn't say
            trains.append("said once that is there" if one.missing or one.problem else "nothing")
        cells = [one.name, *kind, *default], list(_needs(one)), trains
        name, needs, can = map("\n".join, cells)
        rows.append((name, "yes" if one.ready else "no", needs or "-", can))
    show_table(("backend", "ready", "needs", "trains"), rows)


def _needs(one: Surveyed) -> Iterator[str]:
    """What a backend takes, and whether that is here."""
    if one.extra is not None:
        without = f"missing: {', '.join(one.missing)}" if one.missing else "installed"
        yield f"extra {one.extra} ({without})"
    for name, there in one.keys.items():
        yield f"{name} ({'set' if there else 'not set'})"
    if one.problem is not None:
        yield one.problem


def config(as_json: AsJson = False) -> None:
    """Show the settings, and where each comes from."""
    if as_json:
        for one in _settings():
            write_json(one)
        return
    rows = []
    for one in _settings():
        value = "-" if one["value"] is None else one["value"]
        if one["set"] is not None:
            value = f"{value} (a variable that is {'' if one['set'] else 'not '}set)"
        rows.append((one["name"], value, one["source"]))
    show_table(("setting", "value", "from"), rows)


def _settings() -> Iterator[dict[str, Any]]:
    """Each setting; ``set`` says of the name of a variable whether that holds something."""
    from ..config import load_config

    found = load_config()
    values: dict[str, Any] = {
        "backend": found.backend,
        "model": found.model,
        "home": str(found.home),
        **{
            f"backends.{name}.{option}": value
            for name, table in found.backends.items()
            for option, value in table.items()
        },
        **{f"models.{name}.ref": entry.ref for name, entry in found.models.items()},
    }
    for name, value in values.items():
        variable = name.endswith("_env") and isinstance(value, str) and value
        yield {
            "name": name,
            "value": value,
            "source": found.source.get(name) or found.source.get(name.rpartition(".")[0], "-"),
            "set": bool(os.environ.get(str(value), "").strip()) if variable else None,
        }


def doctor(
    online: Annotated[
        bool,
        typer.Option(
            "--online/--offline", help="Ask each backend's address whether anybody is there."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say what this machine can do, what it lacks, and how to get that.

    Exit with 1 if something that is configured can't work.
    """
    import tunekit

    found = tunekit.doctor(online=online)
    say(found.to_dict() if as_json else {}, str(found), as_json)
    if found.problems:
        raise typer.Exit(1)


def version(as_json: AsJson = False) -> None:
    """Show the version."""
    import tunekit

    say({"version": tunekit.__version__}, tunekit.__version__, as_json)
