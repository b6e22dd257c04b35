"""A compiled prompt: all that a training set came to, as one file.

What stands before every input comes first and never changes, so that a provider may keep it; the
examples nearest to the very input follow, and then the input.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..durable import disk_errors, write_file
from ..errors import InputError, ModelError
from ..shapes import Example, Said, Turn, Turns
from ..tasks.base import Prompt
from .choosing import Gathered
from .nearness import Vectors, alike, vectors_of
from .shots import Shot, apart, asked_in, said_in, shot_of, tokens_of

__all__ = ["Compiled", "compile_prompt"]

#: The most that the pool holds: what is looked through for every input, and read with the model.
MOST_POOL, MOST_POOL_BYTES = 2_000, 8_000_000


class Compiled(BaseModel):
    """A prompt with examples. Made by :func:`compile_prompt`, kept as JSON.

    ``model`` is the model it is for, ``prompt`` the task's own words, ``shots`` the examples that
    are always shown, ``pool`` those of which the ``nearest`` ones are. All examples together take
    at most ``token_budget`` tokens, estimated as ``tokens`` says. ``seed`` chose them. ``longest``
    is the longest answer of the training set, in bytes: room that an answer may need.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    model: str
    prompt: Prompt
    shots: tuple[Shot, ...] = ()
    pool: tuple[Shot, ...] = ()
    nearest: int = Field(default=0, ge=0)
    token_budget: int = Field(default=0, ge=0)
    tokens: Literal["bytes/4"] = "bytes/4"
    seed: int = 0
    longest: int = Field(default=0, ge=0)

    def __repr__(self) -> str:
        return (
            f"<Compiled prompt {self.hash}: {len(self.shots)} shots, {self.nearest} nearest of "
            f"{len(self.pool)}>"
        )

    __str__ = __repr__

    @cached_property
    def hash(self) -> str:
        """Sixteen hexadecimal digits that change with anything in it."""
        return hashlib.blake2b(self.model_dump_json().encode(), digest_size=8).hexdigest()

    @cached_property
    def prefix(self) -> tuple[Turn, ...]:
        """The turns that stand before every input, and never change."""
        return (*self.prompt.turns, *(turn for shot in self.shots for turn in said_in(shot)))

    def turns_for(self, turns: Turns) -> Turns:
        """What to ask instead of ``turns``: the prefix, the nearest examples (the nearest last),
        and then what was asked.

        Raises:
            InputError: it begins with another prompt than was compiled.

        Example:
            >>> prompt = Prompt(system="Answer.")
            >>> compiled = Compiled(model="m", prompt=prompt, shots=(("1+1", "2"),))
            >>> asked = Turns((Turn("system", "Answer."), Turn("user", "2+2")))
            >>> [turn.text for turn in compiled.turns_for(asked).turns]
            ['Answer.', '1+1', '2', '2+2']
        """
        lead, asked = apart(turns)
        if lead != self.prompt.turns:
            raise InputError(
                "the turns begin with another prompt than was compiled. Ask through the model that "
                "was made with it, or compile again."
            )
        near = self._near(tuple(turn.text for turn in asked))
        shown = (turn for shot in near for turn in said_in(shot))
        return turns._replace(turns=(*self.prefix, *shown, *asked))

    @cached_property
    def _left(self) -> int:
        """Tokens that are left for the nearest examples."""
        return self.token_budget - tokens_of(*(text for shot in self.shots for text in shot))

    @cached_property
    def _vectors(self) -> Vectors:
        return vectors_of([asked_in(shot[:-1]) for shot in self.pool])

    @cached_property
    def _places(self) -> dict[tuple[str, ...], int]:
        """Where an input stands in the pool."""
        return {shot[:-1]: place for place, shot in enumerate(self.pool)}

    @cached_property
    def _sizes(self) -> list[int]:
        return [tokens_of(*shot) for shot in self.pool]

    def _near(self, texts: tuple[str, ...]) -> list[Shot]:
        """The nearest examples that fit, the nearest last."""
        if not self.nearest or not self.pool:
            return []
        likeness = alike(self._vectors, asked_in(texts))
        if texts in self._places:  # nothing is nearer than the same
            likeness[self._places[texts]] = np.inf
        chosen: list[Shot] = []
        left = self._left
        # A stable sort: of equals the first in the pool.
        for place in np.argsort(-likeness, kind="stable"):
            if len(chosen) == self.nearest:
                break
            if self._sizes[place] <= left:
                left -= self._sizes[place]
                chosen.append(self.pool[place])
        return chosen[::-1]

    # --- as a file ------------------------------------------------------------------------------

    def write(self, path: Path) -> None:
        """Write it as JSON, with its hash.

        Raises:
            StoreError: the disk refused.
        """
        kept: dict[str, Any] = {**self.model_dump(mode="json"), "hash": self.hash}
        write_file(path, orjson.dumps(kept, option=orjson.OPT_INDENT_2))

    @classmethod
    def read(cls, path: Path) -> Compiled:
        """What :meth:`write` wrote.

        Raises:
            ModelError: it isn't there, is damaged, or is of another version.
            StoreError: the disk refused.
        """
        with disk_errors(f"reading {path}"):
            if not path.is_file():
                raise ModelError(f"there is no compiled prompt at {path}. Make the model again.")
            text = path.read_bytes()
        try:
            kept = orjson.loads(text)
            told = kept.pop("hash")
            compiled = cls.model_validate(kept)
        except (orjson.JSONDecodeError, ValidationError, AttributeError, KeyError, TypeError) as e:
            raise ModelError(
                f"{path} is no compiled prompt ({type(e).__name__}). It was written by another "
                "version of tunekit, or damaged: make the model again."
            ) from e
        if compiled.hash != told:
            raise ModelError(f"{path} was changed after it was written. Make the model again.")
        return compiled


def compile_prompt(
    examples: Iterable[Example],
    prompt: Prompt,
    *,
    model: str,
    shots: int = 16,
    nearest: int = 8,
    token_budget: int = 6_000,
    seed: int = 0,
) -> Compiled:
    """Choose what to show of a training set.

    Args:
        examples: chats under this prompt; read once, and never all held.
        prompt: the task's own words.
        model: the model it is for.
        shots: examples that are always shown, fewer where they don't fit.
        nearest: examples that are chosen for each input.
        token_budget: tokens that all shown examples may take together, estimated.
        seed: of the choice.

    Returns:
        The compiled prompt; the same examples give the same one.

    Example:
        >>> from tunekit.shapes import Said
        >>> asked = Turns((Turn("system", "Add."), Turn("user", "1+1")))
        >>> compile_prompt([Example(asked, Said("2"))], Prompt(system="Add."), model="m").shots
        (('1+1', '2'),)
    """
    longest = 0

    def measured() -> Iterator[Example]:
        nonlocal longest
        for example in examples:
            if isinstance(example.target, Said):
                longest = max(longest, len(example.target.text.encode("utf-8", "surrogatepass")))
            yield example

    gathered = Gathered(measured(), seed)
    share = token_budget * shots // max(1, shots + nearest)
    chosen = gathered.diverse(shots)
    fixed = _fitting(chosen, share)
    shown = [example for example, _ in fixed]
    left = token_budget - sum(tokens_of(*shot) for _, shot in fixed)
    others = gathered.any(MOST_POOL, but=shown) if nearest else ()
    return Compiled(
        model=model,
        prompt=prompt,
        shots=tuple(shot for _, shot in fixed),
        pool=tuple(_pooled(others, left)),
        nearest=nearest,
        token_budget=token_budget,
        seed=seed,
        longest=longest,
    )


def _fitting(examples: Iterable[Example], budget: int) -> list[tuple[Example, Shot]]:
    """Those that fit into a budget together, in their order."""
    fitting: list[tuple[Example, Shot]] = []
    for example in examples:
        shot = shot_of(example)
        if shot is not None and tokens_of(*shot) <= budget:
            budget -= tokens_of(*shot)
            fitting.append((example, shot))
    return fitting


def _pooled(examples: Iterable[Example], longest: int) -> Iterable[Shot]:
    """Those that fit alone, as many as the pool holds."""
    room = MOST_POOL_BYTES
    for example in examples:
        shot = shot_of(example)
        size = sum(len(text.encode("utf-8", "surrogatepass")) for text in shot or ())
        if shot is not None and tokens_of(*shot) <= longest and size <= room:
            room -= size
            yield shot
