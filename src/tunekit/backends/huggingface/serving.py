"""Answers of a model that is served somewhere: an Inference Endpoint, or TGI at an address.

What serves it knows nothing of tunekit: it is asked in the words of huggingface_hub, and what it
says is read as the shape that was trained.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tenacity import AsyncRetrying

from ...errors import MalformedAnswer, UnsupportedTask
from ...shapes import Failure, Input, Marks, Outcome, Passage, Said, Shape, Span, Turns, Weights
from ...training.recipe import Writing
from ..abilities import Called
from ..http_errors import ADVICE, address
from ..many import ask_many
from ..sdk import NO_KEY
from .hub import Hub

if TYPE_CHECKING:
    from huggingface_hub import AsyncInferenceClient

__all__ = ["Served"]

#: What a stock server has a task for.
ASKED = (Shape.LABELLED, Shape.SPANNED, Shape.CHAT, Shape.PAIR)
#: What transformers calls labels that nobody named, before their number.
UNNAMED = "LABEL_"


class Served:
    """A model at an address.

    Args:
        backend: the backend's name in config, for messages.
        url: where it is served.
        token_env: names the environment variable that holds the token for it; ``None`` where it
            wants none. A token that was saved by a login is never sent there.
        timeout: seconds that one answer may take.
        retries: how often an answer is asked for again.
        at_once: how many may be under way.

    Raises:
        ConfigError: the address is none, or holds a secret.

    >>> Served("mine", "http://127.0.0.1:8080")
    Served('mine', 'http://127.0.0.1:8080')
    """

    def __init__(
        self,
        backend: str,
        url: str,
        token_env: str | None = None,
        *,
        timeout: float = 60.0,
        retries: int = 3,
        at_once: int = 8,
    ) -> None:
        address(backend, url)
        self._backend = backend
        self._url = url.rstrip("/")
        self._at_once = at_once
        self._hub = Hub(backend, token_env, url, timeout, attempts=retries + 1)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._backend!r}, {self._url!r})"

    @property
    def called(self) -> Called:
        """Whom it calls."""
        return self._hub.called

    async def predict(
        self, shape: Shape, labels: Sequence[str], inputs: Sequence[Input], writing: Writing
    ) -> list[Outcome]:
        """One outcome per input, in order.

        Args:
            shape: that was trained.
            labels: of the model, where it has some.
            inputs: to be answered.
            writing: how a language model is to write.

        Raises:
            UnsupportedTask: no stock server answers in this shape.
            BackendError: no input was answered, or the token isn't taken.
        """
        if shape not in ASKED:
            raise UnsupportedTask(
                f"{self._backend}: what is served at an address answers nothing of the shape "
                f"{str(shape)!r}. Leave answers_url out: the model answers on this machine."
            )
        hub = self._hub
        # Said outright: without it huggingface_hub would send the token of a login.
        headers = {"authorization": f"Bearer {hub.key.value() or NO_KEY}"}
        from huggingface_hub import AsyncInferenceClient

        async with AsyncInferenceClient(
            model=self._url, headers=headers, timeout=hub.timeout
        ) as client:

            async def ask(asked: Input) -> Outcome:
                refused = _refusal(shape, asked)
                if refused is not None:
                    return refused
                return await self._asked(client, shape, labels, asked, writing)

            return await ask_many(ask, inputs, self._at_once)

    async def _asked(
        self,
        client: AsyncInferenceClient,
        shape: Shape,
        labels: Sequence[str],
        asked: Input,
        writing: Writing,
    ) -> Outcome:
        async def once() -> Outcome:
            with self._hub.errors(f"asking {self._url}"):
                if isinstance(asked, Turns):
                    raw: Any = await client.chat_completion(
                        [{"role": role, "content": text} for role, text in asked.turns],
                        **_how(writing),
                    )
                elif shape is Shape.LABELLED:
                    raw = await client.text_classification(
                        _text(asked), top_k=len(labels) or None, function_to_apply="softmax"
                    )
                else:
                    raw = await client.token_classification(
                        _text(asked), aggregation_strategy="simple"
                    )
            return self._read(raw, shape, labels, asked)

        answer: Outcome = await AsyncRetrying(**self._hub.retries())(once)
        return answer

    def _read(self, raw: Any, shape: Shape, labels: Sequence[str], asked: Input) -> Outcome:
        """What an answer says.

        Raises:
            MalformedAnswer: it is none.
        """
        try:
            if isinstance(asked, Turns):
                return _said(raw, asked)
            if shape is Shape.LABELLED:
                return _weights(raw if isinstance(raw, list) else [raw], labels)
            return _marks(raw, labels, _text(asked))
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise MalformedAnswer(
                f"asking {self._url}: the answer isn't one to this question "
                f"({type(error).__name__}: {error}). {ADVICE[MalformedAnswer]}",
                backend=self._backend,
            ) from error


def _refusal(shape: Shape, asked: Input) -> Failure | None:
    wanted = Turns if shape in (Shape.CHAT, Shape.PAIR) else Passage
    if not isinstance(asked, wanted):
        return Failure("wrong-input", f"this model isn't asked with {type(asked).__name__}")
    texts = [turn.text for turn in asked.turns] if isinstance(asked, Turns) else [_text(asked)]
    try:
        "".join(texts).encode()
    except UnicodeEncodeError:
        return Failure("invalid-input", "the text can't be sent: it holds half a character")
    return None


def _text(asked: Input) -> str:
    assert isinstance(asked, Passage)
    return asked.text


def _how(writing: Writing) -> Mapping[str, Any]:
    """The settings of an answer; TGI takes no temperature of 0, and is greedy without one."""
    how: dict[str, Any] = {}
    if writing.max_tokens is not None:
        how["max_tokens"] = writing.max_tokens
    if writing.temperature > 0:
        how.update(temperature=writing.temperature, seed=writing.seed)
        if writing.top_p < 1:
            how["top_p"] = writing.top_p
    return how


def _said(raw: Any, asked: Turns) -> Outcome:
    first = raw.choices[0]
    if first.finish_reason == "length":
        return Failure("cut-short", "the answer reached the limit of tokens. Raise max_tokens.")
    said = first.message.content
    if not isinstance(said, str):
        raise TypeError("it has no words")
    # White space around a label is no other label.
    bare = said.strip()
    return Said(bare if said not in asked.choices and bare in asked.choices else said)


def _weights(raw: Sequence[Any], labels: Sequence[str]) -> Outcome:
    found = {_label(one.label, labels): float(one.score) for one in raw}
    if not found:
        raise ValueError("it has no label")
    unknown = sorted(set(found) - set(labels)) if labels else []
    if unknown:
        return Failure("unknown-label", f"it says {unknown[0]!r}, which is no label of the task")
    return Weights(tuple((label, found[label]) for label in labels or found if label in found))


def _marks(raw: Sequence[Any], labels: Sequence[str], text: str) -> Outcome:
    spans = []
    for one in raw:
        label = _label(one.entity_group or one.entity, labels)
        start, end = int(one.start), int(one.end)
        if not 0 <= start < end <= len(text):
            raise ValueError(f"a span from {start} to {end} isn't in the text")
        if labels and label not in labels:
            return Failure("unknown-label", f"it says {label!r}, which is no label of the task")
        spans.append(Span(start, end, label))
    return Marks(tuple(sorted(spans)))


def _label(said: Any, labels: Sequence[str]) -> str:
    """A label by its name, or by its number where nobody named them."""
    if not isinstance(said, str):
        raise TypeError("a label isn't a text")
    number = said.removeprefix(UNNAMED)
    if said not in labels and said.startswith(UNNAMED) and number.isdecimal():
        return labels[int(number)] if int(number) < len(labels) else said
    return said
