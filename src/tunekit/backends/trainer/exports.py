"""Models on their way to other tools: which kinds there are, and what each needs."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ...durable import disk_errors, write_file
from ...shapes import Shape
from ...training.threads import patient_threads
from ..abilities import Serving
from .gguf import convert, require_gguf
from .models import Place

if TYPE_CHECKING:
    from ...training.card import Artifact
    from ...training.language.language_model import LanguageModel
    from ...training.loading import Kept

__all__ = ["export", "kinds_of"]

READING = ("onnx", "safetensors")
WRITING = ("safetensors", "gguf", "gguf-q8_0")
#: Of a model that transformers loads as it is.
STOCK = ("safetensors",)
KINDS: Mapping[Shape, tuple[str, ...]] = {
    Shape.LABELLED: READING,
    Shape.SPANNED: READING,
    Shape.RANKED: READING,
    Shape.CHAT: WRITING,
    Shape.PAIR: WRITING,
}
#: What a kind is called by the program that converts.
PRECISIONS = {"gguf": "f16", "gguf-q8_0": "q8_0"}


def kinds_of(card: Artifact) -> tuple[str, ...]:
    """What a model can be written as."""
    kinds = KINDS.get(card.shape, ())
    return STOCK if card.method == "stock" and kinds == READING else kinds


def export(card: Artifact, place: Place, kind: str, folder: Path, serving: Serving) -> None:
    """Write a model as one of its kinds into an empty folder, and check that it answers as the
    original. Runs on the thread that torch runs on.

    Raises:
        MissingExtra: a package isn't installed.
        ModelError: it can't be written so, or answers otherwise.
        WeightsError: the base weights can't be loaded.
        StoreError: the disk refused.
    """
    if kind in PRECISIONS:
        require_gguf()
    with patient_threads():
        from ...training.loading import Kept

    kept = Kept(card, place.artifact, place.base, device="cpu", precision="fp32")
    if kinds_of(card) == STOCK:
        from ...training.stock.exporting import write_stock

        write_stock(kept, folder, temperature=serving.temperature)
        return
    if card.shape not in (Shape.CHAT, Shape.PAIR):
        _writer(kind)(kept, folder, temperature=serving.temperature)
        return
    if kind not in PRECISIONS:
        _write_speaker(kept, folder, serving)
        return
    with (
        disk_errors(f"writing {folder}"),
        # Beside the result, since it is as large and may not fit elsewhere.
        tempfile.TemporaryDirectory(prefix=".safetensors.", dir=folder) as temporary,
    ):
        _write_gguf(kept, kind, folder, Path(temporary), serving)


def _writer(kind: str) -> Callable[..., None]:
    from ...training.exporting.encoder_folder import write_encoder_folder
    from ...training.exporting.onnx_file import write_onnx

    return write_onnx if kind == "onnx" else write_encoder_folder


def _write_speaker(kept: Kept, folder: Path, serving: Serving) -> LanguageModel:
    from ...training.exporting.language_folder import write_language_folder, write_usage
    from ...training.language.language_model import LanguageModel

    model = kept.model(LanguageModel)
    write_language_folder(model, kept.base_path, folder, serving.before)
    write_usage(model, kept.card, folder, serving.before)
    return model


def _write_gguf(kept: Kept, kind: str, folder: Path, merged: Path, serving: Serving) -> None:
    from ...training.exporting.gguf_file import check_gguf, settle_tokens
    from ...training.exporting.language_folder import ends_of
    from ...training.exporting.ollama import Facts, modelfile

    model = _write_speaker(kept, merged, serving)
    settle_tokens(merged)
    precision = PRECISIONS[kind]
    file = folder / f"model-{precision}.gguf"
    # The last part: a base model may be named by a folder of this machine.
    convert(merged, file, precision=precision, name=Path(kept.card.base.name).name)
    check_gguf(file, merged)
    facts = Facts(file.name, ends_of(model), kept.card.max_length)
    said = modelfile(model.speech.text, serving.before, facts)
    write_file(folder / "Modelfile", said.encode())
    for name in ("chat_template.jinja", "usage.json"):
        (merged / name).replace(folder / name)
