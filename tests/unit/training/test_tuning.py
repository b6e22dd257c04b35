from __future__ import annotations

import pytest

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch", reason="needs the extra local")

from tunekit.training.tuning import Judged, decide, judged  # noqa: E402


def losses(*, better: float, noise: float, rows: int = 400) -> tuple[Judged, Judged]:
    """A head, and a tuned model whose losses are lower by ``better`` on average."""
    chance = torch.Generator().manual_seed(0)
    head = torch.rand(rows, generator=chance)
    apart = torch.randn(rows, generator=chance)
    apart = (apart - apart.mean()) / apart.std() * noise
    return Judged(1.0, head, 0.5), Judged(1.0, head - better + apart, 0.5)


@pytest.mark.parametrize(
    ("better", "rows", "tuned"),
    [
        (0.01, 1_000, True),  # nothing is clear: what is usual decides
        (-0.01, 1_000, True),
        (0.01, 999, False),
        (-0.01, 999, False),
        (-0.2, 1_000, False),  # clearly worse
        (0.2, 50, True),  # clearly better
    ],
)
def test_what_is_usual_holds_unless_the_held_out_rows_clearly_say_otherwise(
    better: float, rows: int, tuned: bool
) -> None:
    decision = decide(*losses(better=better, noise=0.5), rows)
    assert decision.tuned is tuned
    assert decision.apart.mean == pytest.approx(-better, abs=1e-6)
    assert ("took fine-tuning" if tuned else "took the head") in decision.words
    assert f"{-better:+.4f}" in decision.words
    assert "1,000 rows" in decision.words


def test_models_are_judged_at_their_own_temperature() -> None:
    chance = torch.Generator().manual_seed(1)
    truth = torch.randint(0, 4, (2_000,), generator=chance)
    # Sampled as the logits say: their temperature is 1, and three times the logits want 3.
    logits = torch.randn(2_000, 4, generator=chance) * 1.5
    truth = torch.multinomial(logits.softmax(1), 1, generator=chance)[:, 0]
    honest, boastful = judged(logits, truth.tolist()), judged(3 * logits, truth.tolist())
    assert honest.temperature == pytest.approx(1, abs=0.1)
    assert boastful.temperature == pytest.approx(3 * honest.temperature, rel=0.01)
    torch.testing.assert_close(boastful.losses, honest.losses, atol=1e-3, rtol=1e-3)
    right = float((logits.argmax(1) == truth).float().mean())
    assert honest.metrics() == {
        "held_out_rows": 2_000,
        "held_out_accuracy": pytest.approx(right),
        "held_out_log_loss": pytest.approx(float(honest.losses.mean())),
    }
