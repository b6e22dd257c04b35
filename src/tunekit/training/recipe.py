"""What is to be trained, as JSON: all that a worker is told. No torch here."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..errors import ModelError
from ..shapes import Shape

__all__ = [
    "GREEDY",
    "Base",
    "Family",
    "Method",
    "Precision",
    "Recipe",
    "Settings",
    "Sharding",
    "Writing",
]

Precision: TypeAlias = Literal["auto", "fp32", "bf16"]
Family: TypeAlias = Literal["encoder", "causal", "seq2seq"]
Sharding: TypeAlias = Literal["none", "full"]
Method: TypeAlias = Literal[
    "auto",
    "head",
    "full",
    "lora",
    "qlora",
    "dpo",
    "bi-encoder",
    "cross-encoder",
    "zero-shot",
    "stock",
]


class _Values(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Base(_Values):
    """Base weights: what each file has to be, and how tokens become a vector.

    ``family`` says what the model is: one that reads, one that goes on writing, or one that reads a
    text and writes another. ``files`` has (relative name, SHA-256) pairs. ``max_length`` and
    ``limit`` count tokens: what the model was made for, and what it can take.
    """

    name: str
    files: tuple[tuple[str, str], ...]
    pooling: Literal["mean", "cls"] = "mean"
    max_length: int = Field(ge=1)
    limit: int = Field(ge=1)
    family: Family = "encoder"


class Settings(_Values):
    """What can be set about a training; ``None`` is what the method chooses itself.

    ``max_length`` counts tokens. ``weight_decay`` of a head is the factor of the squared weights in
    the loss (half of it, as optimizers count): ``mean cross-entropy + weight_decay / 2 *
    sum(W ** 2)``; elsewhere it is AdamW's. ``batch_size`` counts the examples of one optimizer
    step, whatever fits into memory at once. ``warmup`` is a share of all steps.
    ``class_weights="balanced"`` gives every label the same weight in the loss. ``beta`` is how dear
    it is to answer otherwise than the base model would, where preferences are learnt.
    """

    seed: int = Field(default=0, ge=0, lt=2**63)
    max_length: int | None = Field(default=None, ge=8)
    weight_decay: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    epochs: int | None = Field(default=None, ge=1)
    learning_rate: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    batch_size: int | None = Field(default=None, ge=1)
    warmup: float | None = Field(default=None, ge=0, lt=1)
    lora_rank: int | None = Field(default=None, ge=1)
    lora_alpha: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    beta: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    class_weights: Literal["balanced"] | None = None


class Writing(NamedTuple):
    """How a language model writes an answer.

    A token is the likeliest at ``temperature`` 0; else it is drawn among the likeliest that
    together have the probability ``top_p``. ``max_tokens`` is what an answer may have; ``None``
    leaves it to what was learnt.
    """

    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    max_tokens: int | None = None


GREEDY = Writing()


class Recipe(_Values):
    """One training, complete: the same recipe and data give the same model.

    ``labels`` are empty where the shape has none. ``device`` is ``"auto"`` or a torch device;
    ``precision`` that of training; ``base_path`` is the folder of the base weights here, ``cache``
    the folder in which embeddings are kept, or ``None``. ``tokens_at_once`` bounds what is computed
    at once, padding included; ``None`` is what the device takes well. ``save_memory`` has a
    language model compute anew what it needs on the way back. ``checkpoint_seconds`` pass at least
    between two checkpoints; ``trackers`` are those of accelerate, by name. ``sharding`` says what
    each of several processes has: all weights, or with ``"full"`` a part of each.
    """

    version: Literal[1] = 1
    method: Method = "head"
    shape: Shape = Shape.LABELLED
    base: Base
    base_path: str
    labels: tuple[str, ...] = ()
    settings: Settings = Settings()
    device: str = "auto"
    threads: int | None = Field(default=None, ge=1)
    precision: Precision = "auto"
    cache: str | None = None
    tokens_at_once: int | None = Field(default=None, ge=1)
    save_memory: bool = False
    checkpoint_seconds: float = Field(default=60.0, ge=0, allow_inf_nan=False)
    trackers: tuple[str, ...] = ()
    sharding: Sharding = "none"

    @property
    def max_length(self) -> int:
        """The tokens of a text that are read."""
        return self.settings.max_length or self.base.max_length

    @classmethod
    def read(cls, path: Path) -> Recipe:
        """Read a recipe.

        Raises:
            ModelError: there is none, or it can't be understood.
        """
        try:
            return cls.model_validate_json(path.read_bytes())
        except FileNotFoundError as error:
            raise ModelError(
                f"no {path}, so this is no run folder of the local backend. Name one that is."
            ) from error
        except (OSError, ValidationError) as error:
            raise ModelError(
                f"{path} is no recipe that this version reads: {error}. "
                "Train again, or use the version that wrote it."
            ) from error
