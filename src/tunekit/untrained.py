"""Models that nobody trained: pretrained ones, also with examples in the prompt, and rules."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ._version import __version__
from .backends.abilities import Rules, ZeroShot
from .backends.base import Backend, ModelRef
from .data.dataset import Dataset
from .errors import InputError, UnsupportedTask
from .model import Kind, Model
from .prompted import choose_shots
from .resolving import base_for, spec_of
from .shapes import Better, Example, Said, Shape, Turns
from .tasks.base import Prompt, Task

__all__ = ["untrained"]

#: Rows that examples are chosen from: more of them show little that is new.
MOST_ROWS = 10_000
#: What a pretrained encoder answers by likeness.
HEADS = (Shape.LABELLED, Shape.RANKED)


def untrained(built: Backend, data: Dataset, model: str | Path | None, shots: int) -> Model:
    """The baseline of a backend: see :func:`tunekit.baseline`."""
    check_count(shots)
    if isinstance(built, Rules):
        if shots or model:
            raise UnsupportedTask(
                f"{built.name} is a rule: it has no shots and no base model. Leave them out."
            )
        ref, shape = built.rule(data)
        name = ref.id.partition(":")[0]
        return _model(built, data, "trivial", ref, shape, data.task.prompt(), name)
    base = base_for(built, model, data.task)
    if isinstance(built, ZeroShot) and (_chats(built, base) or not shots):
        ref = built.zero_shot(data.task, base)
        chats = _chats(built, base)  # it may have been fetched for that, and is known since
        heads = (one for one in data.task.offers if one in HEADS)
        shape = _chat(data.task) if chats else next(heads)
        prompt = _shown(data, shots) if shots else data.task.prompt()
        kind: Kind = "prompted" if shots else "zero-shot"
        return _model(built, data, kind, ref, shape, prompt, base, {"shots": shots})
    raise UnsupportedTask(
        f"backend {built.name!r} has no baseline of {data.task.kind} with {shots} shots on "
        f"{base!r}. Take 'local' for classification and for options to choose from, without shots; "
        "backends that chat have all, and 'trivial' has rules."
    )


def _chats(built: Backend, base: str) -> bool:
    return any(route.shape is Shape.CHAT for route in built.routes(base))


def _chat(task: Task) -> Shape:
    """The shape in which a task is a conversation."""
    return Shape.CHAT if Shape.CHAT in task.offers else Shape.PAIR


def _as_said(example: Example) -> Example:
    """Of two answers the better one is what is shown."""
    asked, target = example
    return Example(asked, Said(target.chosen)) if isinstance(target, Better) else example


def check_count(shots: Any) -> None:
    """Raise InputError for what is no number of examples."""
    if isinstance(shots, bool) or not isinstance(shots, int) or shots < 0:
        raise InputError(f"shots={shots!r}. Give how many examples to show, from 0 on.")


def _model(
    built: Backend,
    data: Dataset,
    kind: Kind,
    ref: ModelRef,
    shape: Shape,
    prompt: Prompt,
    base: str,
    more: Mapping[str, Any] = {},
) -> Model:
    return Model(
        task=data.task,
        kind=kind,
        ref=ref,
        prompt=prompt,
        shape=shape,
        base=base,
        spec=spec_of(built),
        backend=built,
        provenance={
            "model": base,
            "backend": built.name,
            "fingerprints": {"train": data.fingerprint},
            "prompt": prompt.hash,
            "tunekit": __version__,
            **more,
        },
    )


def _shown(data: Dataset, shots: int) -> Prompt:
    """The task's prompt with examples of the rows."""
    prompt = data.task.prompt()
    some = data if len(data) <= MOST_ROWS else data.sample(MOST_ROWS)
    shape = _chat(data.task)
    examples = [_as_said(data.task.lower(row, shape, prompt)[0]) for row in some]
    shown = []
    for example in choose_shots(examples, shots):
        assert isinstance(example.input, Turns) and isinstance(example.target, Said)
        asked = [turn.text for turn in example.input.turns if turn.role == "user"]
        shown.append((*asked, example.target.text))
    return Prompt(system=prompt.system, shots=tuple(shown))
