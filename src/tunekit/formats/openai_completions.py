r"""``openai-completions``: a prompt and how it goes on, for models without a chat.

``{"prompt": "…\n\n###\n\n", "completion": " …\nEND"}``. After OpenAI's guide to its first tuned
models: a separator of several lines stands where the prompt ends, since texts have lines of their
own; the completion begins with a space, as the words of those models do; and it ends with a stop
sequence, at which a prediction is cut. The system turn and a context stand before the text, with
the same separator in between, so that nothing of what was asked is lost.
"""

from __future__ import annotations

from typing import Any

from ..shapes import Example, Role, Said, Shape, Turn, Turns
from .base import Container, Header, Undecoded
from .messages import EXTRAS, refused, said, text_of

__all__ = ["SEPARATOR", "STOP", "OpenAICompletions", "prompt_of", "said_of"]

SEPARATOR = "\n\n###\n\n"
STOP = "\nEND"
#: Who says the parts of a prompt; a single part is the text.
ROLES: tuple[Role, ...] = ("system", "user", "user")


class OpenAICompletions:
    """Chat Examples of one round as ``prompt`` and ``completion``."""

    name = "openai-completions"
    shapes = frozenset({Shape.CHAT})
    keys = frozenset({"prompt", "completion"}) | EXTRAS
    container: Container = "objects"
    loses = frozenset({"texts with the separator", "answers with the stop sequence"})
    changes = ""

    def encode(self, example: Example, header: Header) -> dict[str, Any]:
        asked, answer = said(example)
        assert isinstance(answer, str)
        if STOP in answer:
            raise ValueError(f"the answer holds {STOP!r}, at which every answer is cut")
        return {"prompt": prompt_of(asked), "completion": f" {answer}{STOP}"}

    def decode(self, record: Any, header: Header) -> Example | Undecoded:
        if (wrong := refused(record)) is not None:
            return wrong
        prompt, completion = text_of(record, "prompt"), text_of(record, "completion")
        if isinstance(prompt, Undecoded):
            return prompt
        if isinstance(completion, Undecoded):
            return completion
        parts = _parts(prompt)
        if len(parts) > len(ROLES):
            return Undecoded("prompt", f"has {len(parts)} parts, and a row has three at most.")
        roles = ROLES if len(parts) > 1 else ROLES[1:]
        turns = tuple(map(Turn, roles, parts))
        return Example(Turns(turns, header.choices, header.schema), Said(said_of(completion)))


def prompt_of(asked: Turns) -> str:
    r"""The prompt that asks this.

    Raises:
        ValueError: it has earlier rounds, a context under no system turn, or holds the separator.

    Example:
        >>> prompt_of(Turns((Turn("system", "Which label?"), Turn("user", "Hello"))))
        'Which label?\n\n###\n\nHello\n\n###\n\n'
    """
    roles = [turn.role for turn in asked.turns]
    if roles not in (["user"], ["system", "user"], list(ROLES)):
        raise ValueError(
            "a prompt has a system turn, a context and a text: no earlier rounds, and no context "
            "without a system turn"
        )
    texts = [turn.text for turn in asked.turns]
    prompt = SEPARATOR.join([*texts, ""])
    if _parts(prompt) != texts:
        raise ValueError(f"a text holds {SEPARATOR!r} or a part of it, which parts a prompt")
    return prompt


def _parts(prompt: str) -> list[str]:
    return prompt.removesuffix(SEPARATOR).split(SEPARATOR)


def said_of(completion: str) -> str:
    r"""The answer in a completion: without the space before it and the stop sequence behind it.

    Of files by others, that may end with a line end instead, that is cut.

    >>> said_of(" claim\nEND"), said_of(" claim\n"), said_of("claim")
    ('claim', 'claim', 'claim')
    """
    text = completion.removeprefix(" ")
    return text.removesuffix(STOP) if text.endswith(STOP) else text.removesuffix("\n")
