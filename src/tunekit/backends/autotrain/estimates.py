"""What a job will take, said without asking anybody, and what AutoTrain is known to do to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from ...data.checks.base_model import CUT
from ...data.dataset import Dataset
from ...errors import MissingExtra
from ...findings import Finding
from ...planning import Estimate, Setup, Tokens
from ...shapes import Marks, Passage, Shape
from ...training.stock.words import tagged_words
from ...weights import TokenCounter, here, token_counter
from ..trainer.lengths import by_characters
from .runner import LONGEST_BLOCK, USUAL_LENGTH, Hardware

__all__ = ["Money", "estimate"]

#: A text of which less than a hundredth is read went astray.
HARDLY = 100
TOLD = "tokens are told from characters: the base model isn't on this machine"
FREE = "spaces-cpu-basic"
#: Where AutoTrain loses validation rows before it counts them, and ends with an error.
UNJUDGED = ("sft", "reward", "dpo", "orpo")


class Money(NamedTuple):
    """Dollars for a minute of the hardware where the user named them, and what a job may cost."""

    minute: float | None = None
    most: float | None = None


def estimate(
    setup: Setup, *, home: Path, hardware: Hardware, money: Money, server: bool
) -> Estimate:
    """What a setup will take.

    Args:
        setup: with its data.
        home: where weights lie.
        hardware: where it trains.
        money: what that costs.
        server: whether somebody's own server trains.
    """
    count, exact = _counter(setup.model, home)
    limit = _limit(setup)
    findings: list[Finding] = [_unmaintained()]
    total = cut = 0
    for data in filter(None, (setup.data, setup.validation)):
        tokens, shortened = _read(data, setup, count, limit, findings)
        total, cut = total + tokens, cut + shortened
    findings += _labels(setup)
    if setup.validation is not None and setup.route.method in UNJUDGED:
        findings.append(_unjudged(setup))
    return Estimate(
        tokens=Tokens(total, exact),
        truncated=cut,
        cost=_cost(hardware, money, server),
        note=""
        if exact
        else "tokens are told from characters: the base model isn't on this machine",
        findings=tuple(findings),
    )


def _counter(model: str, home: Path) -> tuple[TokenCounter, bool]:
    weights = here(model, home=home)
    if weights is None or weights.gguf is not None:
        return by_characters, False
    try:
        return token_counter(weights), True
    except MissingExtra:
        return by_characters, False


def _limit(setup: Setup) -> int:
    given = setup.hyperparameters.get("max_length")
    reads = setup.route.shape in (Shape.LABELLED, Shape.SPANNED, Shape.TEXT_TO_TEXT)
    return int(given or (USUAL_LENGTH if reads else LONGEST_BLOCK))


def _cost(hardware: Hardware, money: Money, server: bool) -> str | None:
    if server:
        return "nothing is paid to the Hub: the server trains"
    if hardware.name == FREE and money.minute is None:
        return "nothing: the Hub lends this hardware for free"
    if money.minute is None:
        return None
    cap = f", and it is stopped at ${money.most:g}" if money.most is not None else ""
    return f"${money.minute:g} for each minute (as configured) that it runs{cap}"


def _unmaintained() -> Finding:
    return Finding(
        "unmaintained",
        "info",
        "AutoTrain has been left as it is since January 2025.",
        suggestion="Backend 'hf-jobs' trains on the same machines with what is maintained.",
    )


def _unjudged(setup: Setup) -> Finding:
    return Finding(
        "validation-unusable",
        "error",
        f"AutoTrain fails on validation rows for method {setup.route.method!r}: it loses them "
        "before it counts them.",
        suggestion="Leave validation out, and evaluate the model on these rows.",
    )


def _read(
    data: Dataset, setup: Setup, count: TokenCounter, limit: int, findings: list[Finding]
) -> tuple[int, int]:
    """The tokens of one part, and how many of its texts are cut; finds what is wrong with it."""
    tokens, cut, first, inside = 0, 0, None, 0
    row = 0
    for lines, rows in data.portions():
        for line, one in zip(lines, rows, strict=True):
            texts = [text for _, text in setup.task.texts(one)]
            longest = sum(count(texts)) if texts else 0
            tokens += longest
            source = data.place(line)
            if longest > HARDLY * limit:
                findings.append(_astray(longest, limit, row, source))
            elif longest > limit:
                cut += 1
                first = first or (row, source)
            inside += _inside_words(setup, one)
            row += 1
    if first is not None:
        findings.append(
            Finding(
                CUT,
                "warning",
                f"{cut:,} of {len(data):,} rows are longer than {limit} tokens, the first of them "
                "here; AutoTrain cuts them there.",
                row=first[0],
                source=first[1],
                suggestion="Shorten them, or set max_length.",
            )
        )
    if inside:
        findings.append(
            Finding(
                "inside-words",
                "warning",
                f"{inside:,} spans begin or end inside of a word, and tags are of whole words: "
                "they are trained, and found, as far as the words go.",
            )
        )
    return tokens, cut


def _astray(tokens: int, limit: int, row: int, source: str | None) -> Finding:
    return Finding(
        "text-hardly-read",
        "error",
        f"the row has about {tokens:,} tokens, of which AutoTrain reads {limit}, less than a "
        "hundredth.",
        row=row,
        source=source,
        suggestion="Shorten it, or leave it out with data.filter(…).",
    )


def _inside_words(setup: Setup, row: object) -> int:
    if setup.route.shape is not Shape.SPANNED:
        return 0
    labels = tuple(getattr(setup.task, "labels", None) or ())
    found = 0
    for example in setup.task.lower(row, Shape.SPANNED, setup.prompt):
        match example:
            case (Passage(text), Marks(spans)):
                found += len(tagged_words(text, spans, labels).misaligned)
    return found


def _labels(setup: Setup) -> Iterator[Finding]:
    if setup.route.shape is not Shape.LABELLED:
        return
    labels: Sequence[str] = getattr(setup.task, "labels", None) or ()
    if len(labels) < 2:
        yield Finding(
            "too-few-labels",
            "error",
            f"AutoTrain tells two labels or more apart, and here {'is' if labels else 'are'} "
            f"{len(labels)}.",
            suggestion="Add rows with others.",
        )
    if setup.validation is None:
        return
    there = {getattr(row, "label", None) for row in setup.validation}
    missing = [label for label in labels if label not in there]
    if missing:
        yield Finding(
            "labels-not-judged",
            "error",
            f"the validation rows have no {', '.join(map(repr, missing[:5]))}, and AutoTrain wants "
            "every label in both parts.",
            suggestion="Add such rows, or leave validation out.",
        )
