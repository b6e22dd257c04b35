"""Where models, rows and figures come from: what somebody needs who wants the same again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

from .figures import cost, latency
from .schema import ComparisonDict, ModelDict
from .wording import KINDS, clipped, count, percent

__all__ = ["Origin", "Provenance", "provenance"]

PROMPT_LENGTH, SHOT_LENGTH, SHOTS, DETAILS_LENGTH = 12_000, 1_500, 12, 12_000

#: A name and what stands under it.
Fact = tuple[str, str]


class Origin(NamedTuple):
    """One model's. ``details`` is JSON."""

    name: str
    facts: Sequence[Fact]
    system: str
    shots: Sequence[tuple[str, str]]
    more_shots: str
    details: str


class Provenance(NamedTuple):
    """The comparison's, and each model's."""

    facts: Sequence[Fact]
    models: Sequence[Origin]


def provenance(comparison: ComparisonDict) -> Provenance:
    """What the comparison says of its origin, long texts clipped with a mark."""
    test = comparison["test"]
    facts = [
        ("test rows", f"{clipped(test['name'], 200)}, {count(test['rows'], 'row')}"),
        ("fingerprint of the rows", clipped(test["fingerprint"], 200)),
        ("made on", comparison["created"]),
        ("tunekit", comparison["tunekit"]),
        ("differences", comparison["method"]),
        ("confidence", percent(comparison["confidence"])),
        ("correction", comparison["correction"]),
    ]
    return Provenance(facts, [_origin(model) for model in comparison["models"]])


def _origin(model: ModelDict) -> Origin:
    prompt = model["prompt"]
    facts = [
        ("kind", KINDS.get(model["kind"], model["kind"])),
        ("model", clipped(model["ref"], 300)),
        ("backend", clipped(model["backend"], 300)),
        ("base model", clipped(model["base"], 300)),
        ("hash of the prompt", clipped(prompt["hash"], 200) if prompt else ""),
        ("time per input", f"{latency(model)}{_measured_on(model)}"),
        ("1,000 inputs cost", clipped(cost(model), 300)),
    ]
    shots = prompt["shots"] if prompt else []
    left = len(shots) - SHOTS
    return Origin(
        clipped(model["name"], 80),
        [fact for fact in facts if fact[1]],
        clipped(prompt["system"], PROMPT_LENGTH) if prompt else "",
        [
            (clipped("\n\n".join(asked), SHOT_LENGTH), clipped(said, SHOT_LENGTH))
            for *asked, said in shots[:SHOTS]
        ],
        f"{count(left, 'more example')} not shown." if left > 0 else "",
        _details(model),
    )


def _measured_on(model: ModelDict) -> str:
    found = model["latency"]
    return f", over {count(found['inputs'], 'input')}" if found else ""


def _details(model: ModelDict) -> str:
    if not model["provenance"]:
        return ""
    return clipped(
        json.dumps(model["provenance"], ensure_ascii=False, indent=2, default=str), DETAILS_LENGTH
    )
