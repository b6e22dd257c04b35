"""ONNX: an encoder as a graph that any runtime runs, compared with the original.

::

    model.onnx                      from tokens to what the answer is made of (model.onnx.data
                                    beside it, where the weights are too large for one file)
    tokenizer.json                  pads, and cuts at max_length where texts are cut
    usage.json                      inputs, outputs, labels, temperature, and how to go on from it
"""

from __future__ import annotations

import importlib.util
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from ..._version import __version__
from ...durable import disk_errors
from ...errors import MissingExtra, ModelError
from ..base_model import first_line
from ..loading import Kept
from ..padding import pad
from ..pooled import Tokens
from .comparing import Array, compare
from .files import write_json, write_tokenizer
from .subjects import Run, Subject, subject_of

__all__ = ["write_onnx"]

NEEDED = ("onnx", "onnxscript", "onnxruntime")
#: The newest that every runtime in use reads, and that the exporter writes without a conversion.
OPSET = 18
#: A file of ONNX holds no more than 2 GB; above, weights have a file of their own.
ONE_FILE_UP_TO = 1_800_000_000
#: Who talks on the user's terminal while a graph is made.
TALKERS = ("torch.onnx", "onnxscript", "onnx_ir")


def write_onnx(kept: Kept, folder: Path, *, temperature: float | None) -> None:
    """Write an encoder into an empty folder, as ONNX with all that is needed to use it.

    Args:
        kept: the model; it is computed in fp32 on the CPU.
        folder: empty.
        temperature: what the model's probabilities want.

    Raises:
        MissingExtra: the packages aren't installed.
        ModelError: it can't be read or written so, or what was written answers otherwise.
        WeightsError: the base weights can't be loaded.
        StoreError: the disk refused.
    """
    for package in NEEDED:
        if importlib.util.find_spec(package) is None:
            raise MissingExtra(f"export: the package {package!r} isn't installed.", extra="onnx")
    subject = subject_of(kept)
    expected = subject.expected()
    file = folder / "model.onnx"
    try:
        with _quiet(), disk_errors(f"writing {file}"):
            _write_graph(subject, file)
            found = subject.found(_run_of(subject, file))
    except (ModelError, OSError, MemoryError):
        raise
    except Exception as error:  # whatever a step of the exporter or of the runtime raises
        raise ModelError(
            f"{kept.card.base.name} can't be exported as ONNX ({_cause(error)}). "
            "kind='safetensors' writes it for transformers."
        ) from error
    compare(expected, found, "the ONNX graph")
    write_tokenizer(subject.model, folder, cuts=subject.cuts)
    write_json(folder / "usage.json", _usage(subject, kept, temperature))


def _usage(subject: Subject, kept: Kept, temperature: float | None) -> dict[str, Any]:
    axes = ("batch", "length")
    return {
        "version": 1,
        "tunekit": __version__,
        "shape": str(kept.card.shape),
        "file": "model.onnx",
        "opset": OPSET,
        "inputs": {name: {"type": "int64", "axes": axes} for name in subject.graph.inputs},
        "outputs": {
            name: {"type": "float32", "axes": of_it}
            for name, of_it in subject.graph.outputs.items()
        },
        "tokenizer": "tokenizer.json",
        "max_length": kept.card.max_length,
        "padding": subject.model.padding,
        "pooling": kept.card.base.pooling,
        "temperature": temperature,
        **subject.usage(),
    }


def _write_graph(subject: Subject, file: Path) -> None:
    graph = subject.graph
    graph.base.set_attn_implementation("eager")  # others have operators that ONNX hasn't
    # Any two texts do, if their lengths differ: what is fixed and what isn't is said below.
    ids, mask = pad([[1, 2, 3, 4, 5], [1, 2, 3]], torch.device("cpu"), filler=subject.model.padding)
    given = (ids, mask, torch.zeros_like(ids))[: len(graph.inputs)]
    made = torch.onnx.export(
        graph,
        given,
        dynamo=True,
        verbose=False,
        opset_version=OPSET,
        input_names=list(graph.inputs),
        output_names=list(graph.outputs),
        dynamic_shapes=({0: "batch", 1: "length"},) * len(given),
    )
    assert made is not None
    _forget_origins(made.model)
    size = sum(one.numel() * one.element_size() for one in graph.parameters())
    made.save(file, external_data=size > ONE_FILE_UP_TO)


def _forget_origins(model: Any) -> None:
    """Take out where each node comes from: lines of code, with the paths of this machine."""
    for part in (model, model.graph, *model.functions.values()):
        part.metadata_props.clear()
    for node in model.graph.all_nodes():
        node.metadata_props.clear()
        for value in (*node.inputs, *node.outputs):
            if value is not None:
                value.metadata_props.clear()


def _run_of(subject: Subject, file: Path) -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    names = subject.graph.inputs

    def run(texts: Sequence[Tokens]) -> dict[str, Array]:
        cpu = torch.device("cpu")
        ids, mask = pad([text.ids for text in texts], cpu, filler=subject.model.padding)
        types = pad([text.types or [0] * len(text.ids) for text in texts], cpu).ids
        given = dict(zip(names, (one.numpy() for one in (ids, mask, types)), strict=False))
        said: Any = session.run(None, given)
        return dict(zip(subject.graph.outputs, said, strict=True))

    return run


def _cause(error: BaseException) -> str:
    """What is behind an error: the exporter's own say only in which step it happened."""
    while error.__cause__ is not None:
        error = error.__cause__
    return first_line(error)


@contextmanager
def _quiet() -> Iterator[None]:
    """No word of the exporter on the user's terminal; afterwards all is as it was."""
    loggers = [logging.getLogger(name) for name in TALKERS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            # Of one library to another; nobody here can do anything about them.
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
