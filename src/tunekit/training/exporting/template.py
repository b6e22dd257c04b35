"""The chat template that goes out with a language model.

Servers render prompts with the template in the folder and with nothing else. So it has to write, by
itself, what the model was trained on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

from ...errors import ModelError
from ...shapes import Turn
from .probes import TEXTS

__all__ = ["Rendered", "conversations", "settled_template"]

#: Templates of models that think aloud let them think unless they are told not to, and training
#: tells them not to.
NO_THINKING = "{%- set enable_thinking = false -%}\n"
#: For templates that know no system turn: its words begin the first turn of the user.
NO_SYSTEM = """\
{%- if messages|length > 1 and messages[0]['role'] == 'system' -%}
{%- set messages = [{'role': messages[1]['role'], 'content': messages[0]['content'] + '\\n\\n' \
+ messages[1]['content']}] + messages[2:] -%}
{%- endif -%}
"""
#: For a model that brings no template: its turns as paragraphs.
PARAGRAPHS = "{% for message in messages %}{{ message['content'] + '\\n\\n' }}{% endfor %}"

#: Writes a conversation as in training, up to where the answer begins.
Rendered = Callable[[Sequence[Turn]], str]


def conversations(before: Sequence[Turn]) -> list[list[Turn]]:
    """Conversations to compare by: what stands before every input, and an input."""
    return [[*before, Turn("user", text)] for text in TEXTS[:-1]]


def settled_template(tokenizer: Any, rendered: Rendered, before: Sequence[Turn], name: str) -> str:
    """A template that writes this model's prompts as in training, without being told anything.

    Args:
        tokenizer: of transformers.
        rendered: what training writes.
        before: the turns before every input.
        name: of the base model, for messages.

    Raises:
        ModelError: no template does.
    """
    own = tokenizer.chat_template
    if isinstance(own, dict):  # one among several, for tools and the like
        own = own.get("default")
    ways = [PARAGRAPHS]
    if own is not None:
        ways = [
            thinking + system + own
            for system, thinking in product(("", NO_SYSTEM), ("", NO_THINKING))
        ]
    for way in ways:
        if all(_written(tokenizer, way, one) == rendered(one) for one in conversations(before)):
            return way
    raise ModelError(
        f"{name}: its chat template can't write the prompts that the model was trained on without "
        "being told more than a server tells it. save() writes the model for tunekit."
    )


def _written(tokenizer: Any, template: str, turns: Sequence[Turn]) -> str | None:
    from jinja2 import TemplateError

    messages = [{"role": turn.role, "content": turn.text} for turn in turns]
    try:
        text: str = tokenizer.apply_chat_template(
            messages, chat_template=template, add_generation_prompt=True, tokenize=False
        )
    except (TemplateError, ValueError, TypeError):
        return None
    return text
