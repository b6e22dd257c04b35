"""Language models that are small and yet have opinions: their odds are far apart."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .samples import enliven, load

if TYPE_CHECKING:
    from tunekit.training.language.language_model import LanguageModel


@pytest.fixture(scope="session")
def lively(tiny_causal: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of ``tiny_causal`` with such weights."""
    folder = tmp_path_factory.mktemp("lively") / "model"
    model = load(tiny_causal)
    enliven(model.module)
    shutil.copytree(tiny_causal, folder)
    model.module.save_pretrained(folder)
    return folder


@pytest.fixture
def model(lively: Path) -> LanguageModel:
    return load(lively)


@pytest.fixture
def write_model(lively: Path, tmp_path: Path) -> Callable[[Any], Path]:
    """Writes the folder of another family's model, with the tokenizer of the tiny ones."""

    def write(module: Any) -> Path:
        folder = tmp_path / "other"
        shutil.copytree(lively, folder, ignore=shutil.ignore_patterns("*.safetensors", "*config*"))
        shutil.copy(lively / "tokenizer_config.json", folder)
        module.save_pretrained(folder)
        return folder

    return write
