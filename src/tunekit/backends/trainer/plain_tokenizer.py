"""A language model's tokenizer and template, as transformers would load them, without transformers.

Plans are made with it: what a row is written as, and so how many tokens it has, is told by the same
:class:`~tunekit.training.language.speech.Speech` that the worker has.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2.ext
import jinja2.nodes
import jinja2.parser
import orjson
from jinja2.sandbox import ImmutableSandboxedEnvironment

from ...errors import WeightsError
from ...weights import BaseWeights, load_tokenizer

if TYPE_CHECKING:
    from tokenizers import AddedToken, Tokenizer

__all__ = ["PlainTokenizer"]

TEMPLATE, SETTINGS, CONFIG = "chat_template.jinja", "tokenizer_config.json", "config.json"
#: What special tokens are called in the settings of a tokenizer.
NAMES = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")


class PlainTokenizer:
    """As much of a tokenizer of transformers as writing a conversation takes.

    Args:
        weights: on this disk.

    Raises:
        WeightsError: there is no tokenizer, or it can't be read.
        MissingExtra: the package that reads it isn't installed.
    """

    def __init__(self, weights: BaseWeights) -> None:
        self._name = weights.name
        self._tokenizer: Tokenizer = load_tokenizer(weights)
        settings = _read(weights.path / SETTINGS)
        self._words = {name: word for name in NAMES if (word := _word(settings.get(name)))}
        self._end = _first_number(_read(weights.path / CONFIG).get("eos_token_id"))
        self.chat_template = _template(weights.path, settings)
        self._filled: dict[str, jinja2.Template] = {}

    def __call__(self, text: str, *, add_special_tokens: bool = True) -> Mapping[str, list[int]]:
        try:
            read = self._tokenizer.encode(text, add_special_tokens=add_special_tokens)
        except Exception as error:  # the library raises bare Exception, and others
            raise WeightsError(
                f"{self._name}: its tokenizer can't read a text ({error}). data.check() finds "
                "damaged texts; if there are none, name another base model."
            ) from error
        return {"input_ids": list(read.ids)}

    def apply_chat_template(
        self, messages: Sequence[Mapping[str, str]], *, chat_template: str | None, **words: Any
    ) -> str:
        """A conversation as text. Raises whatever the template does."""
        source = chat_template or self.chat_template or ""
        if source not in self._filled:
            self._filled[source] = _environment().from_string(source)
        words.pop("tokenize", None)
        return self._filled[source].render(
            messages=list(messages), tools=None, documents=None, **self._words, **words
        )

    def convert_ids_to_tokens(self, ids: Sequence[int]) -> list[str]:
        """The names of tokens."""
        return [self._tokenizer.id_to_token(one) or "" for one in ids]

    @property
    def added_tokens_decoder(self) -> Mapping[int, AddedToken]:
        """The tokens that stand for themselves, by number."""
        return self._tokenizer.get_added_tokens_decoder()

    @property
    def all_special_ids(self) -> list[int]:
        """The numbers of the tokens that the settings name."""
        numbers = [self._tokenizer.token_to_id(word) for word in self._words.values()]
        return [number for number in numbers if number is not None]

    @property
    def bos_token_id(self) -> int | None:
        """The token that begins a text."""
        return self._number("bos_token")

    @property
    def eos_token_id(self) -> int | None:
        """The token that ends a text."""
        named = self._number("eos_token")
        return self._end if named is None else named

    @property
    def pad_token_id(self) -> int | None:
        """The token that fills up."""
        return self._number("pad_token")

    def _number(self, name: str) -> int | None:
        word = self._words.get(name)
        return None if word is None else self._tokenizer.token_to_id(word)


def _environment() -> ImmutableSandboxedEnvironment:
    """As transformers fills templates in; what one asks for beyond it is undefined, as there."""

    def refuse(message: str) -> None:
        raise jinja2.TemplateError(message)

    def as_json(value: Any, ensure_ascii: bool = False, indent: int | None = None) -> str:
        return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent)

    def now(form: str) -> str:
        return datetime.now().strftime(form)

    found = ImmutableSandboxedEnvironment(
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=[jinja2.ext.loopcontrols, _Generation],
    )
    found.filters["tojson"] = as_json
    found.globals.update(raise_exception=refuse, strftime_now=now)
    return found


class _Generation(jinja2.ext.Extension):
    """``{% generation %}``, around what a model says: it writes nothing of its own."""

    tags = {"generation"}  # noqa: RUF012 - jinja2's own word

    def parse(self, parser: jinja2.parser.Parser) -> list[jinja2.nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def _template(folder: Path, settings: Mapping[str, Any]) -> str | None:
    try:
        return (folder / TEMPLATE).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        stated = settings.get("chat_template")
    if isinstance(stated, list):  # several, by name
        named = [one for one in stated if isinstance(one, dict) and one.get("name") == "default"]
        stated = named[0].get("template") if named else None
    return stated if isinstance(stated, str) else None


def _read(file: Path) -> dict[str, Any]:
    try:
        content = orjson.loads(file.read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return {}
    return content if isinstance(content, dict) else {}


def _word(stated: Any) -> str | None:
    word = stated.get("content") if isinstance(stated, dict) else stated
    return word if isinstance(word, str) else None


def _first_number(stated: Any) -> int | None:
    first = stated[0] if isinstance(stated, list) and stated else stated
    return first if type(first) is int else None
