"""The extras: what each is for, and which of its packages are installed, in which version."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

__all__ = ["DISTRIBUTION", "Extra", "extras"]

DISTRIBUTION = "tunekit-sdk"
#: What each extra is for, in the order in which they are shown.
PURPOSES: Mapping[str, str] = {
    "local": "training and answers on this machine; what hf-jobs and autotrain bring home",
    "openai": "OpenAI, Azure, Nebius and every server that speaks that API",
    "anthropic": "prompts with examples for Claude models",
    "hf": "data sets and models on the Hugging Face Hub",
    "pandas": "data sets from and to pandas",
    "parquet": "reading Parquet",
    "spacy": "reading .spacy files",
    "onnx": "exporting encoders as ONNX",
    "gguf": "exporting language models as GGUF",
    "testing": "scripted providers, and the conformance suite for backends",
}
#: ``torch>=2.6; extra == 'local'``
_REQUIREMENT = re.compile(r"""([\w.-]+)[^;]*;.*\bextra\s*==\s*["']([\w.-]+)["']""")


class Extra(NamedTuple):
    """An extra. ``packages`` has the version of each that is installed, ``None`` for others."""

    name: str
    purpose: str
    packages: Mapping[str, str | None]

    @property
    def missing(self) -> tuple[str, ...]:
        """The packages that aren't installed."""
        return tuple(name for name, version in self.packages.items() if version is None)

    @property
    def installed(self) -> bool:
        """Whether all of its packages are."""
        return not self.missing

    @property
    def command(self) -> str:
        """What installs it."""
        return f"pip install '{DISTRIBUTION}[{self.name}]'"


def extras() -> tuple[Extra, ...]:
    """The extras for users; none where tunekit itself isn't installed, so that nobody can say."""
    wanted: dict[str, dict[str, str | None]] = {}
    for extra, package in _requirements():
        if extra in PURPOSES:
            wanted.setdefault(extra, {})[package] = _version(package)
    return tuple(
        Extra(name, purpose, wanted[name]) for name, purpose in PURPOSES.items() if name in wanted
    )


def _requirements() -> Iterator[tuple[str, str]]:
    """Pairs of an extra and a package that it brings."""
    try:
        told = importlib.metadata.requires(DISTRIBUTION) or ()
    except importlib.metadata.PackageNotFoundError:
        return
    for line in told:
        if found := _REQUIREMENT.match(line):
            yield found[2], found[1]


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
