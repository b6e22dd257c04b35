"""A shown example: what the user's turns say, then the answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from ..shapes import Example, Said, Turn, Turns

__all__ = ["Shot", "apart", "asked_in", "kind_of", "said_in", "shot_of", "tokens_of"]

#: The texts of an example, as :attr:`Prompt.shots` has them: the last is the assistant's.
Shot: TypeAlias = tuple[str, ...]
#: Bytes of a token. The core has no tokenizer, and the same data have to give the same prompt on
#: every machine, whatever is installed there.
BYTES = 4


def tokens_of(*texts: str) -> int:
    """Tokens of texts, estimated at four bytes each.

    >>> tokens_of("Hello, world!", "ä")
    5
    """
    return sum(-(-len(text.encode("utf-8", "surrogatepass")) // BYTES) for text in texts)


def apart(turns: Turns) -> tuple[tuple[Turn, ...], tuple[Turn, ...]]:
    """What stands before an input in every conversation, and the turns that ask.

    >>> apart(Turns((Turn("system", "Classify."), Turn("user", "hello"))))[1]
    (Turn(role='user', text='hello'),)
    """
    first = len(turns.turns)
    while first and turns.turns[first - 1].role == "user":
        first -= 1
    return turns.turns[:first], turns.turns[first:]


def shot_of(example: Example) -> Shot | None:
    """An example as it is shown; ``None`` for what is no chat, or has an empty text in it, which
    providers don't take.

    >>> shot_of(Example(Turns((Turn("system", "Answer."), Turn("user", "1+1"))), Said("2")))
    ('1+1', '2')
    """
    asked, target = example
    if not (isinstance(asked, Turns) and isinstance(target, Said)):
        return None
    texts = (*(turn.text for turn in apart(asked)[1]), target.text)
    return texts if len(texts) > 1 and all(text.strip() for text in texts) else None


def kind_of(example: Example) -> str:
    """The class of an example: its answer where the answers are a closed set, else ``""``."""
    asked, target = example
    closed = isinstance(asked, Turns) and asked.choices
    return target.text if closed and isinstance(target, Said) else ""


def asked_in(texts: Sequence[str]) -> str:
    """All that the user says, as one text: the input itself first, then what is read along."""
    return "\n".join(reversed(texts))


def said_in(shot: Shot) -> tuple[Turn, ...]:
    """The turns of a shot."""
    *asked, answer = shot
    return (*(Turn("user", text) for text in asked), Turn("assistant", answer))
