"""Where a model is: the file of a compiled prompt, or a model of the provider by its name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import orjson

from ...durable import disk_errors, write_file
from ...errors import ModelError, StoreError
from ...formats.base import Header, Undecoded
from ...formats.registry import codec
from ...planning import Work
from ...prompted import Compiled, compile_prompt
from ...shapes import Example

__all__ = ["FILE", "compile_run", "folder_of", "named_in", "write_name"]

FILE = "prompt.json"
NAME = "model.json"
#: How an id begins that says where a compiled prompt is.
RUN, FOLDER = "run:", "folder:"


def folder_of(home: Path, id: str) -> Path | None:
    """The folder of a compiled prompt; ``None`` where the id is a model's own name."""
    if id.startswith(RUN):
        return home / "runs" / Path(id.removeprefix(RUN)).name / "artifact"
    return Path(id.removeprefix(FOLDER)) if id.startswith(FOLDER) else None


def compile_run(work: Work, run: Path) -> Compiled:
    """Compile the prompt of a run from its rendered rows, and keep it there.

    Raises:
        StoreError: the disk refused, or the rows are damaged.
    """
    compiled = compile_prompt(
        _examples(run / "data" / "train.jsonl", work.route.format),
        work.prompt,
        model=work.model,
        **work.hyperparameters,
    )
    with disk_errors(f"writing {run / 'artifact'}"):
        (run / "artifact").mkdir(exist_ok=True)
    compiled.write(run / "artifact" / FILE)
    return compiled


def _examples(path: Path, format: str) -> Iterator[Example]:
    wire = codec(format)
    with disk_errors(f"reading {path}"), path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                read = wire.decode(orjson.loads(line), Header())
            except orjson.JSONDecodeError as error:
                read = Undecoded(None, str(error))
            if isinstance(read, Undecoded):
                raise StoreError(f"{path}:{number}: {read.message} Start the run anew.")
            yield read


def write_name(folder: Path, model: str) -> None:
    """Keep the name of a model that answers without a compiled prompt."""
    write_file(folder / NAME, orjson.dumps({"model": model}))


def named_in(folder: Path) -> str | None:
    """The name that :func:`write_name` kept; ``None`` where a compiled prompt is kept.

    Raises:
        ModelError: neither is there.
    """
    if (folder / FILE).is_file():
        return None
    try:
        return str(orjson.loads((folder / NAME).read_bytes())["model"])
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise ModelError(
            f"{folder} holds no model of this backend ({type(error).__name__}). Save it again."
        ) from error
