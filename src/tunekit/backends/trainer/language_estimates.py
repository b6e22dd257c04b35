"""What training a language model will take, before it starts. No network."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from ...data.checks.languages import Languages
from ...data.dataset import Dataset
from ...errors import MissingExtra
from ...findings import Finding
from ...planning import Estimate, Route, Setup, Tokens
from ...weights import BaseWeights, here, known_languages, known_length, known_size
from .candidates import FREE, rule_of
from .language_candidates import NO_CUDA, LanguageCosts, lacks_cuda
from .language_lengths import CONTROL, TOO_LONG, ByCharacters, Part, Wording, read_part, wording
from .methods import family_of
from .pace import basis
from .recipes import Machine

__all__ = ["estimate_language"]


def estimate_language(
    setup: Setup, *, routes: Sequence[Route], home: Path, machine: Machine
) -> Estimate:
    """What training a language model will take: see :func:`.estimates.estimate`.

    Rows that the worker would leave out are findings, and an error where nothing is left.
    """
    weights = here(setup.model, home=home)
    counting = _counting(setup.model, weights)
    made_for = weights.max_length if weights else known_length(setup.model)
    limit = setup.hyperparameters.get("max_length") or made_for
    findings: list[Finding] = []
    rows = _read(setup.data, setup, counting.words, limit, findings)
    validation = None
    if setup.validation is not None:
        validation = _read(setup.validation, setup, counting.words, limit, findings)
    if lacks_cuda(setup.route.method, machine):
        findings.append(_no_cuda(setup.route.method))
    costs = LanguageCosts(
        setup,
        rows,
        validation,
        known_size(setup.model, weights),
        family_of(setup.route.shape),
        basis(home, machine, model=setup.model, max_length=limit or 0, writes=True),
        machine,
    )
    parts = [rows] if validation is None else [rows, validation]
    chosen = costs.of(setup.route)
    return Estimate(
        tokens=Tokens(sum(part.heard.tokens for part in parts), exact=not counting.why),
        truncated=None if limit is None else 0,  # nothing is cut: what doesn't fit is left out
        left_out=sum(one.rows for part in parts for one in part.left_out.values()),
        cost=FREE,
        memory=chosen.memory,
        seconds=chosen.seconds,
        candidates=costs.candidates(routes),
        rule=rule_of(setup, routes),
        note="; ".join(filter(None, [counting.why, costs.words])),
        findings=tuple(findings),
    )


class _Counting(NamedTuple):
    """How rows become tokens, and if that isn't exact, why."""

    words: Wording
    why: str


def _counting(model: str, weights: BaseWeights | None) -> _Counting:
    if weights is None:
        why = f"{model!r} isn't ready on this machine yet, and the first tune makes it so"
    else:
        try:
            return _Counting(wording(weights), "")
        except MissingExtra as error:
            why = str(error).rstrip(".")
    return _Counting(ByCharacters(), f"tokens are told from characters: {why}")


def _read(
    data: Dataset, setup: Setup, words: Wording, limit: int | None, findings: list[Finding]
) -> Part:
    """What there is to learn in one part; append what is wrong with it."""
    validation = data is setup.validation
    # What is true of the training rows is true of those that they are judged by.
    languages = Languages(len(data), setup.model, () if validation else _languages(setup.model))
    part = read_part(data, setup, words, limit, languages.see)
    findings.extend(_left_out(part, len(data), limit, "validation rows" if validation else "rows"))
    findings.extend(languages.findings())
    return part


def _left_out(part: Part, rows: int, limit: int | None, kind: str) -> Iterator[Finding]:
    for code, left_out in part.left_out.items():
        why, suggestion = {
            TOO_LONG: (
                f"are longer than {limit} tokens, prompt and answer together",
                "Shorten them, or set max_length if the base model reads more.",
            ),
            CONTROL: (
                "have a token in a text that the base model's template ends turns with",
                "Write it in another way, or leave them out with data.filter(…).",
            ),
        }.get(
            code,
            (
                "can't be written by the base model's chat template",
                "Name another base model, or leave them out with data.filter(…).",
            ),
        )
        end = "nothing is left to learn from" if kind == "rows" else "none is left to judge by"
        yield Finding(
            code,
            "warning" if part.examples else "error",
            f"{left_out.rows:,} of {rows:,} {kind} {why}, the first of them here; they are left "
            f"out, since nothing is cut{'' if part.examples else f', and {end}'}.",
            row=left_out.row,
            source=left_out.source,
            suggestion=suggestion,
        )


def _no_cuda(method: str) -> Finding:
    return Finding(
        "no-cuda",
        "warning",
        f"method {method!r}: {NO_CUDA}.",
        suggestion="Take method='lora'.",
    )


def _languages(model: str) -> tuple[str, ...]:
    # A plan does without what isn't installed; check(model=…) asks for it.
    installed = importlib.util.find_spec("py3langid") is not None
    return known_languages(model) if installed else ()
