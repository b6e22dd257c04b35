"""How a conversation is written for a language model: its template, its tokens, its end.

Training and prediction write a prompt by the same call, so they can't drift apart. What is learnt
is the answer and the token that ends it, nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

from ...errors import WeightsError
from ...shapes import Turn

__all__ = ["Speech"]

#: For a model that brings no template: its turns as paragraphs, the last of which is its own.
PLAIN = "{% for message in messages %}{{ message['content'] + '\n\n' }}{% endfor %}"
#: Where its tokenizer begins a text with a token of its own, so does it.
BEGUN = "{{ bos_token }}" + PLAIN
#: Stands for an answer while the template is asked what it writes behind one.
SAID = "8d3f0c"


class Speech:
    """A tokenizer and its template.

    Args:
        tokenizer: of transformers.
        name: of the base model, for messages.
    """

    def __init__(self, tokenizer: Any, name: str) -> None:
        self._tokenizer, self._name = tokenizer, name
        self._template = None if getattr(tokenizer, "chat_template", None) else _plain(tokenizer)

    def text(self, turns: Sequence[Turn]) -> str:
        """A conversation up to where the model's answer begins.

        Raises:
            WeightsError: the template can't write it.
        """
        return self._written([{"role": turn.role, "content": turn.text} for turn in turns], True)

    def asked(self, turns: Sequence[Turn]) -> list[int]:
        """The tokens of :meth:`text`."""
        return self._tokens(self.text(turns))

    def answer(self, text: str) -> list[int]:
        """The tokens of an answer, with the one that ends it."""
        return [*self._tokens(text), self.end]

    def begun(self, text: str) -> list[int]:
        """The tokens of an answer that hasn't ended."""
        return self._tokens(text)

    def said(self, ids: Sequence[int]) -> str:
        """The text of an answer's tokens, without the one that ends it."""
        ids = ids[:-1] if ids and ids[-1] in self.ends else ids
        text: str = self._tokenizer.decode(
            list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False
        )
        return text

    def control(self, texts: Iterable[str]) -> str | None:
        """A token of the template's own that stands in one of these texts, where it would be read
        as the end of a turn; ``None`` where there is none."""
        for text in texts:
            for token in self._controls:
                if token in text:
                    return token
        return None

    @cached_property
    def end(self) -> int:
        """The token that ends an answer."""
        behind = self._tokens(self._behind)
        special = set(self._tokenizer.all_special_ids)
        special |= set(self._tokenizer.added_tokens_decoder)
        if behind and behind[0] in special:
            return behind[0]
        if self._tokenizer.eos_token_id is None:
            raise WeightsError(
                f"{self._name}: its tokenizer has no token that ends a text (eos_token). Name "
                "another base model."
            )
        return int(self._tokenizer.eos_token_id)

    @cached_property
    def ends(self) -> frozenset[int]:
        """The tokens that end an answer: the one that is learnt, and the tokenizer's own."""
        usual = self._tokenizer.eos_token_id
        return frozenset((self.end,) if usual is None else (self.end, int(usual)))

    @cached_property
    def filler(self) -> int:
        """A token to fill up shorter rows with, which is never read."""
        usual = self._tokenizer.pad_token_id
        return self.end if usual is None else int(usual)

    # --- the template ---------------------------------------------------------------------------

    @cached_property
    def _behind(self) -> str:
        """What the template writes behind an answer."""
        asked = {"role": "user", "content": "?"}
        whole = self._written([asked, {"role": "assistant", "content": SAID}], False)
        return whole.rpartition(SAID)[2]

    @cached_property
    def _controls(self) -> tuple[str, ...]:
        added = self._tokenizer.added_tokens_decoder.values()
        names = {str(one.content) for one in added if one.special}
        # Some tokenizers don't call special what ends a turn.
        names |= set(self._tokenizer.convert_ids_to_tokens(sorted(self.ends)))
        return tuple(sorted(name for name in names if len(name) > 1))

    def _written(self, messages: list[dict[str, str]], asks: bool) -> str:
        try:
            text: str = self._tokenizer.apply_chat_template(
                messages,
                chat_template=self._template,
                add_generation_prompt=asks,
                tokenize=False,
                enable_thinking=False,  # of models that think aloud; others don't know the word
            )
        except Exception as error:  # a template is a program, and raises what it likes
            if messages[0]["role"] == "system" and len(messages) > 1:
                return self._written(_without_system(messages), asks)
            raise WeightsError(
                f"{self._name}: its chat template can't write a conversation ({error}). Name "
                "another base model."
            ) from error
        return text

    def _tokens(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids


def _plain(tokenizer: Any) -> str:
    begun = tokenizer("")["input_ids"][:1]
    return BEGUN if begun and begun[0] == tokenizer.bos_token_id else PLAIN


def _without_system(messages: list[dict[str, str]]) -> list[dict[str, str]]:
    """For templates that know no system turn: its words begin the first turn of the user."""
    system, first, *rest = messages
    return [{**first, "content": f"{system['content']}\n\n{first['content']}"}, *rest]
