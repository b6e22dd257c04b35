from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch", reason="needs the extra local")

from tunekit.training import narrow  # noqa: E402
from tunekit.training.encoder import Encoder  # noqa: E402
from tunekit.training.head import Head  # noqa: E402
from tunekit.training.narrow import logits_of_many  # noqa: E402
from tunekit.training.recipe import Base  # noqa: E402

WORDS = ("my", "card", "is", "lost", "i", "want", "money", "back", "thanks", "great", "the", "app")
TEXTS = [" ".join(WORDS[(n * k) % 12] for k in range(1, 2 + n % 40)) + f" {n}" for n in range(400)]


class Counting(Encoder):
    """Counts the texts that it computes exactly."""

    exact = 0

    def encode(self, texts: Sequence[str], progress: Any = None) -> Any:
        self.exact += len(texts)
        return super().encode(texts, progress)


@pytest.fixture(scope="module")
def encoder(tiny_encoder: Path) -> Counting:
    base = Base(name="tiny", files=(), max_length=64, limit=64)
    return Counting(base, tiny_encoder, max_length=64, precision="fp32", threads=1)


def head_of(classes: int, scale: float) -> Head:
    chance = torch.Generator().manual_seed(classes)
    return Head(torch.randn(32, classes, generator=chance) * scale, torch.zeros(classes))


@pytest.mark.parametrize("classes", [2, 3, 77])
@pytest.mark.parametrize("scale", [0.1, 30.0])
def test_no_answer_differs_from_that_of_fp32(encoder: Counting, classes: int, scale: float) -> None:
    head = head_of(classes, scale)
    exact = head.logits(encoder.encode(TEXTS))
    logits = logits_of_many(encoder, head, TEXTS)
    assert torch.equal(logits.argmax(1), exact.argmax(1))
    assert not torch.equal(logits, exact)


def test_texts_in_doubt_alone_are_computed_twice(encoder: Counting) -> None:
    # Two classes that nearly every text is near to, and one that is far from all.
    head = head_of(3, 30.0)
    encoder.exact = 0
    seen: list[int] = []
    logits_of_many(encoder, head, TEXTS, seen.append)
    assert narrow.SPREAD + narrow.CLOSEST <= encoder.exact < 0.7 * len(TEXTS)
    assert sum(seen) == len(TEXTS)  # whoever waits hears of each text once


def test_a_lead_that_the_error_could_undo_is_in_doubt() -> None:
    weight = torch.tensor([[1.0, 0.0, -3.0], [0.0, 1.0, -4.0]])
    head = Head(weight, torch.zeros(3))
    # |w_0 - w_1| is the root of 2, |w_0 - w_2| that of 32.
    rows = torch.tensor([[1.0, 0.8, -9.0], [1.0, 0.9, -9.0], [1.0, -9.0, 0.5], [1.0, -9.0, 0.4]])
    room = narrow._room(head, rows)
    assert (room <= 0.1).tolist() == [False, True, True, False]
    assert room[2].item() == pytest.approx(0.5 / 32**0.5)


def test_vectors_off_in_any_direction_never_undo_a_sure_answer() -> None:
    chance = torch.Generator().manual_seed(0)
    head = head_of(20, 5.0)
    vectors = torch.nn.functional.normalize(torch.randn(3_000, 32, generator=chance), dim=1)
    off = torch.nn.functional.normalize(torch.randn(3_000, 32, generator=chance), dim=1) * 0.02
    logits, moved = head.logits(vectors), head.logits(vectors + off)
    # No lead moves by more than the vector does, for each unit of distance.
    assert narrow._moved(head, moved, logits) <= 0.02
    sure = narrow._room(head, moved) > 0.0201
    assert torch.equal(logits.argmax(1)[sure], moved.argmax(1)[sure])
    assert 0.3 < float(sure.float().mean()) < 1
