"""A Modelfile: what Ollama has to be told so that it writes the prompts of training.

Ollama writes prompts with a template of Go's, not with the model's own. What is needed of it here
is little: every prompt of a tuned model has the same words around the input, so the template is
those words.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ...errors import ModelError
from ...shapes import Turn
from .template import Rendered, conversations

__all__ = ["Facts", "modelfile"]

#: Stand for an input and for a system turn while it is looked at where they are written.
INPUT, SYSTEM = "8d3f0cinput", "8d3f0csystem"
QUOTES = '"""'


class Facts(NamedTuple):
    """What is known of a model: its file, what ends its answers, and the tokens it reads."""

    file: str
    ends: Sequence[str]
    max_length: int


def modelfile(rendered: Rendered, before: Sequence[Turn], facts: Facts) -> str:
    """The text of a Modelfile.

    Args:
        rendered: what training writes.
        before: the turns before every input.
        facts: what else it says.

    Raises:
        ModelError: the model's prompts can't be written so.
    """
    system = before[0].text if before and before[0].role == "system" else None
    if system is not None and QUOTES not in system:
        marked = [Turn("system", SYSTEM), *before[1:], Turn("user", INPUT)]
    else:  # a SYSTEM can't hold three quotes; a template can
        marked = [*before, Turn("user", INPUT)]
    text = rendered(marked)
    for turns in conversations(before):
        if text.replace(SYSTEM, system or "").replace(INPUT, turns[-1].text) != rendered(turns):
            raise ModelError(
                "Ollama can't be told to write this model's prompts: its template changes the "
                "texts of turns. kind='safetensors' writes the model for servers that use the "
                "template itself."
            )
    template = _escaped(text).replace(SYSTEM, "{{ .System }}").replace(INPUT, "{{ .Prompt }}")
    lines = [
        f"FROM ./{facts.file}",
        f"TEMPLATE {QUOTES}{template}{QUOTES}",
        *([f"SYSTEM {QUOTES}{system}{QUOTES}"] if SYSTEM in text else []),
        *(f"PARAMETER stop {_quoted(end)}" for end in facts.ends),
        "# The likeliest token each time, as in training's own answers.",
        "PARAMETER temperature 0",
        "PARAMETER repeat_penalty 1",
        f"PARAMETER num_ctx {facts.max_length}",
    ]
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    """Text as a template of Go's writes it, inside of three quotes."""
    return text.replace("{{", '{{ "\\x7b\\x7b" }}').replace(QUOTES, '{{ "\\x22\\x22\\x22" }}')


def _quoted(text: str) -> str:
    return f'"{text}"' if '"' not in text else f"{QUOTES}{text}{QUOTES}"
