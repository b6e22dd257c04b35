"""What answers will take, said without asking anybody."""

from __future__ import annotations

from collections.abc import Iterator

import orjson

from ...data.render import render
from ...findings import Finding
from ...formats.base import Header, Undecoded
from ...formats.registry import codec
from ...planning import Estimate, Setup
from ...prompted import Compiled, compile_prompt, tokens_of
from ...prompted.shots import apart
from ...shapes import Example, Said, Turns

__all__ = ["estimate"]

#: Predictions that a cost is said for.
PREDICTIONS = 1_000


class _Tally:
    """What the rows take, summed while they go by, and those that no model reads."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.rows = 0
        self.asked = 0
        self.said = 0
        self.too_long: list[tuple[int, int]] = []

    def passed(self, examples: Iterator[Example]) -> Iterator[Example]:
        for row, example in enumerate(examples):
            asked, target = example
            assert isinstance(asked, Turns) and isinstance(target, Said)
            own = tokens_of(*(turn.text for turn in apart(asked)[1]))
            self.rows += 1
            self.asked += own
            self.said += tokens_of(target.text)
            if tokens_of(*(turn.text for turn in asked.turns)) > self._most:
                self.too_long.append((row, own))
            yield example


def estimate(setup: Setup, most: int, prices: tuple[float | None, float | None]) -> Estimate:
    """What a setup will take.

    Args:
        setup: with its data.
        most: tokens that the model reads.
        prices: dollars for a million tokens that are read, and that are written, where the user
            named them.
    """
    tally = _Tally(most)
    compiled = compile_prompt(
        tally.passed(_examples(setup)), setup.prompt, model=setup.model, **setup.hyperparameters
    )
    fixed = tokens_of(*(turn.text for turn in compiled.prefix))
    read = fixed + _nearest(compiled) + round(tally.asked / max(1, tally.rows))
    written = max(1, round(tally.said / max(1, tally.rows)))
    note = (
        "No weights are trained: a prompt with examples is compiled, without a call to anybody. "
        f"About {read:,} tokens are read for a prediction and {written:,} written; {fixed:,} of "
        f"those read are the same every time. Estimated at 4 bytes a token."
    )
    return Estimate(
        cost=_cost(read, written, prices), note=note, findings=tuple(_findings(setup, tally, most))
    )


def _nearest(compiled: Compiled) -> int:
    """Tokens of the nearest examples of an input, as they are on average."""
    if not compiled.pool:
        return 0
    mean = tokens_of(*(text for shot in compiled.pool for text in shot)) / len(compiled.pool)
    left = compiled.token_budget - tokens_of(*(text for shot in compiled.shots for text in shot))
    return min(left, round(mean * min(compiled.nearest, len(compiled.pool))))


def _cost(read: int, written: int, prices: tuple[float | None, float | None]) -> str | None:
    of_input, of_output = prices
    if of_input is None or of_output is None:
        return None
    dollars = (read * of_input + written * of_output) * PREDICTIONS / 1e6
    return (
        f"nothing now; about ${dollars:,.2f} for {PREDICTIONS:,} predictions: {read:,} tokens read "
        f"at ${of_input:g} a million and {written:,} written at ${of_output:g} (as configured), "
        "before what the provider takes off for what it has kept"
    )


def _findings(setup: Setup, tally: _Tally, most: int) -> Iterator[Finding]:
    for row, tokens in tally.too_long:
        yield Finding(
            "too-long-for-model",
            "error",
            f"about {tokens:,} tokens, and {setup.model} reads {most:,}.",
            row=row,
            suggestion="Shorten it or leave it out, or set context_tokens to what the model reads.",
        )
    if setup.validation is not None:
        yield Finding(
            "validation-unused",
            "info",
            "validation rows change nothing: a prompt is compiled, and nothing is trained.",
            suggestion="Keep them for model.evaluate(…).",
        )


def _examples(setup: Setup) -> Iterator[Example]:
    wire = codec(setup.route.format)
    blocks = render(setup.data, setup.task, setup.route.shape, setup.route.format, setup.prompt)
    for block in blocks:
        for line in block.splitlines():
            read = wire.decode(orjson.loads(line), Header())
            assert not isinstance(read, Undecoded)  # we wrote it a moment ago
            yield read
