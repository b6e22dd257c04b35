"""What a job is sent: the run folder, the worker's own code, and the base weights where the Hub
doesn't have them.

::

    job.py                  runs in the job
    job.json                the SHA-256 of each file below, and where the base weights are
    package.zip             this package, so that the very same worker runs there
    run/recipe.json         what to do
    run/data/*.jsonl        on which rows
    base/                   the base weights; absent where the job fetches them from the Hub
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import io
import json
import re
import sys
import zipfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ...durable import disk_errors
from ...training.recipe import Recipe
from ...weights import BaseWeights

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd

__all__ = ["BOOTSTRAP", "Bundle", "bundle", "python_version", "requirements"]

#: All that is on the job's command line. huggingface_hub looks whether each argument is a file
#: here, which a longer text can't be asked without an error.
BOOTSTRAP = (
    "import os,runpy,huggingface_hub as h;e=os.environ;"
    "runpy.run_path(h.hf_hub_download(e['TUNEKIT_REPO'],'job.py',"
    "revision=e['TUNEKIT_REVISION'],token=e['HF_TOKEN']),run_name='__main__')"
)
#: What the worker imports, by the names on the package index.
IMPORTED = (
    "accelerate",
    "filelock",
    "huggingface_hub",
    "numpy",
    "orjson",
    "peft",
    "pydantic",
    "safetensors",
    "tokenizers",
    "torch",
    "transformers",
)
FOUR_BITS = "bitsandbytes"
#: So that the same code is the same file.
LONG_AGO = (1980, 1, 1, 0, 0, 0)
COMMIT = re.compile(r"[0-9a-f]{40}")


class Bundle(NamedTuple):
    """Files of a repository, by name: bytes, or a file here. ``digest`` is the same for the same
    content."""

    files: Mapping[str, bytes | Path]
    digest: str

    def additions(self) -> list[CommitOperationAdd]:
        """For one commit; made anew each time, since a commit changes them."""
        from huggingface_hub import CommitOperationAdd

        return [
            CommitOperationAdd(name, content if isinstance(content, bytes) else str(content))
            for name, content in self.files.items()
        ]


def bundle(recipe: Recipe, weights: BaseWeights, folder: Path) -> Bundle:
    """What the job of a run is sent.

    Args:
        recipe: of the training, as it is for this machine.
        weights: it begins with.
        folder: of the run; its ``data`` holds the rows.

    Raises:
        StoreError: a file can't be read.
    """
    # The device, the paths and the threads are those of the job's machine.
    there = recipe.model_copy(
        update={"base_path": "", "cache": None, "device": "auto", "threads": None}
    )
    files: dict[str, bytes | Path] = {
        "package.zip": _package(),
        "run/recipe.json": there.model_dump_json().encode(),
    }
    for path in sorted((folder / "data").glob("*.jsonl")):
        files[f"run/data/{path.name}"] = path
    source = _on_the_hub(weights)
    card = {"files": {name: _sha256(one) for name, one in files.items()}, "base": source}
    told = json.dumps(card, sort_keys=True).encode()
    program = (Path(__file__).parent / "job.py").read_bytes()
    files |= {"job.json": told, "job.py": program}
    # Of the base weights the recipe knows the hashes.
    digest = hashlib.sha256(told + program).hexdigest()
    if source is None:
        files |= {f"base/{name}": weights.path / name for name in sorted(weights.files)}
    return Bundle(files, digest)


def requirements(method: str) -> list[str]:
    """What the job installs: the very versions that this machine has."""
    pinned = [f"{name}=={_version(name)}" for name in IMPORTED]
    if method == "qlora":
        try:
            pinned.append(f"{FOUR_BITS}=={_version(FOUR_BITS)}")
        except importlib.metadata.PackageNotFoundError:
            pinned.append(FOUR_BITS)  # needs a GPU, which this machine may not have
    return pinned


def python_version() -> str:
    """This machine's Python."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def _version(name: str) -> str:
    # "2.13.0+cpu" is a build for this machine.
    return importlib.metadata.version(name).partition("+")[0]


@cache
def _package() -> bytes:
    """The Python files of this package, in a zip."""
    root = Path(__file__).resolve().parents[2]
    packed = io.BytesIO()
    with (
        disk_errors(f"reading {root}"),
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for path in sorted(root.rglob("*.py")):
            name = path.relative_to(root.parent).as_posix()
            told = zipfile.ZipInfo(name, LONG_AGO)
            told.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(told, path.read_bytes())
    return packed.getvalue()


def _on_the_hub(weights: BaseWeights) -> dict[str, str] | None:
    """The repository and commit that weights came from, where they lie in the Hub's own cache
    (``models--ORG--NAME/snapshots/COMMIT``)."""
    snapshots = weights.path.parent
    repo = snapshots.parent.name
    if not (
        snapshots.name == "snapshots"
        and repo.startswith("models--")
        and COMMIT.fullmatch(weights.path.name)
    ):
        return None
    name = repo.removeprefix("models--").replace("--", "/")
    return {"repo": name, "revision": weights.path.name}


def _sha256(content: bytes | Path) -> str:
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest()
    with disk_errors(f"reading {content}"), content.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
