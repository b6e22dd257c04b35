"""Where a training can be taken up again: tensors in safetensors, the rest in JSON.

A checkpoint is a folder ``checkpoint-STEP``, there as a whole or not at all; the newest counts.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from ..durable import disk_errors, new_folder, sweep, write_file
from ..errors import StoreError

__all__ = ["Checkpoint", "Checkpoints"]

STATE = "state.json"
Tensors = Mapping[str, torch.Tensor]


class Checkpoint(NamedTuple):
    """A training after so many steps. ``tensors`` are parts by name, ``facts`` plain JSON."""

    step: int
    tensors: Mapping[str, Tensors]
    facts: Mapping[str, Any]


class Checkpoints:
    """The checkpoints of one training.

    Args:
        folder: that they are written into.
        identity: what a checkpoint must come from to be taken up; any other is ignored.
    """

    def __init__(self, folder: Path, identity: str) -> None:
        self._folder, self._identity = folder, identity

    def write(self, checkpoint: Checkpoint) -> None:
        """Keep this one, and no older one.

        Raises:
            StoreError: the disk refused. The older one is still there.
        """
        path = self._folder / f"checkpoint-{checkpoint.step}"
        with disk_errors(f"writing {path}"):
            if path.exists():  # of another training, or damaged
                shutil.rmtree(path)
        with new_folder(path) as temporary:
            parts = {}
            for part, tensors in checkpoint.tensors.items():
                ready = {name: one.detach().cpu().contiguous() for name, one in tensors.items()}
                content = save(ready)
                parts[part] = hashlib.blake2b(content).hexdigest()
                write_file(temporary / f"{part}.safetensors", content)
            state = {
                "identity": self._identity,
                "step": checkpoint.step,
                "parts": parts,
                "facts": checkpoint.facts,
            }
            write_file(temporary / STATE, orjson.dumps(state, option=orjson.OPT_INDENT_2))
        for _, older in self._found():
            if older != path:
                shutil.rmtree(older, ignore_errors=True)

    def newest(self) -> Checkpoint | None:
        """The newest that is whole, of this very training; ``None`` where there is none."""
        sweep(self._folder, ".checkpoint-*.tmp")
        for step, _ in sorted(self._found(), reverse=True):
            try:
                return self._read(step)
            except (OSError, ValueError, KeyError, TypeError, AttributeError, SafetensorError):
                continue  # damaged or another's: the training begins again
        return None

    def read(self, step: int) -> Checkpoint:
        """The one after so many steps, which another process has found to be whole.

        Raises:
            StoreError: it can't be read here.
        """
        path = self._folder / f"checkpoint-{step}"
        try:
            with disk_errors(f"reading {path}"):
                return self._read(step)
        except (ValueError, KeyError, TypeError, AttributeError, SafetensorError) as error:
            raise StoreError(
                f"{path} is another one for this process than for the first ({error}). Give all "
                "processes the same run folder."
            ) from error

    def _read(self, step: int) -> Checkpoint:
        path = self._folder / f"checkpoint-{step}"
        state = orjson.loads((path / STATE).read_bytes())
        if state["identity"] != self._identity or state["step"] != step:
            raise ValueError("of another training")
        tensors = {
            part: _read(path / f"{part}.safetensors", digest)
            for part, digest in state["parts"].items()
        }
        return Checkpoint(step, tensors, state["facts"])

    def clear(self) -> None:
        """Remove all of them."""
        for _, path in self._found():
            shutil.rmtree(path, ignore_errors=True)

    def _found(self) -> list[tuple[int, Path]]:
        return [
            (int(number), path)
            for path in self._folder.glob("checkpoint-*")
            if (number := path.name.removeprefix("checkpoint-")).isdigit()
        ]


def _read(path: Path, digest: str) -> Tensors:
    with path.open("rb") as stream:
        if hashlib.file_digest(stream, "blake2b").hexdigest() != digest:
            raise ValueError("not what was written")
    return load_file(path)
