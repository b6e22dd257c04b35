"""The training loop on a network of 26 weights."""

from __future__ import annotations

import math
import os
import signal
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from tunekit.errors import ConfigError, TunekitError
from tunekit.training.batches import epoch
from tunekit.training.course import Course
from tunekit.training.ending import Cancelled, on_request

if TYPE_CHECKING:
    from conftest import Points, Training

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch", reason="needs the extra local")

from tunekit.training.loop import Diverged, Group, train  # noqa: E402

State = dict[str, Any]


class Killed(BaseException):
    """What a SIGKILL would do to the loop: nothing runs any more."""


def apart(one: State, other: State) -> float:
    """The largest difference between two states of a module."""
    assert one.keys() == other.keys()
    return max(float((one[name] - other[name]).abs().max()) for name in one)


def same(one: State, other: State) -> bool:
    assert one.keys() == other.keys()
    return all(torch.equal(one[name], other[name]) for name in one)


# --- what is learnt -----------------------------------------------------------------------------


def by_hand(points: Points, course: Course, rate: float, decay: float) -> list[float]:
    """The same training, written down plainly: each batch whole, AdamW unfused."""
    import random

    optimizer = torch.optim.AdamW(points.module.parameters(), weight_decay=decay)
    norms, step = [], 0
    for number in range(course.epochs):
        chance = random.Random(f"{course.seed} {number}")
        for batch in epoch(points.lengths, range(course.rows), course.batch_size, chance):
            optimizer.param_groups[0]["lr"] = rate * course.rate(step)
            optimizer.zero_grad()
            (points.loss(points.module, batch) / points.amount(batch)).backward()
            norms.append(
                float(torch.nn.utils.clip_grad_norm_(points.module.parameters(), course.clip))
            )
            optimizer.step()
            step += 1
    return norms


def test_it_is_adamw_on_the_mean_loss_of_each_batch(training: Training) -> None:
    course = Course(rows=24, epochs=3, batch_size=4, tokens=20, warmup=0.3, clip=0.5)
    ours, plain = training.points(), training.points()
    outcome = train(ours, course, training.stage())
    norms = by_hand(plain, course, 0.02, 0.01)
    assert apart(ours.state(), plain.state()) < 1e-6
    assert max(norms) > course.clip > min(norms), "clipping plays a part"
    assert [line["gradient_norm"] for line in training.lines] == pytest.approx(norms, rel=1e-4)
    assert outcome == (18, 18, None, 0)
    assert not ours.module.training


@pytest.mark.parametrize("tokens", [1, 9, 33, 70])
def test_parts_make_no_difference(training: Training, another: Training, tokens: int) -> None:
    """One part of sixteen, four of four, sixteen of one: weights of examples are unequal."""
    whole, parts = training.points(rows=48), training.points(rows=48)
    training.train(whole, batch_size=16)
    another.train(parts, batch_size=16, tokens=tokens)
    assert max(map(len, whole.parts)) == 16
    assert len(parts.parts) > len(whole.parts)
    assert apart(whole.state(), parts.state()) < 1e-6
    assert [line["loss"] for line in another.lines] == pytest.approx(
        [line["loss"] for line in training.lines], abs=1e-6
    )


def test_four_parts_of_four_are_a_batch_of_sixteen(training: Training, another: Training) -> None:
    whole, parts = training.points(rows=16), training.points(rows=16)
    whole.lengths = parts.lengths = [8] * 16
    training.train(whole, batch_size=16, epochs=20)
    another.train(parts, batch_size=16, epochs=20, tokens=32)
    assert [len(part) for part in parts.parts] == [4] * 80
    assert apart(whole.state(), parts.state()) < 1e-6


def test_each_row_is_seen_once_an_epoch_in_another_order(training: Training) -> None:
    points = training.points(rows=22)
    training.train(points, epochs=2)
    seen = [place for part in points.parts for place in part]
    assert sorted(seen[:22]) == sorted(seen[22:]) == list(range(22))
    assert seen[:22] != seen[22:]


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(
    training: Training, another: Training
) -> None:
    first, second, third = (training.points(dropout=0.5) for _ in range(3))
    training.train(first)
    torch.rand(7)  # what else draws numbers in this process plays no part
    another.train(second)
    another.train(third, seed=1)
    assert same(first.state(), second.state())
    assert not same(first.state(), third.state())


def test_the_random_numbers_of_others_stay_as_they_were(training: Training) -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    training.train(training.points(dropout=0.5))
    assert torch.equal(torch.rand(3), expected)


def test_warm_up_and_decay(training: Training) -> None:
    training.train(training.points(), epochs=2, batch_size=3, warmup=0.25)
    rates = [line["learning_rate"] / 0.02 for line in training.lines]
    assert rates == pytest.approx(
        [*(n / 4 for n in (1, 2, 3, 4)), *(n / 12 for n in range(12, 0, -1))]
    )


def test_groups_have_learning_rates_and_weight_decays_of_their_own(training: Training) -> None:
    """AdamW's first step is the learning rate, whatever the gradient; where the gradient is 0,
    only weight decay moves a weight."""
    points = training.points(rows=4)
    first, last = points.module[0], points.module[3]
    points.group_list = [
        Group([last.bias], 0.1, 0.0),
        Group([first.bias], 0.01, 0.0),
        Group([first.weight], 0.1, 0.5),
        Group([last.weight], 0.1, 0.0),
    ]
    points.x.zero_()  # so the first layer's weights have no gradient
    before = points.state()
    training.train(points, epochs=1, warmup=0.0)
    moved = {name: one - before[name] for name, one in points.state().items()}
    assert moved["3.bias"].abs() == pytest.approx(0.1, rel=1e-3)
    assert moved["0.bias"].abs() == pytest.approx(torch.full((5,), 0.01), rel=1e-3)
    assert torch.allclose(moved["0.weight"], -0.1 * 0.5 * before["0.weight"])


def test_frozen_parameters_stay_as_they_are(training: Training) -> None:
    points = training.points()
    points.module[0].requires_grad_(False)
    before = points.state()
    training.train(points, every=0)
    after = points.state()
    assert torch.equal(after["0.weight"], before["0.weight"])
    assert not torch.equal(after["3.weight"], before["3.weight"])


def test_every_step_is_measured_and_told(training: Training) -> None:
    told: list[int] = []
    training.on_step = told.append
    training.train(training.points(rows=10), epochs=2)
    assert told == [0, *range(1, 7)]
    assert [line["step"] for line in training.lines] == list(range(1, 7))
    assert [line["examples"] for line in training.lines if line["step"] > 3].count(2) == 1
    assert training.lines[2]["epoch"] == 1.0
    assert {"stage", "loss", "gradient_norm", "learning_rate", "seconds"} <= set(training.lines[0])


# --- going on -----------------------------------------------------------------------------------


def interrupt_at(training: Training, step: int) -> None:
    def on_step(done: int) -> None:
        if done == step:
            training.on_step = lambda step: None
            os.kill(os.getpid(), signal.SIGTERM)

    training.on_step = on_step


def die_at(training: Training, step: int) -> None:
    def on_step(done: int) -> None:
        if done == step:
            training.on_step = lambda step: None
            raise Killed

    training.on_step = on_step


def judging(points: Points) -> Points:
    """Points of which the last eight are held out."""

    def losses() -> Any:
        found = points.module(points.x[-8:])[:, 0]
        return (found - points.y[-8:]) ** 2

    points.judgements = losses
    return points


def fresh(training: Training) -> Points:
    return judging(training.points(rows=32, dropout=0.4))


@pytest.mark.usefixtures("signals")
@pytest.mark.parametrize("step", [1, 5, 6, 17, 18])
def test_an_interrupted_training_ends_bit_for_bit_as_an_undisturbed_one(
    training: Training, another: Training, step: int
) -> None:
    undisturbed = fresh(another)
    expected = another.train(undisturbed, rows=24)

    interrupt_at(training, step)
    with pytest.raises(Cancelled):
        training.train(fresh(training), rows=24)
    on_request()
    again = fresh(training)
    outcome = training.train(again, rows=24)
    assert training.said("Going on after step") == [{"step": step}]
    assert same(again.state(), undisturbed.state())
    assert outcome[:2] == expected[:2]
    assert torch.equal(outcome.judged, expected.judged)
    assert [line["step"] for line in training.lines] == list(range(1, 19))
    assert [line["loss"] for line in training.lines] == [line["loss"] for line in another.lines]


@pytest.mark.usefixtures("signals")
def test_a_killed_training_goes_on_from_an_earlier_checkpoint(
    training: Training, another: Training
) -> None:
    undisturbed = fresh(another)
    another.train(undisturbed, rows=24)

    interrupt_at(training, 5)
    with pytest.raises(Cancelled):
        training.train(fresh(training), rows=24)
    on_request()
    for step in (9, 13):  # steps are lost, and their lines with them
        die_at(training, step)
        with pytest.raises(Killed):
            training.train(fresh(training), rows=24)
    with (training.folder / "metrics.jsonl").open("ab") as stream:
        stream.write(b'{"stage":"main","st')
    again = fresh(training)
    training.train(again, rows=24)
    assert training.said("Going on after step") == [{"step": 5}] * 3
    assert same(again.state(), undisturbed.state())
    assert [line["step"] for line in training.lines] == list(range(1, 19))


def test_a_training_killed_before_its_first_checkpoint_begins_again(
    training: Training, another: Training
) -> None:
    undisturbed = fresh(another)
    another.train(undisturbed, rows=24)
    die_at(training, 7)
    with pytest.raises(Killed):
        training.train(fresh(training), rows=24)
    again = fresh(training)
    training.train(again, rows=24)
    assert same(again.state(), undisturbed.state())
    assert [line["step"] for line in training.lines] == list(range(1, 19))


@pytest.mark.usefixtures("signals")
def test_told_to_end_after_the_last_step_nothing_is_lost(training: Training) -> None:
    interrupt_at(training, 18)
    with pytest.raises(Cancelled):
        training.train(training.points())
    on_request()
    again = training.points()
    training.train(again)
    assert again.parts == [], "nothing is done again"


def test_a_checkpoint_is_due_after_so_many_seconds(training: Training) -> None:
    training.train(training.points())
    assert training.checkpoint_files == []
    training.train(training.points(), every=0)
    assert training.checkpoint_files


def test_checkpoints_take_little_of_the_time(training: Training) -> None:
    """However short the pause that is asked for: these steps take next to no time."""
    written: list[int] = []

    def on_step(done: int) -> None:
        written.extend(
            int(path.name.removeprefix("checkpoint-"))
            for path in training.folder.glob("checkpoints/main/checkpoint-*")
        )

    training.on_step = on_step
    training.train(training.points(), every=0, epochs=6)
    assert 1 <= len(set(written)) < 20, "of 36 steps"


@pytest.mark.usefixtures("signals")
def test_what_is_kept_survives_an_interruption(training: Training) -> None:
    """The first epoch is the best; the training is interrupted in the second."""
    losses = iter([torch.zeros(4), torch.ones(4), torch.ones(4)])
    first = training.points()
    first.judgements = lambda: next(losses)
    interrupt_at(training, 8)
    with pytest.raises(Cancelled):
        training.train(first, epochs=9)
    on_request()
    second = training.points()
    second.judgements = lambda: next(losses)
    outcome = training.train(second, epochs=9)
    assert (outcome.steps, outcome.kept) == (18, 6)
    assert same(second.state(), first.states[0])


# --- gradients that aren't finite ---------------------------------------------------------------


def nan_loss(loss: Any) -> Any:
    return loss * math.nan


def infinite_gradient(loss: Any) -> Any:
    """A finite loss whose gradient isn't."""
    return loss + (loss * 0).sqrt()


def bad_rows(points: Points, rows: set[int], spoil: Callable[[Any], Any]) -> None:
    def on_loss(places: Sequence[int], loss: Any) -> Any:
        return spoil(loss) if rows & set(places) else loss

    points.on_loss = on_loss


@pytest.mark.parametrize("spoil", [nan_loss, infinite_gradient])
def test_a_step_without_a_finite_gradient_is_left_out_and_noted(
    training: Training, spoil: Callable[[Any], Any]
) -> None:
    points = training.points()
    bad_rows(points, {5}, spoil)
    outcome = training.train(points)
    assert (outcome.steps, outcome.skipped) == (18, 3)
    assert all(one.isfinite().all() for one in points.state().values())
    noted = training.said("isn't finite")
    assert len(noted) == 3
    assert all(5 in facts["rows"] and len(facts["rows"]) == 4 for facts in noted)
    assert [facts["step"] // 6.01 for facts in noted] == [0, 1, 2], "once an epoch"
    lines = {line["step"]: line for line in training.lines}
    assert len(lines) == 18
    assert all(lines[facts["step"]]["gradient_norm"] is None for facts in noted)


def test_a_step_that_is_left_out_changes_no_weight(training: Training) -> None:
    points = training.points(rows=4)
    bad_rows(points, {0}, nan_loss)
    before = points.state()
    with pytest.raises(Diverged, match="learning_rate"):  # nothing was learnt in any step
        training.train(points, epochs=2)
    assert len(training.said("isn't finite")) == 2
    assert same(points.state(), before)


def test_weights_that_are_ruined_are_no_result(training: Training) -> None:
    points = training.points()
    calls = iter(range(100))

    def ruin(places: Any, loss: Any) -> Any:
        if next(calls) == 17:  # in the last step, whose own gradient is still finite
            with torch.no_grad():
                next(points.module.parameters()).fill_(math.inf)
        return loss

    points.on_loss = ruin
    with pytest.raises(Diverged):
        training.train(points)


def test_five_in_a_row_are_hopeless(training: Training) -> None:
    points = training.points()
    bad_rows(points, set(range(24)), nan_loss)
    with pytest.raises(TunekitError, match=r"steps 1 to 5 .*rows \d+, \d+.*learning_rate"):
        training.train(points)
    assert len(training.said("isn't finite")) == 5


def test_four_in_a_row_are_not(training: Training) -> None:
    points = training.points()
    calls = iter(range(100))
    points.on_loss = lambda places, loss: loss * (math.nan if next(calls) % 5 else 1.0)
    outcome = training.train(points)
    assert (outcome.steps, outcome.skipped) == (18, 14)


@pytest.mark.usefixtures("signals")
def test_an_interruption_brings_no_new_hope(training: Training) -> None:
    points = training.points()
    bad_rows(points, set(range(24)), nan_loss)
    interrupt_at(training, 3)
    with pytest.raises(Cancelled):
        training.train(points)
    on_request()
    with pytest.raises(TunekitError, match="steps 1 to 5"):
        training.train(points)


# --- memory -------------------------------------------------------------------------------------


def short_of_memory(points: Points, most: int, error: Exception) -> None:
    """No more than so many tokens at once, padding included."""

    def on_loss(places: Sequence[int], loss: Any) -> Any:
        if len(places) * max(points.lengths[place] for place in places) > most:
            raise error
        return loss

    points.on_loss = on_loss


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB\nmore"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
        MemoryError(),
    ],
    ids=["gpu", "cpu", "python"],
)
def test_out_of_memory_halves_what_is_computed_at_once_and_changes_nothing(
    training: Training, another: Training, error: Exception
) -> None:
    undisturbed, short = another.points(), training.points()
    another.train(undisturbed, batch_size=12)
    short_of_memory(short, 20, error)
    outcome = training.train(short, batch_size=12)
    assert (outcome.steps, outcome.skipped) == (6, 0)
    assert apart(short.state(), undisturbed.state()) < 1e-6
    noted = training.said("Out of memory in step 1: from here on")
    assert noted
    assert noted == training.said("Out of memory"), "once it fits, it fits"
    tokens = [facts["tokens"] for facts in noted]
    assert all(later <= earlier / 2 for earlier, later in pairwise(tokens))
    assert tokens[-1] <= 20


def test_a_part_that_failed_half_way_leaves_nothing_in_the_gradient(
    training: Training, another: Training
) -> None:
    undisturbed, short = another.points(), training.points()
    another.train(undisturbed, batch_size=12, tokens=40)
    calls = iter(range(10_000))

    def on_loss(places: Sequence[int], loss: Any) -> Any:
        if next(calls) == 1:  # the second part of the first step
            raise MemoryError
        return loss

    short.on_loss = on_loss
    training.train(short, batch_size=12, tokens=40)
    assert len(training.said("Out of memory")) == 1
    assert apart(short.state(), undisturbed.state()) < 1e-6


def test_a_single_example_that_is_too_large_is_named(training: Training) -> None:
    points = training.points()
    points.lengths[3] = 700
    short_of_memory(points, 600, torch.OutOfMemoryError("CUDA out of memory"))
    with pytest.raises(TunekitError, match=r"one example of 700 tokens .*CUDA.*max_length"):
        training.train(points)


def test_other_errors_are_not_taken_for_a_lack_of_memory(training: Training) -> None:
    points = training.points()
    short_of_memory(points, 0, RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        training.train(points)


@pytest.mark.usefixtures("signals")
def test_what_memory_allows_is_known_after_an_interruption(training: Training) -> None:
    first = training.points()
    short_of_memory(first, 10, MemoryError())
    interrupt_at(training, 4)
    with pytest.raises(Cancelled):
        training.train(first)
    on_request()
    training.events.clear()
    second = training.points()
    short_of_memory(second, 10, MemoryError())
    training.train(second)
    assert training.said("Out of memory") == []


# --- judging ------------------------------------------------------------------------------------


def scripted(*means: float) -> list[Any]:
    """Losses of a hundred rows. Of any two of these each row's difference is that of the means,
    give or take what has a standard error of about 0.057."""
    noise = torch.randn(len(means), 100, generator=torch.Generator().manual_seed(0))
    noise = (noise - noise.mean(1, keepdim=True)) / noise.std(1, keepdim=True)
    return [mean + 0.4 * one for mean, one in zip(means, noise, strict=True)]


NAN = [torch.full((100,), math.nan)]


@pytest.mark.parametrize(
    ("judgements", "epochs", "kept"),
    [
        pytest.param(scripted(3, 2, 1), 3, 3, id="better and better"),
        pytest.param(scripted(1, 2, 3, 0), 3, 1, id="worse twice ends it"),
        pytest.param(scripted(1, 2, 0.5, 2, 2), 5, 3, id="worse once does not"),
        pytest.param(scripted(1, 1.02, 1.04), 3, 3, id="no worse than chance"),
        pytest.param(scripted(1, 1.04, 1.08, 1.12, 0), 4, 2, id="a little worse each time"),
        pytest.param([*scripted(1), *NAN, *NAN], 3, 1, id="no number is worse"),
        pytest.param([*NAN, *scripted(5, 4)], 3, 3, id="any number is better than none"),
    ],
)
def test_training_ends_early_and_keeps_the_best_state(
    training: Training, judgements: list[Any], epochs: int, kept: int
) -> None:
    points = training.points()
    said = iter(judgements)
    points.judgements = lambda: next(said)
    outcome = training.train(points, epochs=len(judgements))
    assert (outcome.steps, outcome.kept) == (6 * epochs, 6 * kept)
    assert same(points.state(), points.states[kept - 1])
    assert torch.equal(outcome.judged, judgements[kept - 1])
    noted = training.said("held-out loss")
    assert [facts["step"] for facts in noted] == [6 * n for n in range(1, epochs + 1)]
    assert noted[-1]["kept"] == 6 * kept


def test_patience(training: Training) -> None:
    points = training.points()
    points.judgements = lambda: torch.full((9,), float(len(points.states)))
    assert training.train(points, epochs=9, patience=4)[:2] == (30, 6)


def test_without_held_out_rows_the_last_weights_are_kept(training: Training) -> None:
    points = training.points()
    outcome = training.train(points)
    assert outcome == (18, 18, None, 0)
    assert same(points.state(), points.states[-1])
    assert training.said("held-out loss") == []


# --- trackers -----------------------------------------------------------------------------------


def test_a_tracker_that_is_not_there_is_named_before_anything_is_done(training: Training) -> None:
    points = training.points()
    course = Course(rows=24, epochs=1, batch_size=4, tokens=100)
    with pytest.raises(ConfigError, match=r"no tracker 'abacus' here: .*install"):
        train(points, course, training.stage(trackers=("abacus",)))
    assert points.parts == []
