"""A diagnosis for people."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from .._version import __version__
from ..backends.choose import PRETENDS

if TYPE_CHECKING:
    from ..backends.survey import Surveyed
    from ..backends.trainer.devices import Device
    from .values import Diagnosis

__all__ = ["as_text"]

WIDTH = 100
#: Columns of the names on the left, so that all parts stand in line.
NAMES = 20


def as_text(found: Diagnosis) -> str:
    """The whole, in plain text, at most 100 columns wide."""
    parts = [
        (None, _facts(found)),
        ("extras", _extras(found)),
        ("backends", ((one.name, _state(one)) for one in found.backends)),
        ("endpoints", ((one.address, str(one).partition("  ")[2]) for one in found.reached or ())),
        ("can be trained now, by", ((task, _names(by)) for task, by in found.trains.items())),
        ("to get the rest", found.ways_out.items()),
        ("good to know", (("", hint) for hint in found.hints)),
        ("configured, and can't work", (("", problem) for problem in found.problems)),
    ]
    shown = (_part(heading, list(rows)) for heading, rows in parts)
    return "\n\n".join(filter(None, shown))


def _facts(found: Diagnosis) -> Iterator[tuple[str, str]]:
    machine, home = found.machine, found.home
    memory = "" if machine.memory is None else f", {_size(machine.memory)} of memory"
    free = "" if home.free is None else f", {_size(home.free)} free"
    yield "tunekit", f"{__version__}, {machine.python}, {machine.platform}"
    yield "machine", f"{machine.cores} core{'s' * (machine.cores != 1)}{memory}"
    for number, device in enumerate(found.devices):
        yield "" if number else "devices", _device(device)
    yield "home", f"{home.path}{free}"
    here = [name for name, there in found.weights.items() if there]
    others = [name for name, there in found.weights.items() if not there]
    told = [f"{_names(here)} {'is' if len(here) == 1 else 'are'} here"] * bool(here)
    told += [f"{_names(others)}: fetched when first needed"] * bool(others)
    yield "base models", "; ".join(told)
    yield "default backend", f"{found.default} ({found.default_from})"


def _device(device: Device) -> str:
    memory = "" if device.memory is None else f", {_size(device.memory)}"
    taken = "trainings compute here" if device.auto else f"where device={device.kind!r} says so"
    return f"{device.kind} ({device.name}{memory}): {taken}, in {device.precision}"


def _extras(found: Diagnosis) -> Iterator[tuple[str, str]]:
    for one in found.extras:
        there = ", ".join(f"{name} {version}" for name, version in one.packages.items() if version)
        if one.installed:
            yield one.name, there
        else:
            yield one.name, f"missing: {_names(one.missing)}{'; installed: ' * bool(there)}{there}"
    if not found.extras:
        yield "", "tunekit isn't installed as a package here, so that nobody can say"


def _state(one: Surveyed) -> str:
    kind = "" if one.type == one.name else f"{one.type}: "
    if one.lacks:
        return f"{kind}lacks {'; '.join(one.lacks)}"
    keys = f", with the key in {_names(one.keys)}" if one.keys else ""
    less = ", though it only remembers rows" if one.type == PRETENDS else ""
    return f"{kind}ready{keys}{less}"


def _part(heading: str | None, rows: list[tuple[str, str]]) -> str:
    """A heading and the rows under it: names, and what is to be said, which may take several
    lines."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    if not rows:
        return ""
    indent = "  " * (heading is not None)
    longest = max(len(name) for name, _ in rows)
    body = Table.grid(padding=(0, 2, 0, 0))
    if longest:
        body.add_column(width=max(longest, NAMES), no_wrap=True)
    body.add_column(overflow="fold")
    for name, said in rows:
        body.add_row(*[Text(name)] * bool(longest), Text(said))
    file = io.StringIO()
    width = WIDTH - len(indent)
    page = Console(file=file, width=width, color_system=None, legacy_windows=False)
    page.print(body)
    lines = [f"{indent}{line}".rstrip() for line in file.getvalue().splitlines()]
    return "\n".join(([heading] if heading is not None else []) + lines)


def _names(names: Iterable[str]) -> str:
    return ", ".join(names) or "-"


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB"
