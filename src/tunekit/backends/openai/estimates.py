"""What a job will take, said without asking anybody: rows, tokens, cost, dates."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any

import orjson

from ...data.render import render
from ...findings import Finding
from ...planning import Estimate, Setup, Tokens
from ...shapes import Input, Turns
from ..abilities import Price
from ..prices import price_of_tokens
from .hosts import Host
from .lifecycle import DECISIONS_PRICE, base_of, findings_of
from .methods import AUTO

__all__ = ["answer_price", "count_tokens", "estimate"]

#: Encodings by the beginnings of models' names, as OpenAI's own tokenizer library has them.
ENCODINGS = {
    "gpt-4o": "o200k_base",
    "gpt-4.1": "o200k_base",
    "gpt-5": "o200k_base",
    "o1": "o200k_base",
    "o3": "o200k_base",
    "o4": "o200k_base",
    "gpt-4": "cl100k_base",
    "gpt-3.5": "cl100k_base",
    "babbage-002": "cl100k_base",
    "davinci-002": "cl100k_base",
}
#: Characters of a token where the model's own encoding isn't known. Of banking77 (English), sib200
#: and MobIE (German) with o200k_base it is 3.6 to 4.7: an estimate is off by a fifth.
CHARACTERS = 4.0
#: Characters that are counted at once: the tokenizer has a limit.
PIECE = 50_000
#: Tokens that stand around a message and around a conversation (OpenAI's cookbook, "How to count
#: tokens").
PER_MESSAGE, PER_ROW = 4, 3
#: What ``epochs="auto"`` becomes: three, but more for few rows and fewer for very many (OpenAI's
#: cookbook, "Data preparation and analysis for chat model fine-tuning").
TARGET_EPOCHS, LEAST_EXAMPLES, MOST_EXAMPLES, MOST_EPOCHS = 3, 100, 25_000, 25


def estimate(setup: Setup, host: Host, price: float | None) -> Estimate:
    """What a setup will take.

    Args:
        setup: with its data.
        host: whose server it goes to.
        price: dollars for a million training tokens that the user named, or ``None``.
    """
    rows = len(setup.data)
    counted, exact = count_tokens(setup.model, _records(setup))
    said = setup.hyperparameters.get("epochs", AUTO)
    epochs = _auto_epochs(rows) if said == AUTO else int(said)
    shown = f"{epochs} epochs" if said != AUTO else f"about {epochs} epochs"
    cost = _cost(setup, host, price, counted, epochs, shown)
    how = "" if exact else f" Estimated at {CHARACTERS:g} characters a token, give or take 20 %."
    note = f"{counted:,} training tokens for {shown}.{how}"
    return Estimate(
        tokens=Tokens(counted, exact),
        cost=cost,
        note=note,
        findings=tuple(_findings(setup, host, rows)),
    )


def answer_price(
    host: Host,
    model: str,
    inputs: Sequence[Input],
    said: Sequence[str],
    own: tuple[float | None, float | None] | None,
    *,
    decides: bool,
) -> Price:
    """What a thousand inputs like these, answered like this, cost.

    Args:
        host: whose server answers.
        model: tuned, or a base model.
        inputs: what was asked.
        said: the answers.
        own: dollars for a million tokens read and written that the user named.
        decides: whether decisions were asked for.
    """
    dollars, dated = own or (None, None), None
    base = base_of(model) if host is Host.OPENAI and model.startswith("ft:") else None
    if own is None and decides and host is Host.OPENAI:
        dollars, dated = DECISIONS_PRICE
    elif own is None and base is not None:
        dollars, dated = base.answers, base.priced
    asked = ([turn.text for turn in one.turns] for one in inputs if isinstance(one, Turns))
    read, exact = count_tokens(model, asked)
    written, _ = count_tokens(model, said)
    note = "" if exact else f"tokens estimated at {CHARACTERS:g} characters"
    return price_of_tokens(len(inputs), read, written, dollars, date=dated, note=note)


def _findings(setup: Setup, host: Host, rows: int) -> Iterator[Finding]:
    if rows < host.least_rows:
        yield Finding(
            "too-few-rows",
            "error",
            f"{host} trains on {host.least_rows} rows or more, and these are {rows}.",
            suggestion="Add rows, or take another backend.",
        )
    yield from findings_of(host, setup.model, setup.route.method, setup.today)


def _cost(
    setup: Setup, host: Host, price: float | None, tokens: int, epochs: int, shown: str
) -> str | None:
    dated = "as configured"
    if price is None:
        base = base_of(setup.model) if host is Host.OPENAI else None
        if base is None or base.price is None:
            return None
        price, dated = base.price, f"price of {base.priced}"
    dollars = tokens * epochs * price / 1e6
    return f"about ${dollars:,.2f}: {tokens:,} tokens, {shown}, ${price:g} a million ({dated})"


def _auto_epochs(rows: int) -> int:
    """What the provider is likely to take."""
    if rows * TARGET_EPOCHS < LEAST_EXAMPLES:
        return min(MOST_EPOCHS, LEAST_EXAMPLES // max(1, rows))
    if rows * TARGET_EPOCHS > MOST_EXAMPLES:
        return max(1, MOST_EXAMPLES // rows)
    return TARGET_EPOCHS


def _records(setup: Setup) -> Iterator[Any]:
    lines = render(setup.data, setup.task, setup.route.shape, setup.route.format, setup.prompt)
    for block in lines:
        for line in block.splitlines():
            yield orjson.loads(line)


def count_tokens(model: str, records: Iterable[Any]) -> tuple[int, bool]:
    """The tokens of records as they are sent, and whether the model's own encoding counted them.

    >>> count_tokens("gpt-4.1-mini", [{"messages": [{"role": "user", "content": "Hello, world!"}]}])
    (11, True)
    """
    name = model.removeprefix("ft:")
    fitting = [beginning for beginning in ENCODINGS if name.startswith(beginning)]
    total = 0
    if not fitting:
        for record in records:
            total += PER_ROW
            for text in _texts(record):
                total += PER_MESSAGE + round(len(text) / CHARACTERS)
        return total, False
    encode = _encoding(ENCODINGS[max(fitting, key=len)]).encode_ordinary
    for record in records:
        total += PER_ROW
        for text in _texts(record):
            total += PER_MESSAGE
            for start in range(0, len(text), PIECE):
                total += len(encode(text[start : start + PIECE]))
    return total, True


@cache
def _encoding(name: str) -> Any:
    with warnings.catch_warnings():
        # It opens its own files in a way that Python calls old.
        warnings.simplefilter("ignore", DeprecationWarning)
        from bpe_openai import get_encoding

        encoding = get_encoding(name)
        encoding.encode_ordinary("loads it")
    return encoding


def _texts(record: Any) -> Iterator[str]:
    """Every text that a record has in it, wherever; roles and keys stand for themselves."""
    if isinstance(record, str):
        yield record
    elif isinstance(record, dict):
        for key, value in record.items():
            if key != "role":
                yield from _texts(value)
    elif isinstance(record, list):
        for value in record:
            yield from _texts(value)
