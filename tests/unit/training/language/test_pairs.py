"""The better of two answers becomes likelier than it was, by the formula of DPO."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tunekit.shapes import Better, Example, Shape
from tunekit.training.card import read_card
from tunekit.training.folder import RunFolder
from tunekit.training.recipe import Settings

from .samples import ask, load, measured, write_run

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch", reason="needs the extra local")

from tunekit.training import checkpoints, loop  # noqa: E402
from tunekit.training.ending import Cancelled  # noqa: E402
from tunekit.training.language.completion import Completion  # noqa: E402
from tunekit.training.language.pair_trainee import (  # noqa: E402
    Known,
    Pair,
    PairTrainee,
    leads_of,
)
from tunekit.training.language.sequences import Spoken, spoken  # noqa: E402
from tunekit.training.runtime import load as load_artifact  # noqa: E402
from tunekit.training.trained_weights import make_trainable  # noqa: E402
from tunekit.training.worker import train  # noqa: E402

if TYPE_CHECKING:
    from tunekit.training.language.language_model import LanguageModel

ANSWERS = {
    "which one?": ("this", "that"),
    "is it so?": ("certainly it is", "no"),
    "": ("yes", ""),
    "and you, how are you today?": ("ok", "I don't know that, and you?"),
}
ROWS = [Example(ask(asked), Better(*two)) for asked, two in ANSWERS.items()]


def pairs_of(model: LanguageModel) -> list[Pair]:
    found = []
    for asked, two in ANSWERS.items():
        chosen, rejected = (spoken(model.speech, ask(asked), one, 512) for one in two)
        assert isinstance(chosen, Spoken)
        assert isinstance(rejected, Spoken)
        found.append(Pair(chosen, rejected))
    return found


def said_odds(module: Any, row: Spoken) -> torch.Tensor:
    """The log-probability of an answer, from a whole reading."""
    odds = module(input_ids=torch.tensor([row.ids])).logits[0].log_softmax(1)
    found: torch.Tensor = (
        odds[row.start - 1 : -1].gather(1, torch.tensor(row.ids[row.start :])[:, None]).sum()
    )
    return found


def by_hand(module: Any, pairs: list[Pair], beta: float) -> torch.Tensor:
    """Equation 7, pair by pair, with the adapter on and off."""
    losses = []
    for pair in pairs:
        chosen, rejected = (said_odds(module, row) for row in pair)
        with torch.no_grad(), module.disable_adapter():
            base_chosen, base_rejected = (said_odds(module, row) for row in pair)
        more = (chosen - base_chosen) - (rejected - base_rejected)
        losses.append(-torch.log(torch.sigmoid(beta * more)))
    return torch.stack(losses)


@pytest.fixture
def adapted(model: LanguageModel) -> LanguageModel:
    """With an adapter that has learnt something."""
    make_trainable(model, "lora", Settings())
    chance = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, one in model.module.named_parameters():
            if "lora_B" in name:
                one.copy_(torch.randn(one.shape, generator=chance) * 0.1)
    return model


def trainee_of(model: LanguageModel, beta: float, tokens: int = 10**9) -> PairTrainee:
    pairs = pairs_of(model)
    module = Completion(model)
    with model.module.disable_adapter():
        known = Known(pairs, leads_of(module, pairs, tokens))
    return PairTrainee(module, [], known, known, beta, tokens)


def gradients(module: Any) -> dict[str, torch.Tensor]:
    found = {
        name: one.grad.clone() for name, one in module.named_parameters() if one.grad is not None
    }
    module.zero_grad()
    return found


@pytest.mark.parametrize("beta", [0.01, 0.1, 1.0])
def test_loss_and_gradient_are_those_of_the_formula(adapted: LanguageModel, beta: float) -> None:
    trainee = trainee_of(adapted, beta)
    expected = by_hand(adapted.module, pairs_of(adapted), beta)
    expected.sum().backward()
    wanted = gradients(adapted.module)
    loss = trainee.loss(trainee.module, range(4))
    assert loss.item() == pytest.approx(expected.sum().item(), rel=1e-4)
    loss.backward()
    found = gradients(adapted.module)
    assert found.keys() == wanted.keys()
    assert all("lora_" in name for name in found)
    for name, one in found.items():
        torch.testing.assert_close(one, wanted[name], rtol=1e-3, atol=1e-5, msg=name)
    judged = trainee.judge()
    assert judged is not None
    torch.testing.assert_close(judged, expected.detach(), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(torch.sigmoid(trainee.margins()), torch.exp(-judged))


@pytest.mark.parametrize("tokens", [1, 130])
def test_in_parts_it_is_the_same(adapted: LanguageModel, tokens: int) -> None:
    whole, parts = trainee_of(adapted, 0.1), trainee_of(adapted, 0.1, tokens)
    whole.loss(whole.module, [0, 1, 2, 3]).backward()
    expected = gradients(adapted.module)
    for places in ([3], [1, 0], [2]):
        parts.loss(parts.module, places).backward()
    for name, one in gradients(adapted.module).items():
        torch.testing.assert_close(one, expected[name], rtol=1e-3, atol=1e-5, msg=name)
    torch.testing.assert_close(parts.margins(), whole.margins(), rtol=1e-4, atol=1e-4)
    assert parts.amount([3, 1]) == 2


def test_a_pair_counts_the_tokens_that_are_computed(model: LanguageModel) -> None:
    for pair in pairs_of(model):
        assert pair.tokens == 2 * max(len(pair.chosen.ids), len(pair.rejected.ids))


def test_without_pairs_there_is_nothing_to_judge(adapted: LanguageModel) -> None:
    module = Completion(adapted)
    none = Known([], leads_of(module, [], 64))
    assert PairTrainee(module, [], none, none, 0.1, 64).judge() is None


# --- whole runs -----------------------------------------------------------------------------------


def run_of(folder: Path, base: Path, **changes: Any) -> RunFolder:
    facts = {
        "method": "dpo",
        "shape": Shape.PAIR,
        "settings": Settings(epochs=20, batch_size=4, learning_rate=5e-3, beta=0.2),
        **changes,
    }
    return write_run(folder, base, ROWS, **facts)


def test_the_better_answer_becomes_likelier(lively: Path, tmp_path: Path) -> None:
    run = run_of(tmp_path / "run", lively)
    result = train(run)
    lines = [line["loss"] for line in measured(run)]
    assert lines[0] == pytest.approx(0.6931, abs=1e-3)  # -log(1/2): nothing is learnt so far
    assert lines[-1] < 0.1
    assert result["applied"]["beta"] == 0.2
    assert result["applied"]["method"] == "dpo"
    card = read_card(run.artifact)
    assert (card.shape, card.weights) == (Shape.PAIR, "adapter")

    base = load(lively)
    pairs = pairs_of(base)
    before = leads_of(Completion(base), pairs, 10**9)
    loaded: Any = load_artifact(run.artifact, lively, device="cpu")
    after = leads_of(Completion(loaded._model), pairs, 10**9)
    assert bool((0.2 * (after - before) > 1).all()), after - before
    assert len(loaded.predict([example.input for example in ROWS])) == len(ROWS)


def test_a_dearer_change_is_a_smaller_one(lively: Path, tmp_path: Path) -> None:
    moved = []
    for beta in (0.05, 5.0):
        settings = Settings(epochs=15, batch_size=4, learning_rate=5e-3, beta=beta)
        run = run_of(tmp_path / str(beta), lively, settings=settings)
        run.validation.write_bytes(run.train.read_bytes())
        margin = train(run)["metrics"]["held_out_margin"]["value"]
        moved.append(margin / beta)
    assert moved[0] > 2 * moved[1] > 0


def test_what_is_held_out_tells_what_changed(lively: Path, tmp_path: Path) -> None:
    run = run_of(tmp_path / "run", lively, settings=Settings(epochs=8, learning_rate=5e-3))
    run.validation.write_bytes(run.train.read_bytes())
    result = train(run)
    metrics = result["metrics"]
    assert result["applied"]["beta"] == 0.1
    assert metrics["held_out_rows"] == 4
    assert metrics["held_out_better"] == 1.0
    margin = metrics["held_out_margin"]
    assert 0 < margin["low"] < margin["value"] < margin["high"]


def test_taken_up_again_it_ends_bit_for_bit_the_same(
    lively: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = {
        "settings": Settings(epochs=3, batch_size=2, learning_rate=1e-2),
        "checkpoint_seconds": 0,
    }
    whole, parts = (run_of(tmp_path / name, lively, **facts) for name in ("whole", "parts"))
    train(whole)
    real = checkpoints.Checkpoints.write

    def write(self: Any, checkpoint: Any) -> None:
        real(self, checkpoint)
        if checkpoint.step in (2, 3):
            raise Cancelled

    monkeypatch.setattr(checkpoints.Checkpoints, "write", write)
    monkeypatch.setattr(loop, "CHECKPOINT_COST", float("inf"))  # after every step
    for _ in range(2):
        with pytest.raises(Cancelled):
            train(parts)
    train(parts)
    assert measured(parts) == measured(whole)
    for path in whole.artifact.iterdir():
        assert (parts.artifact / path.name).read_bytes() == path.read_bytes(), path.name


def test_a_pair_of_which_one_does_not_fit_is_left_out(lively: Path, tmp_path: Path) -> None:
    rows = [*ROWS, *(Example(ask("?"), Better(*two)) for two in (("y" * 90, "n"), ("n", "y" * 90)))]
    settings = Settings(epochs=1, max_length=80)
    facts: dict[str, Any] = {"method": "dpo", "shape": Shape.PAIR, "settings": settings}
    run = write_run(tmp_path / "run", lively, rows, **facts)
    train(run)
    (event,) = [one for one in run.events() if "left_out" in one["data"]]
    assert event["data"]["left_out"] == [4, 5]


def test_in_bf16_pairs_are_learnt_too(lively: Path, tmp_path: Path) -> None:
    run = run_of(tmp_path / "run", lively, precision="bf16")
    train(run)
    lines = [line["loss"] for line in measured(run)]
    assert lines[0] == pytest.approx(0.6931, abs=0.1)
    assert lines[-1] < 0.2
