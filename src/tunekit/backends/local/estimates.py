"""What a training will take, before it starts: tokens, what is cut, memory, time. No network."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ...data.checks.base_model import CUT
from ...data.checks.languages import Languages
from ...data.dataset import Dataset
from ...errors import MissingExtra
from ...findings import Finding
from ...planning import Candidate, Estimate, Route, Setup, Tokens
from ...training.costs import Depth, head_fitting, head_memory, head_seconds
from ...weights import (
    BaseWeights,
    Size,
    TokenCounter,
    here,
    known_languages,
    known_length,
    known_size,
    token_counter,
)
from .lengths import FRAME, Lengths, by_characters
from .pace import Basis, basis
from .recipes import Machine

__all__ = ["estimate"]

FREE = "nothing is paid: it runs on this machine"
#: A client with nothing else in it, which waits.
CLIENT_BYTES = 120 << 20
#: Time and memory are said with so many digits: more would be pretence.
SECONDS_DIGITS, MEMORY_DIGITS = 2, 3


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
    costs = _Costs(
        setup,
        lengths,
        known_size(setup.model, weights),
        basis(home, machine, model=setup.model, max_length=limit or 0),
    )
    offered = [route.method for route in routes if route.shape == setup.route.shape]
    candidates = {method: _candidate(costs, method) for method in offered}
    chosen = candidates[setup.route.method]
    return Estimate(
        tokens=Tokens(lengths.total, exact=counting.exact),
        truncated=None if limit is None else truncated,
        cost=FREE,
        memory=chosen.memory,
        seconds=chosen.seconds,
        candidates=tuple(candidates.values()),
        rule=_rule(offered),
        note="; ".join(filter(None, [counting.words, costs.words])),
        findings=tuple(findings),
    )


def _rule(methods: Sequence[str]) -> str:
    """How ``auto`` chooses: see :func:`tunekit.backends.choose.choose`."""
    why = "the first of these" if len(methods) > 1 else "there is no other for this task"
    return f"auto takes {methods[0]!r}: {why}"


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
            cut += 1
            row, source = portion.first + at, data.place(portion.lines[at])
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


def _languages(model: str) -> tuple[str, ...]:
    # A plan does without what isn't installed; check(model=…) asks for it.
    installed = importlib.util.find_spec("py3langid") is not None
    return known_languages(model) if installed else ()


# --- time and memory ------------------------------------------------------------------------------


class _Costs:
    """What each method costs on this machine, once the lengths of all texts are known.

    ``words`` says what that stands on.
    """

    def __init__(
        self, setup: Setup, lengths: Lengths, size: Size | None, stands_on: Basis | None
    ) -> None:
        self._setup, self._lengths = setup, lengths
        self._size, self._basis = size, stands_on
        if size is None:
            self.words = f"time and memory: how large {setup.model!r} is isn't known here"
        elif stands_on is None:
            self.words = "time and memory: nothing is known of this device before its first run"
        else:
            self.words = f"time and memory: {stands_on.words}"

    def head(self) -> Candidate:
        """A head on frozen embeddings."""
        about = "a head on frozen embeddings; its regularisation is chosen on held-out rows"
        if self._size is None or self._basis is None:
            return Candidate("head", note=about)
        everything, missing = self._lengths.reading(gpu=self._basis.gpu, cache=self._basis.cache)
        if missing.texts < everything.texts:
            cached = everything.texts - missing.texts
            about += f"; {cached:,} of {everything.texts:,} texts are embedded already"
        rows = len(self._setup.data)
        settings: Mapping[str, object] = self._setup.hyperparameters
        fitting = head_fitting(
            rows=rows,
            distinct=everything.texts,
            characters=everything.characters,
            classes=len(self._lengths.labels),
            dimensions=self._size.dimensions,
            validation=self._lengths.embedded - rows,
            searched=settings.get("weight_decay") is None,
        )
        pace = self._basis.pace
        depth = Depth(self._size.layers, self._size.inner, self._size.bytes)
        memory = head_memory(missing, fitting, depth, self._basis.precision) * pace.memory
        phases = head_seconds(missing, fitting, depth, self._basis.precision)
        seconds = sum(took * getattr(pace, phase) for phase, took in phases.items())
        return Candidate(
            "head",
            memory=int(_rounded(CLIENT_BYTES + memory, MEMORY_DIGITS)),
            seconds=_rounded(seconds, SECONDS_DIGITS),
            note=about,
        )


#: What a method costs, by its name.
COSTS: Mapping[str, Callable[[_Costs], Candidate]] = {"head": _Costs.head}


def _candidate(costs: _Costs, method: str) -> Candidate:
    return COSTS[method](costs) if method in COSTS else Candidate(method)


def _rounded(value: float, digits: int) -> float:
    return float(f"{value:.{digits}g}")
