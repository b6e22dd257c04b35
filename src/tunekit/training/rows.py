"""The rows of a run folder: Examples of one shape, one a line."""

from __future__ import annotations

from pathlib import Path

import orjson

from ..errors import ModelError
from ..formats.base import Header, Undecoded
from ..formats.examples import Examples
from ..shapes import (
    Better,
    Example,
    Marks,
    Order,
    Passage,
    Question,
    Said,
    Shape,
    Turns,
    Weights,
)

__all__ = ["read_examples"]

HALVES: dict[Shape, tuple[type, type]] = {
    Shape.LABELLED: (Passage, Weights),
    Shape.SPANNED: (Passage, Marks),
    Shape.RANKED: (Question, Order),
    Shape.CHAT: (Turns, Said),
    Shape.PAIR: (Turns, Better),
    Shape.TEXT_TO_TEXT: (Passage, Said),
}


def read_examples(path: Path, shape: Shape) -> list[Example]:
    """The Examples of a file.

    Raises:
        ModelError: a line is no Example of this shape; names the line.
    """
    codec, header, examples = Examples(), Header(), list[Example]()
    asked, answered = HALVES[shape]
    with path.open("rb") as stream:
        for count, line in enumerate(stream, 1):
            try:
                example = codec.decode(orjson.loads(line), header)
            except orjson.JSONDecodeError as error:
                raise ModelError(f"{path}:{count} is no JSON ({error}). Submit again.") from error
            if isinstance(example, Undecoded):
                raise ModelError(f"{path}:{count} {example.message} Submit again.")
            if not (isinstance(example.input, asked) and isinstance(example.target, answered)):
                raise ModelError(
                    f"{path}:{count} is {type(example.input).__name__} with "
                    f"{type(example.target).__name__}, and {shape} rows are {asked.__name__} with "
                    f"{answered.__name__}. Submit again."
                )
            examples.append(example)
    return examples
