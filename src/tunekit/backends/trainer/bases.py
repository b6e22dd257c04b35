"""Base weights as a worker needs them: on this disk, trainable, and of the kind that is needed."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import subprocess
import sys
from pathlib import Path

from ...durable import disk_errors, locked, new_folder, sweep
from ...errors import MissingExtra, WeightsError
from ...weights import BaseWeights, Family, locate, note_conversion, place_of
from .environment import environment

__all__ = ["base_weights", "require_family"]

#: What converts a GGUF; their versions are written down beside what came out.
CONVERTERS = ("gguf", "safetensors", "tokenizers", "torch", "transformers")
#: A hundred million parameters take half a minute; a slow machine gets a good deal more.
CONVERSION_SECONDS = 1_800.0

KINDS: dict[Family, str] = {
    "encoder": "an encoder, which makes vectors of texts",
    "causal": "a language model, which goes on with a text",
    "seq2seq": "an encoder-decoder, which answers a text with another",
}
WAYS_OUT: dict[Family, str] = {
    "encoder": "Name an encoder, such as 'minilm'.",
    "causal": "Name a language model, such as 'smollm2-135m'.",
    "seq2seq": "Name an encoder-decoder, such as the folder of a T5.",
}


def base_weights(model: str, *, home: Path) -> BaseWeights:
    """Find base weights, fetching and converting them once where that is needed.

    A GGUF becomes a folder of transformers in ``home``, by a process of its own: whole or not at
    all, and one process does it while others wait.

    Args:
        model: a catalogue name, a folder, or a Hub id; see :func:`tunekit.weights.locate`.
        home: where fetched and converted weights are kept.

    Raises:
        WeightsError: unknown, not reachable, not what it was, or it can't be converted.
        MissingExtra: a package that fetches or converts isn't installed.
        StoreError: the disk refused.
    """
    found = locate(model, home=home)
    if found.gguf is None:
        return found
    folder = place_of(found, home=home)
    with disk_errors(f"making {folder.parent}"):
        folder.parent.mkdir(parents=True, exist_ok=True)
    with locked(folder.with_name(f"{folder.name}.lock")):
        if not folder.is_dir():
            sweep(folder.parent, f".{folder.name}.*.tmp")  # of a process that was killed
            with new_folder(folder) as temporary:
                _convert(found, temporary)
                note_conversion(temporary, found, _versions())
    return locate(model, home=home)


def require_family(weights: BaseWeights, wanted: Family, what: str) -> None:
    """Refuse base weights that are of another kind than is needed.

    Args:
        weights: what was found.
        wanted: the kind that is needed.
        what: who needs it, for the message, such as ``"method 'tune'"``.

    Raises:
        WeightsError: names the model, what it is, what is needed, and a way out.
    """
    if weights.family != wanted:
        raise WeightsError(
            f"{weights.name!r} is {KINDS[weights.family]}, and {what} needs {KINDS[wanted]}. "
            f"{WAYS_OUT[wanted]}"
        )


def _convert(weights: BaseWeights, target: Path) -> None:
    for package in CONVERTERS:
        if importlib.util.find_spec(package) is None:
            raise MissingExtra(
                f"{weights.name}: the package {package!r} isn't installed, which converting "
                f"{weights.gguf} needs.",
                extra="local",
            )
    # -P: nothing in the working folder can stand in for a module of ours.
    command = [sys.executable, "-P", "-m", "tunekit.training.language.dequantised"]
    command += [str(weights.path / str(weights.gguf)), str(target)]
    try:
        done = subprocess.run(  # noqa: S603 - our own module, no shell
            command,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=CONVERSION_SECONDS,
            env=environment(),
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise _not_converted(weights, f"it took more than {CONVERSION_SECONDS:g} s") from error
    if done.returncode:
        raise _not_converted(weights, _why(done.returncode, done.stderr))


def _why(status: int, said: bytes) -> str:
    if status < 0:
        return f"its process was ended by signal {-status}, perhaps for lack of memory"
    lines = said.decode("utf-8", "replace").strip().splitlines()
    return lines[-1].rstrip(".") if lines else f"exit status {status}"


def _not_converted(weights: BaseWeights, why: str) -> WeightsError:
    return WeightsError(
        f"{weights.name}: {weights.path / str(weights.gguf)} couldn't be converted: {why}. Try it "
        "again, or pass model= a folder with the model in safetensors."
    )


def _versions() -> dict[str, str]:
    return {package: importlib.metadata.version(package) for package in CONVERTERS}
