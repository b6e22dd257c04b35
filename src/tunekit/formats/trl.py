"""``trl-prompt-completion`` and ``trl-preference``: TRL's layouts with a prompt of its own.

``{"prompt": [messages], "completion": [message]}`` and ``{"prompt": [messages], "chosen":
[message], "rejected": [message]}``, TRL's "conversational" format. With a prompt of its own TRL
trains the completion alone; of ``messages`` it would train every turn. The "standard" format, in
which all of these are plain texts, is read as well, and so are pairs without a prompt: two
conversations that begin with the same turns.
"""

from __future__ import annotations

from typing import Any

from ..shapes import Better, Example, Said, Shape, Turn, Turns
from .base import Container, Header, Undecoded
from .messages import EXTRAS, OPENAI, answer_in, pair_of, refused, said, text_of, turns_in

__all__ = ["TRLPreference", "TRLPromptCompletion"]


class TRLPromptCompletion:
    """Chat Examples as ``prompt`` and ``completion``."""

    name = "trl-prompt-completion"
    shapes = frozenset({Shape.CHAT})
    keys = frozenset({"prompt", "completion"}) | EXTRAS
    container: Container = "objects"
    loses: frozenset[str] = frozenset()
    changes = ""

    def encode(self, example: Example, header: Header) -> dict[str, Any]:
        asked, answer = said(example)
        assert isinstance(answer, str)
        return {"prompt": _prompt(asked), "completion": _answer(answer)}

    def decode(self, record: Any, header: Header) -> Example | Undecoded:
        if (wrong := refused(record)) is not None:
            return wrong
        asked = _asked(record, header)
        if isinstance(asked, Undecoded):
            return asked
        answer = _said(record, "completion")
        return answer if isinstance(answer, Undecoded) else Example(asked, Said(answer))


class TRLPreference:
    """Pairs as ``prompt``, ``chosen`` and ``rejected``."""

    name = "trl-preference"
    shapes = frozenset({Shape.PAIR})
    keys = frozenset({"prompt", "chosen", "rejected"}) | EXTRAS
    container: Container = "objects"
    loses: frozenset[str] = frozenset()
    changes = ""

    def encode(self, example: Example, header: Header) -> dict[str, Any]:
        asked, better = said(example)
        assert isinstance(better, Better)
        return {
            "prompt": _prompt(asked),
            "chosen": _answer(better.chosen),
            "rejected": _answer(better.rejected),
        }

    def decode(self, record: Any, header: Header) -> Example | Undecoded:
        if (wrong := refused(record)) is not None:
            return wrong
        prompt, answers = record.get("prompt"), (record.get("chosen"), record.get("rejected"))
        if not isinstance(prompt, list) and all(isinstance(one, list) for one in answers):
            return _with_shared_turns(record, prompt, header)
        asked = _asked(record, header)
        if isinstance(asked, Undecoded):
            return asked
        return pair_of(asked, _said(record, "chosen"), _said(record, "rejected"))


def _prompt(asked: Turns) -> list[dict[str, str]]:
    if not asked.turns:
        raise ValueError("there is no turn to answer")
    return [{"role": role, "content": text} for role, text in asked.turns]


def _answer(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


def _asked(record: dict[str, Any], header: Header) -> Turns | Undecoded:
    prompt = record.get("prompt")
    if isinstance(prompt, str):
        turns: tuple[Turn, ...] | Undecoded = (Turn("user", prompt),)
    elif prompt is None and isinstance(record.get("chosen"), str):
        # TRL would cut these where their characters part, in the middle of a word.
        return Undecoded("prompt", "there is none. Write what both texts begin with as prompt.")
    else:
        turns = turns_in(prompt, "prompt", OPENAI)
    if isinstance(turns, Undecoded):
        return turns
    return Turns(turns, header.choices, header.schema)


def _said(record: dict[str, Any], key: str) -> str | Undecoded:
    """An answer beside a prompt: a text beside a text, one message beside messages."""
    if isinstance(record.get("prompt"), str):
        return text_of(record, key)
    messages = record.get(key)
    if not isinstance(messages, list) or len(messages) != 1:
        what = f"{len(messages)} messages" if isinstance(messages, list) else "no list of messages"
        return Undecoded(key, f'{what} under "{key}", where one is due beside this prompt.')
    return answer_in(messages[0], f"{key}[0]", OPENAI)


def _with_shared_turns(record: dict[str, Any], prompt: Any, header: Header) -> Example | Undecoded:
    """A pair whose prompt is what both conversations begin with, turn by turn."""
    chosen = turns_in(record["chosen"], "chosen", OPENAI)
    if isinstance(chosen, Undecoded):
        return chosen
    rejected = turns_in(record["rejected"], "rejected", OPENAI)
    if isinstance(rejected, Undecoded):
        return rejected
    if chosen == rejected:
        return Undecoded("rejected", "chosen and rejected are equal: neither is better.")
    *shared, better = chosen
    if not shared or tuple(shared) != rejected[:-1]:
        return Undecoded("rejected", "doesn't have the same turns as chosen before the last one.")
    for key, last in (("chosen", better), ("rejected", rejected[-1])):
        if last.role != "assistant":
            return Undecoded(key, f"the last turn is by {last.role}, not by assistant.")
    # Some write the question once more as a plain text. Where it is another, nobody can tell
    # which of the two is meant.
    if prompt is not None and prompt != shared[-1].text:
        return Undecoded("prompt", "isn't what chosen and rejected begin with. Remove one of them.")
    asked = Turns(tuple(shared), header.choices, header.schema)
    return Example(asked, Better(better.text, rejected[-1].text))
