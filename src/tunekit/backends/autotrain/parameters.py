"""Portable settings as AutoTrain's own, and back. None is dropped: what isn't there is refused.

AutoTrain drops what it doesn't know without a word, and takes some settings that nothing in it
reads. Both are refused here, by name and with the reason, as its source (0.8.36) says them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field, TypeAdapter, ValidationError

from ...errors import HyperparameterError, did_you_mean
from ...planning import Route
from .methods import task_of

__all__ = ["checked", "parameters", "portable"]

Count = Annotated[int, Field(strict=True, ge=1)]
Rate = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, lt=1)]
Size = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Flag = Annotated[bool, Field(strict=True)]
Length = Annotated[int, Field(strict=True, ge=8)]


class Knob(NamedTuple):
    """A setting: what AutoTrain calls it, what it may be, and its value where nobody names one."""

    name: str
    kind: Any
    usual: Any = None


STEPS: Mapping[str, Knob] = {
    "learning_rate": Knob("lr", Rate, 5e-5),
    "epochs": Knob("epochs", Count, 3),
    "batch_size": Knob("batch_size", Count, 8),
    "warmup": Knob("warmup_ratio", Share, 0.1),
    "weight_decay": Knob("weight_decay", Size, 0.0),
}
#: AutoTrain's own, by its own names.
OWN: Mapping[str, Knob] = {
    name: Knob(name, kind)
    for name, kind in {
        "gradient_accumulation": Count,
        "optimizer": Literal["adamw_torch", "adamw_hf", "sgd", "adafactor", "adagrad"],
        "scheduler": Literal[
            "linear", "cosine", "cosine_with_restarts", "polynomial", "constant",
            "constant_with_warmup",
        ],
        "max_grad_norm": Size,
        "mixed_precision": Literal["fp16", "bf16"],
        "logging_steps": Count,
        "auto_find_batch_size": Flag,
    }.items()
}  # fmt: skip
PATIENCE: Mapping[str, Knob] = {
    "early_stopping_patience": Knob("early_stopping_patience", Count),
    "early_stopping_threshold": Knob("early_stopping_threshold", Size),
}
LENGTH = {"max_length": Knob("max_seq_length", Length)}
BLOCKS = {
    "max_length": Knob("block_size", Length),
    "disable_gradient_checkpointing": Knob("disable_gradient_checkpointing", Flag),
    "use_flash_attention_2": Knob("use_flash_attention_2", Flag),
}
WRITING = {
    **STEPS,
    "learning_rate": Knob("lr", Rate, 3e-5),
    "epochs": Knob("epochs", Count, 1),
    **BLOCKS,
    **OWN,
}
ADAPTERS = {
    "peft": Knob("peft", Flag, True),
    "lora_rank": Knob("lora_r", Count, 16),
    "lora_alpha": Knob("lora_alpha", Count, 32),
    "lora_dropout": Knob("lora_dropout", Share),
    "target_modules": Knob("target_modules", str),
    "quantization": Knob("quantization", Literal["int4", "int8"]),
}
PAIRS = {
    "max_prompt_length": Knob("max_prompt_length", Length),
    "max_completion_length": Knob("max_completion_length", Length),
}

KNOBS: Mapping[str, Mapping[str, Knob]] = {
    "text-classification": {**STEPS, **LENGTH, **OWN, **PATIENCE},
    "token-classification": {**STEPS, **LENGTH, **OWN, **PATIENCE},
    "seq2seq": {
        **STEPS,
        "batch_size": Knob("batch_size", Count, 2),
        "seed": Knob("seed", Annotated[int, Field(strict=True, ge=0, lt=2**32)], 0),
        **LENGTH,
        "max_target_length": Knob("max_target_length", Length),
        **OWN,
        **PATIENCE,
    },
    "sft": {**WRITING, **ADAPTERS},
    "reward": WRITING,
    "dpo": {**WRITING, **ADAPTERS, **PAIRS, "beta": Knob("dpo_beta", Rate, 0.1)},
    "orpo": {**WRITING, **ADAPTERS, **PAIRS},
}

NO_SEED = "AutoTrain takes one for this task and uses it nowhere, so that no two runs are the same"
NO_ADAPTER = "there are no adapters here: all weights are trained"
WHY_NOT: Mapping[str, str] = {
    "seed": NO_SEED,
    "beta": "it belongs to method 'dpo'",
    "class_weights": "AutoTrain gives every row the same weight",
    **dict.fromkeys(("lora_rank", "lora_alpha", "lora_dropout", "peft"), NO_ADAPTER),
}
WHY_NOT_HERE: Mapping[str, Mapping[str, str]] = {
    "orpo": {"beta": "AutoTrain leaves ORPO's at 0.1"},
    "reward": dict.fromkeys(
        ("lora_rank", "lora_alpha", "lora_dropout", "peft"),
        "AutoTrain merges an adapter into a model that writes, and loses the head that scores",
    ),
    "seq2seq": dict.fromkeys(
        ("lora_rank", "lora_alpha", "lora_dropout", "peft"),
        "AutoTrain gives back an adapter alone here, and never merges it",
    ),
}
OF_ADAPTERS = frozenset(ADAPTERS) - {"peft"}
#: Where nobody says how the rows of a step are divided, AutoTrain's own way for language models.
STEPS_AT_ONCE = (4, 2, 1)


def checked(backend: str, route: Route, given: Mapping[str, Any], devices: int) -> dict[str, Any]:
    """What will be applied, by portable names.

    Args:
        backend: its name, for messages.
        route: the way it is trained.
        given: by portable names, and AutoTrain's own for what has none.
        devices: that share the rows of a step.

    Raises:
        HyperparameterError: one that is unknown here, out of range, or that nothing would read.
    """
    knobs, method = KNOBS[route.method], route.method
    for name, value in given.items():
        if name not in knobs:
            why = WHY_NOT_HERE.get(method, {}).get(name) or WHY_NOT.get(name)
            why = why or did_you_mean(name, knobs)
            raise HyperparameterError(
                f"{backend}: method {method!r} has no {name!r}: {why.rstrip('.')}. It has "
                f"{', '.join(sorted(knobs))}."
            )
        _check(backend, name, value, knobs[name])
    if given.get("peft") is False:
        for name in OF_ADAPTERS.intersection(given):
            raise HyperparameterError(
                f"{backend}: {name}={given[name]!r} with peft=False: {NO_ADAPTER}. Leave one out."
            )
    usual = {name: knob.usual for name, knob in knobs.items() if knob.usual is not None}
    if given.get("peft") is False:
        usual = {name: value for name, value in usual.items() if name not in OF_ADAPTERS}
    applied = {**usual, **given}
    _shares(backend, applied, devices)
    return applied


def _check(backend: str, name: str, value: Any, knob: Knob) -> None:
    if isinstance(value, bool) and knob.kind is not Flag:
        raise HyperparameterError(f"{backend}: {name}={value!r}. Give a number, or leave it out.")
    try:
        TypeAdapter(knob.kind).validate_python(value)
    except ValidationError as error:
        wrong = error.errors(include_url=False)[0]["msg"]
        raise HyperparameterError(
            f"{backend}: {name}={value!r}: {wrong}. Give a value in range, or leave it out."
        ) from error


def _shares(backend: str, applied: Mapping[str, Any], devices: int) -> tuple[int, int]:
    """The rows that one device takes at once, and how often before a step: AutoTrain counts these,
    and a step has the rows of all devices together."""
    rows, told = applied["batch_size"], applied.get("gradient_accumulation")
    language = "disable_gradient_checkpointing" in applied or "peft" in applied
    ways = (told,) if told else STEPS_AT_ONCE if language else (1,)
    for times in ways:
        if rows % (times * devices) == 0:
            return rows // (times * devices), times
    parts = [f"gradient_accumulation={told}"] if told else []
    parts += [f"{devices} devices"] if devices > 1 else []
    raise HyperparameterError(
        f"{backend}: batch_size={rows} can't be divided by {' and '.join(parts)}. It counts the "
        "rows of one step, on all devices together: give a multiple."
    )


def parameters(
    backend: str,
    method: str,
    applied: Mapping[str, Any],
    *,
    devices: int,
    length: int,
    limit: int,
) -> dict[str, Any]:
    """Settings as AutoTrain takes them.

    Args:
        backend: its name, for messages.
        method: one of ours.
        applied: as :func:`checked` gave them.
        devices: that share the rows of a step.
        length: the tokens that are read, where nobody names them.
        limit: the tokens that the base model takes.
    """
    knobs = KNOBS[method]
    told = {knobs[name].name: value for name, value in applied.items()}
    told["batch_size"], told["gradient_accumulation"] = _shares(backend, applied, devices)
    length = int(applied.get("max_length") or length)
    told["log"] = "tensorboard"
    told["save_total_limit"] = 1
    trainer = task_of(method).trainer
    if trainer is None:
        told["max_seq_length"] = length
        if method == "seq2seq":
            told.setdefault("max_target_length", length)
            told["peft"] = False
        return told
    told |= {
        "trainer": trainer,
        "block_size": length,
        # Written down as what the trained model takes, where its tokenizer says nothing of it.
        "model_max_length": limit,
        # Rows come as the model's own template writes them, see :mod:`.rows`.
        "chat_template": None,
        "add_eos_token": True,
    }
    told.setdefault("peft", False)
    # Its own choice, int4, needs a GPU and a package that is broken on today's torch.
    told.setdefault("quantization", None)
    # Without it the repository would hold an adapter alone.
    told["merge_adapter"] = bool(told["peft"])
    if method in ("dpo", "orpo"):
        # Its own is 128, and what is longer loses its beginning.
        told.setdefault("max_prompt_length", length)
        told.setdefault("max_completion_length", length)
    return told


def portable(method: str, told: Mapping[str, Any], devices: int) -> dict[str, Any]:
    """What AutoTrain says it applied, by portable names.

    Args:
        method: one of ours.
        told: its ``training_params.json``.
        devices: that shared the rows of a step.
    """
    knobs = KNOBS[method]
    found = {name: told[knob.name] for name, knob in knobs.items() if knob.name in told}
    if not told.get("peft"):
        found = {name: value for name, value in found.items() if name not in OF_ADAPTERS}
    rows, times = told.get("batch_size"), told.get("gradient_accumulation", 1)
    if isinstance(rows, int) and isinstance(times, int):
        found["batch_size"] = rows * times * devices
    return {name: value for name, value in found.items() if value is not None}
