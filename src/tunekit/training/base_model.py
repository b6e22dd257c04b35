"""Base weights with their tokenizer, on a device, in a precision: what everything trains on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

import torch
from safetensors import SafetensorError
from tokenizers import Tokenizer

from ..errors import ConfigError, ModelError, WeightsError
from .recipe import Base, Precision, Recipe

__all__ = [
    "AdapterHabit",
    "BaseModel",
    "choose_device",
    "choose_precision",
    "first_line",
    "load_module",
    "quiet",
    "unused",
]

#: What a file may lack: numbers that are counted, not learnt.
COUNTED = frozenset(("position_ids", "token_type_ids", "inv_freq"))
SHOWN_NAMES = 3


class AdapterHabit(NamedTuple):
    """What an adapter (LoRA) is like where nobody says otherwise."""

    rank: int
    alpha: float
    dropout: float


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
        own: all weights, where they were trained; the file of the base model's isn't read then.
        narrow: whether the weights are kept in bf16, where that is the precision.

    Raises:
        WeightsError: the weights can't be loaded, or aren't all there.
        ModelError: the trained weights don't fit the base model.
        ConfigError: this machine has no such device.
    """

    #: The class of transformers that loads it.
    loader: ClassVar[str] = "AutoModel"
    adapter: ClassVar[AdapterHabit] = AdapterHabit(rank=16, alpha=32.0, dropout=0.05)
    #: Whether the vectors of the tokens themselves are trained where all weights are. They are half
    #: of a small encoder's weights, a training set shows a fraction of them, and the others would
    #: be left behind where they no longer fit.
    trains_tokens: ClassVar[bool] = False

    def __init__(
        self,
        base: Base,
        path: Path,
        *,
        max_length: int,
        device: str = "auto",
        precision: Precision = "auto",
        threads: int | None = None,
        own: Mapping[str, torch.Tensor] | None = None,
        narrow: bool = False,
    ) -> None:
        if threads is not None:
            torch.set_num_threads(threads)
        self.base = base
        self.max_length = max_length
        self.device = choose_device(device)
        self.precision = choose_precision(precision, self.device)
        self.tokenizer = self._read_tokenizer(path)
        half = narrow and self.precision == "bf16"
        self.module = self._load(path, own, torch.bfloat16 if half else torch.float32)

    @classmethod
    def of(cls, recipe: Recipe, **options: Any) -> Self:
        """The base model of a training."""
        return cls(
            recipe.base,
            Path(recipe.base_path),
            max_length=recipe.max_length,
            device=recipe.device,
            precision=recipe.precision,
            threads=recipe.threads,
            **options,
        )

    def _read_tokenizer(self, path: Path) -> Any:
        return _load_tokenizer(self.base, path, self.max_length)

    def _load(self, path: Path, own: Mapping[str, torch.Tensor] | None, dtype: torch.dtype) -> Any:
        """The module on its device."""
        if own is None:
            loaded = load_module(self.base, path, self.loader, dtype)
        else:
            loaded = _built_of(self.base, path, self.loader, own)
        return loaded.to(self.device)

    @property
    def dimensions(self) -> int:
        """The length of a hidden state."""
        return int(self.module.config.hidden_size)

    @property
    def padding(self) -> int:
        """The token id that shorter texts of a batch are filled up with."""
        return int(getattr(self.module.config, "pad_token_id", None) or 0)

    def autocast(self, precision: str | None = None) -> torch.autocast:
        """Computes in bf16 what gains by it, where that is the precision (the model's, if none is
        named)."""
        half = (precision or self.precision) == "bf16"
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


def choose_device(wanted: str) -> torch.device:
    """``"auto"`` resolved: a GPU where there is one.

    Raises:
        ConfigError: this machine has no such device.
    """
    if wanted == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(wanted)
        torch.empty(0, device=device)  # the name alone doesn't say that it is there
    except (AssertionError, RuntimeError) as error:
        raise ConfigError(
            f"device={wanted!r}: this machine or this build of torch has none "
            f"({first_line(error)}). Set device='auto', or name one that is there."
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


def load_module(
    base: Base,
    path: Path,
    loader: str,
    dtype: torch.dtype,
    *,
    whole: bool = False,
    **options: Any,
) -> Any:
    """A base model's module in evaluation mode.

    Args:
        base: what it is called.
        path: the folder it is in.
        loader: the class of transformers that loads it.
        dtype: of its weights.
        whole: whether what has no part in a text's vector has to be there, too.
        options: further ones of ``from_pretrained``.

    Raises:
        WeightsError: the weights can't be loaded, or aren't all there.
    """
    import transformers

    kind = getattr(transformers, loader)

    def loaded(attention: str) -> Any:
        return kind.from_pretrained(
            path,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            attn_implementation=attention,
            dtype=dtype,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # refused below, by name
            **options,
        )

    try:
        with quiet():
            model, report = _attending(loaded)
    except (OSError, ValueError, KeyError, RuntimeError, TypeError, SafetensorError) as error:
        raise WeightsError(
            f"{base.name}: transformers can't load {path} ({first_line(error)}). "
            "Name another base model, or put this one there again."
        ) from error
    _require_all(base, path, report, whole)
    return model.eval()


def _built_of(base: Base, path: Path, loader: str, own: Mapping[str, torch.Tensor]) -> Any:
    """The base model's architecture with weights of its own."""
    import transformers

    try:
        with quiet():
            config = transformers.AutoConfig.from_pretrained(
                path, local_files_only=True, trust_remote_code=False
            )
            kind = getattr(transformers, loader)
            model = _attending(
                lambda attention: kind.from_config(
                    config,
                    trust_remote_code=False,
                    attn_implementation=attention,
                    dtype=torch.float32,
                )
            )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(
            f"{base.name}: transformers can't build what {path} describes "
            f"({first_line(error)}). Put the model there again."
        ) from error
    try:
        missing, unexpected = model.load_state_dict(own, strict=False)
    except RuntimeError as error:
        raise ModelError(
            f"the trained weights don't fit {base.name} ({first_line(error)}). "
            "Train again, or copy the model again."
        ) from error
    # Weights that are used twice are in the file once.
    there = {one.data_ptr() for name, one in model.state_dict().items() if name in own}
    state = model.state_dict()
    lacking = [name for name in missing if not unused(name) and state[name].data_ptr() not in there]
    wrong = [*unexpected, *lacking]
    if wrong:
        raise ModelError(
            f"the trained weights don't fit {base.name}: {', '.join(sorted(wrong)[:SHOWN_NAMES])}. "
            "Train again, or copy the model again."
        )
    return model.eval()


def _attending(build: Callable[[str], Any]) -> Any:
    """What comes of this with torch's own attention, or, in a family that can't use it (Gemma 2
    bounds its scores), with attention written out. Named in any case: a config.json may name
    another one, which would be code from elsewhere."""
    try:
        return build("sdpa")
    except ValueError as error:
        if "scaled_dot_product_attention" not in str(error):
            raise
    return build("eager")


def _require_all(base: Base, path: Path, report: Any, whole: bool) -> None:
    """Whatever the file didn't fill has random numbers, and nobody would notice."""
    mismatched = [name for name, *_ in report["mismatched_keys"]]
    for names, what in ((report["missing_keys"], "lacks"), (mismatched, "has another size of")):
        if wanting := sorted(name for name in names if not (_counted if whole else unused)(name)):
            more = f" and {len(wanting) - SHOWN_NAMES} more" * (len(wanting) > SHOWN_NAMES)
            raise WeightsError(
                f"{base.name}: the file of weights in {path} {what} "
                f"{', '.join(wanting[:SHOWN_NAMES])}{more}, which its config.json asks for. Save "
                "the model there again (model.save_pretrained(…)), or name another base model."
            )


def unused(name: str) -> bool:
    """Whether a tensor has no part in a text's vector: the pooler's, and what isn't learnt."""
    return "pooler" in name.split(".")[:-1] or _counted(name)


def _counted(name: str) -> bool:
    return name.rpartition(".")[2] in COUNTED


def first_line(error: BaseException) -> str:
    """What an error of a library says, in one line."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


@contextmanager
def quiet() -> Iterator[None]:
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
