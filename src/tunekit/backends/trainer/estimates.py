"""What a training will take, before it starts: tokens, what is cut, memory, time. No network."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ...data.checks.base_model import CUT
from ...data.checks.languages import Languages
from ...data.dataset import Dataset
from ...errors import MissingExtra
from ...findings import Finding
from ...planning import Estimate, Route, Setup, Tokens
from ...weights import (
    BaseWeights,
    TokenCounter,
    here,
    known_languages,
    known_length,
    known_size,
    token_counter,
)
from .candidates import FREE, HABITS, Costs, rule_of
from .language_estimates import estimate_language
from .lengths import FRAME, Lengths, by_characters
from .pace import basis
from .recipes import Machine

__all__ = ["estimate"]


def estimate(setup: Setup, *, routes: Sequence[Route], home: Path, machine: Machine) -> Estimate:
    """What a training will take.

    Tokens are counted by the base model's own tokenizer where that is on this machine, else told
    from the number of characters. Time and memory stand on what earlier runs on this machine took,
    else on figures of another one; texts whose embeddings are cached cost nothing again.

    Args:
        setup: what is to be trained.
        routes: all ways to train on this base model, in order of preference.
        home: where weights, caches and earlier runs lie.
        machine: how this machine is to be used.

    Raises:
        WeightsError: the base model's name can't be one, or its files can't be read.
    """
    if setup.route.shape not in HABITS:
        return estimate_language(setup, routes=routes, home=home, machine=machine)
    weights = here(setup.model, home=home)
    counting = _counting(setup.model, weights)
    made_for = weights.max_length if weights else known_length(setup.model)
    limit = setup.hyperparameters.get("max_length") or made_for
    lengths = Lengths(setup, counting.tokens, limit)
    findings: list[Finding] = []
    truncated = sum(
        _read(data, lengths, setup, counting.exact, findings)
        for data in (setup.data, setup.validation)
        if data is not None
    )
    costs = Costs(
        setup,
        lengths,
        known_size(setup.model, weights),
        basis(home, machine, model=setup.model, max_length=limit or 0),
    )
    chosen = costs.of(setup.route)
    return Estimate(
        tokens=Tokens(lengths.total, exact=counting.exact),
        truncated=None if limit is None else truncated,
        cost=FREE,
        memory=chosen.memory,
        seconds=chosen.seconds,
        candidates=costs.candidates(routes),
        rule=rule_of(setup, routes),
        note="; ".join(filter(None, [counting.words, costs.words])),
        findings=tuple(findings),
    )


# --- tokens ---------------------------------------------------------------------------------------


class _Counting(NamedTuple):
    """How tokens are counted, whether that is exact, and if not, why."""

    tokens: TokenCounter
    exact: bool
    words: str


def _counting(model: str, weights: BaseWeights | None) -> _Counting:
    if weights is None:
        why = f"{model!r} isn't on this machine yet, and the first tune fetches it."
    else:
        try:
            return _Counting(token_counter(weights), True, "")
        except MissingExtra as error:
            why = str(error)
    return _Counting(by_characters, False, f"tokens are told from characters: {why.rstrip('.')}")


def _read(
    data: Dataset,
    lengths: Lengths,
    setup: Setup,
    exact: bool,
    findings: list[Finding],
) -> int:
    """Read one part; append what is wrong with it; return how many of its texts are cut."""
    validation = data is setup.validation
    model, limit = setup.model, lengths.limit
    # What is true of the training rows is true of those that they are judged by.
    languages = Languages(len(data), model, () if validation else _languages(model))
    known = frozenset(lengths.labels) if validation else None
    cut = 0
    first_cut: tuple[int, str] | None = None
    for portion in lengths.portions(data, known=known):
        languages.see(portion.first, portion.texts)
        if limit is None:
            continue
        for at, (text, tokens) in enumerate(zip(portion.texts, portion.tokens, strict=True)):
            if not (tokens > limit if exact else _surely_longer(text, limit)):
                continue
            row, source = portion.first + at, data.place(portion.lines[at])
            if lengths.windows:
                if portion.astray[at]:
                    findings.append(_astray(text, limit, row, source))
                continue
            cut += 1
            if first_cut is None:
                first_cut = row, source
            if portion.astray[at]:
                findings.append(_hardly_read(text, model, limit, row, source))
    if first_cut is not None:
        kind = "validation texts" if validation else "texts"
        findings.append(
            Finding(
                CUT,
                "warning",
                f"{cut:,} of {len(data):,} {kind} are longer than {limit} tokens, the first of "
                "them here; what is behind that isn't read.",
                row=first_cut[0],
                source=first_cut[1],
                field="text",
                suggestion="Shorten them, or set max_length.",
            )
        )
    findings.extend(languages.findings())
    return cut


def _surely_longer(text: str, limit: int) -> bool:
    """Whether it has more tokens by any tokenizer: a word is one or more."""
    return len(text) > limit and len(text.split()) > limit - FRAME


def _hardly_read(text: str, model: str, limit: int, row: int, source: str) -> Finding:
    return Finding(
        "text-hardly-read",
        "error",
        f"the text has {len(text):,} characters, and {model} reads the first {limit} tokens, less "
        "than a hundredth of it.",
        row=row,
        source=source,
        field="text",
        suggestion="Shorten it, or leave it out with data.filter(…).",
    )


def _astray(text: str, limit: int, row: int, source: str) -> Finding:
    return Finding(
        "text-astray",
        "error",
        f"the text has {len(text):,} characters, more than a hundred windows of {limit} tokens: "
        "most likely it is a file that went astray.",
        row=row,
        source=source,
        field="text",
        suggestion="Split it into paragraphs, or leave it out with data.filter(…).",
    )


def _languages(model: str) -> tuple[str, ...]:
    # A plan does without what isn't installed; check(model=…) asks for it.
    installed = importlib.util.find_spec("py3langid") is not None
    return known_languages(model) if installed else ()
