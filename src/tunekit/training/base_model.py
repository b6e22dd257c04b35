"""Base weights with their tokenizer, on a device, in a precision: what everything trains on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from tokenizers import Tokenizer

from ..errors import ConfigError, WeightsError
from .recipe import Base, Precision

__all__ = ["BaseModel", "choose_precision"]

#: What a file may lack: numbers that are counted, not learnt.
COUNTED = frozenset(("position_ids", "token_type_ids", "inv_freq"))
SHOWN_NAMES = 3


class BaseModel:
    """A base model and its tokenizer.

    ``module`` gives the last hidden states, in evaluation mode; ``tokenizer`` neither pads nor
    reads beyond ``max_length`` tokens.

    Args:
        base: the weights and their pooling.
        path: the folder they are in.
        max_length: tokens of a text that are read; the rest is cut.
        device: ``"auto"`` or a torch device.
        precision: ``"auto"`` takes bf16 where the chip computes in it.
        threads: of torch on the CPU; ``None`` leaves torch's own choice.

    Raises:
        WeightsError: the weights can't be loaded, or aren't all there.
        ConfigError: this machine has no such device.
    """

    def __init__(
        self,
        base: Base,
        path: Path,
        *,
        max_length: int,
        device: str = "auto",
        precision: Precision = "auto",
        threads: int | None = None,
    ) -> None:
        if threads is not None:
            torch.set_num_threads(threads)
        self.base = base
        self.max_length = max_length
        self.device = _choose_device(device)
        self.precision = choose_precision(precision, self.device)
        self.tokenizer = _load_tokenizer(base, path, max_length)
        self.module = _load_model(base, path).to(self.device)

    @property
    def dimensions(self) -> int:
        """The length of a hidden state."""
        return int(self.module.config.hidden_size)

    def autocast(self) -> torch.autocast:
        """Computes in bf16 what gains by it, where that is the precision."""
        half = self.precision == "bf16"
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=half)


def choose_precision(wanted: Precision, device: torch.device) -> Precision:
    """``"auto"`` resolved: bf16 where the chip multiplies matrices in it, else fp32."""
    if wanted != "auto":
        return wanted
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    if device.type != "cpu":
        return "fp32"
    # Older versions of torch can't say: fp32 is always right, only slower.
    capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    able = any(capabilities.get(name) for name in ("avx512_bf16", "amx_bf16"))
    return "bf16" if able else "fp32"


def _choose_device(wanted: str) -> torch.device:
    if wanted == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(wanted)
        torch.empty(0, device=device)  # the name alone doesn't say that it is there
    except (AssertionError, RuntimeError) as error:
        raise ConfigError(
            f"device={wanted!r}: this machine or this build of torch has none "
            f"({_first_line(error)}). Set device='auto', or name one that is there."
        ) from error
    return device


def _load_tokenizer(base: Base, path: Path, max_length: int) -> Any:
    file = path / "tokenizer.json"
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises bare Exception
        raise WeightsError(
            f"{base.name}: {file} can't be read ({error}). Put the model there again."
        ) from error
    # The file may bring its own padding and a shorter truncation.
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length)
    return tokenizer


def _load_model(base: Base, path: Path) -> Any:
    from transformers import AutoModel

    try:
        with _quiet():
            model, report = AutoModel.from_pretrained(
                path,
                local_files_only=True,
                use_safetensors=True,
                trust_remote_code=False,
                attn_implementation="sdpa",
                dtype=torch.float32,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # refused below, by name
            )
    except (OSError, ValueError, KeyError, RuntimeError, TypeError, SafetensorError) as error:
        raise WeightsError(
            f"{base.name}: transformers can't load {path} ({_first_line(error)}). "
            "Name another base model, or put this one there again."
        ) from error
    _require_all(base, path, report)
    return model.eval()


def _require_all(base: Base, path: Path, report: Any) -> None:
    """Whatever the file didn't fill has random numbers, and nobody would notice."""
    mismatched = [name for name, *_ in report["mismatched_keys"]]
    for names, what in ((report["missing_keys"], "lacks"), (mismatched, "has another size of")):
        if wanting := sorted(name for name in names if not _unused(name)):
            more = f" and {len(wanting) - SHOWN_NAMES} more" * (len(wanting) > SHOWN_NAMES)
            raise WeightsError(
                f"{base.name}: the file of weights in {path} {what} "
                f"{', '.join(wanting[:SHOWN_NAMES])}{more}, which its config.json asks for. Save "
                "the model there again (model.save_pretrained(…)), or name another base model."
            )


def _unused(name: str) -> bool:
    """Whether a tensor has no part in a text's vector: the pooler's, and what isn't learnt."""
    *modules, last = name.split(".")
    return "pooler" in modules or last in COUNTED


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


@contextmanager
def _quiet() -> Iterator[None]:
    """No load report and no bar on the user's terminal; afterwards all is as it was."""
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
