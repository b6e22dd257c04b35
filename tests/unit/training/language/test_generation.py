"""Answers are those that transformers would write, one prompt at a time, whatever goes together."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tunekit.training.recipe import Writing

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch", reason="needs the extra local")

from tunekit.training.language import generation  # noqa: E402
from tunekit.training.language.generation import (  # noqa: E402
    Prompt,
    Written,
    write,
    write_on,
)

from .samples import FAMILIES, ask, family, load  # noqa: E402

if TYPE_CHECKING:
    from tunekit.training.language.language_model import LanguageModel

ROOM = 40


def prompts_of(model: LanguageModel, room: int = ROOM) -> list[Prompt]:
    """Of all lengths; two are the same."""
    texts = ["?", "who is it and what does it want?", "", "so", "?", "a b c d e f g"]
    return [Prompt(model.speech.asked(ask(text).turns), room) for text in texts]


def with_ends(model: LanguageModel, prompts: Sequence[Prompt]) -> None:
    """Let some tokens end an answer that these answers have, sooner or later."""
    counted = Counter[int]()
    for answer in write(model, model.module, prompts):
        counted.update(set(answer.ids))
    some = {token for token, count in counted.items() if count == 1}
    model.speech.ends = frozenset({*model.speech.ends, *sorted(some)[:6]})


def by_transformers(model: LanguageModel, prompt: Prompt) -> list[int]:
    ids = torch.tensor([list(prompt.ids)])
    found = model.module.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        do_sample=False,
        max_new_tokens=prompt.room,
        eos_token_id=sorted(model.speech.ends),
        pad_token_id=model.speech.filler,
    )
    answer: list[int] = found[0, len(prompt.ids) :].tolist()
    return answer


def sizes_of(model: LanguageModel, monkeypatch: pytest.MonkeyPatch, most: int = 999) -> list[int]:
    """How many rows are computed at once, step by step; more than ``most`` don't fit."""
    sizes, forward = list[int](), model.module.forward

    @functools.wraps(forward)
    def watched(*, input_ids: Any, **options: Any) -> Any:
        sizes.append(len(input_ids))
        if len(input_ids) > most:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")
        return forward(input_ids=input_ids, **options)

    monkeypatch.setattr(model.module, "forward", watched)
    return sizes


def ids(answers: Sequence[Written]) -> list[list[int]]:
    return [answer.ids for answer in answers]


# --- greedy ---------------------------------------------------------------------------------------


def test_answers_are_those_of_transformers(model: LanguageModel) -> None:
    prompts = prompts_of(model)
    with_ends(model, prompts)
    answers = write(model, model.module, prompts)
    assert ids(answers) == [by_transformers(model, prompt) for prompt in prompts]
    ended = [answer.ended for answer in answers]
    assert ended == [answer.ids[-1] in model.speech.ends for answer in answers]
    assert sum(ended) > 0
    assert len({len(answer.ids) for answer in answers}) > 2


@pytest.mark.parametrize("name", FAMILIES)
def test_so_are_other_families(name: str, write_model: Callable[[Any], Path]) -> None:
    model = load(write_model(family(name)))
    prompts = prompts_of(model, 24)[:4]
    assert ids(write(model, model.module, prompts)) == [
        by_transformers(model, prompt) for prompt in prompts
    ]


def test_one_by_one_they_are_the_same(model: LanguageModel) -> None:
    prompts = prompts_of(model)
    with_ends(model, prompts)
    together = write(model, model.module, prompts)
    for prompt, answer in zip(prompts, together, strict=True):
        (alone,) = write(model, model.module, [prompt])
        assert (alone.ids, alone.ended) == (answer.ids, answer.ended)
        assert alone.lead == pytest.approx(answer.lead, abs=1e-3)
        pieces = list(write_on(model, prompt))
        assert [token for token, _ in pieces] == answer.ids
        assert [ended for _, ended in pieces] == [False] * (len(pieces) - 1) + [answer.ended]


def test_the_lead_is_that_of_the_closest_call(model: LanguageModel) -> None:
    prompt = prompts_of(model)[1]
    (answer,) = write(model, model.module, [prompt])
    with torch.no_grad():
        odds = model.module(input_ids=torch.tensor([[*prompt.ids, *answer.ids]])).logits[0]
    best = odds[len(prompt.ids) - 1 : -1].topk(2, dim=1).values
    assert answer.lead == pytest.approx(float((best[:, 0] - best[:, 1]).min()), abs=1e-4)


def test_who_has_ended_leaves_the_batch(
    model: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts = prompts_of(model)
    with_ends(model, prompts)
    lengths = [len(answer.ids) for answer in write(model, model.module, prompts)]
    sizes = sizes_of(model, monkeypatch)
    write(model, model.module, prompts)
    steps = range(max(lengths))
    assert sizes == [sum(length > step for length in lengths) for step in steps]


def test_an_answer_has_the_room_of_its_prompt(model: LanguageModel) -> None:
    prompts = prompts_of(model)
    wide = write(model, model.module, prompts)
    rooms = (1, 7, 3, 40, 2, 5)
    narrow = write(
        model,
        model.module,
        [prompt._replace(room=room) for prompt, room in zip(prompts, rooms, strict=True)],
    )
    assert ids(narrow) == [one.ids[:room] for one, room in zip(wide, rooms, strict=True)]
    assert not any(answer.ended for answer in narrow)


def test_batches_keep_within_their_bounds(model: LanguageModel) -> None:
    chance = torch.Generator().manual_seed(0)
    lengths = torch.randint(1, 3_000, (200,), generator=chance).tolist()
    rooms = torch.randint(1, 2_000, (200,), generator=chance).tolist()
    prompts = [Prompt([0] * length, room) for length, room in zip(lengths, rooms, strict=True)]
    batches = list(generation._batches(prompts, torch.device("cpu")))
    assert sorted(place for batch in batches for place in batch) == list(range(200))
    for batch in batches:
        held = max(lengths[place] + rooms[place] for place in batch) * len(batch)
        assert len(batch) == 1 or held <= generation.CPU_TOKENS
        assert len(batch) <= generation.CPU_ROWS
    assert len(batches) < 120


def test_progress_counts_every_prompt_once(
    model: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generation, "CPU_ROWS", 4)
    told = list[int]()
    write(model, model.module, prompts_of(model, 3), progress=told.append)
    assert told == [4, 2]


def test_without_memory_fewer_go_at_once(
    model: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts = prompts_of(model, 5)
    expected = ids(write(model, model.module, prompts))
    sizes = sizes_of(model, monkeypatch, most=2)
    assert ids(write(model, model.module, prompts)) == expected
    assert sizes == [6, 3, *[1] * 30]


def test_where_one_does_not_fit_it_is_said(
    model: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts = prompts_of(model, 5)
    sizes = sizes_of(model, monkeypatch, most=0)
    with pytest.raises(RuntimeError, match="out of memory"):
        write(model, model.module, prompts)
    assert sizes == [6, 3, 1]


def test_the_last_of_a_batch_wait_for_those_of_others(
    model: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    rooms = (2, 12, 3, 9, 1, 2)
    prompts = [one._replace(room=room) for one, room in zip(prompts_of(model), rooms, strict=True)]
    alone = [write(model, model.module, [prompt])[0] for prompt in prompts]
    monkeypatch.setattr(generation, "FEW", 1)
    monkeypatch.setattr(generation, "CPU_ROWS", 3)
    sizes = sizes_of(model, monkeypatch)
    together = write(model, model.module, prompts)
    assert ids(together) == ids(alone)
    assert [one.lead for one in together] == pytest.approx([one.lead for one in alone], abs=1e-3)
    # Longest first: two batches of three, each of which has one answer that is longer than others.
    assert sum(sizes) == sum(rooms)
    steps_apart = max(rooms[place] for place in (1, 3, 5)) + max(
        rooms[place] for place in (0, 2, 4)
    )
    assert len(sizes) < steps_apart


@pytest.mark.parametrize("name", FAMILIES)
def test_so_they_do_in_other_families(
    name: str, write_model: Callable[[Any], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that keep more than keys and values of each token go on by themselves."""
    model = load(write_model(family(name)))
    prompts = [
        one._replace(room=room)
        for one, room in zip(prompts_of(model)[:4], (9, 2, 8, 3), strict=True)
    ]
    monkeypatch.setattr(generation, "FEW", 1)
    monkeypatch.setattr(generation, "CPU_ROWS", 2)
    assert ids(write(model, model.module, prompts)) == [
        by_transformers(model, prompt) for prompt in prompts
    ]


def test_the_head_is_given_states_that_lie_together(model: LanguageModel) -> None:
    """Else torch multiplies row by row, with a copy of all the head's weights for each of them."""
    seen = list[bool]()
    head = model.module.get_output_embeddings()
    hook = head.register_forward_pre_hook(lambda _, given: seen.append(given[0].is_contiguous()))
    write(model, model.module, prompts_of(model, 5))
    hook.remove()
    assert seen
    assert all(seen)


# --- by chance ------------------------------------------------------------------------------------


def drawn(model: LanguageModel, prompts: Sequence[Prompt], **writing: Any) -> list[list[int]]:
    return ids(write(model, model.module, prompts, Writing(**{"temperature": 1.0, **writing})))


def test_what_is_drawn_depends_on_seed_and_prompt_alone(model: LanguageModel) -> None:
    prompts = prompts_of(model, 12)
    found = drawn(model, prompts)
    assert found[0] == found[4]  # the same prompt
    assert len({tuple(one) for one in found}) == 5
    assert drawn(model, prompts[::-1])[::-1] == found
    assert [drawn(model, [prompt])[0] for prompt in prompts] == found
    assert drawn(model, prompts, seed=1) != found
    streamed = [token for token, _ in write_on(model, prompts[1], Writing(temperature=1.0))]
    assert streamed == found[1]
    assert found != ids(write(model, model.module, prompts))


def test_drawing_touches_no_randomness_of_others(model: LanguageModel) -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    drawn(model, prompts_of(model, 3))
    assert torch.equal(torch.rand(3), expected)


def first_tokens(model: LanguageModel, count: int, **writing: Any) -> tuple[Counter[int], Any]:
    """The first tokens that many seeds draw behind one prompt, and their odds."""
    prompt = prompts_of(model, 1)[1]
    found = Counter[int]()
    for seed in range(count):
        (token,) = drawn(model, [prompt], seed=seed, **writing)[0]
        found[token] += 1
    with torch.no_grad():
        logits = model.module(input_ids=torch.tensor([list(prompt.ids)])).logits[0, -1]
    return found, (logits / writing["temperature"]).softmax(0)


def test_temperature_is_that_of_the_odds(model: LanguageModel) -> None:
    found, odds = first_tokens(model, 300, temperature=0.5)
    for token in odds.topk(3).indices.tolist():
        share = float(odds[token])
        spread = (share * (1 - share) / 300) ** 0.5
        assert found[token] / 300 == pytest.approx(share, abs=4 * spread), token
    cold, _ = first_tokens(model, 20, temperature=1e-30)
    assert set(cold) == {int(odds.argmax())}


@pytest.mark.parametrize("top_p", [1e-9, 0.3, 0.6])
def test_top_p_leaves_the_likeliest_that_have_so_much(model: LanguageModel, top_p: float) -> None:
    found, odds = first_tokens(model, 150, temperature=1.0, top_p=top_p)
    ranked = odds.sort(descending=True)
    size = int((ranked.values.cumsum(0) < top_p).sum()) + 1
    nucleus = ranked.indices[:size].tolist()
    assert set(found) <= set(nucleus)
    assert (size > 1) == (top_p > float(ranked.values[0]))
    if size < 20:
        assert set(found) == {token for token in nucleus if odds[token] > 0.03} | set(found)
    likeliest = float(ranked.values[0] / ranked.values[:size].sum())
    spread = (likeliest * (1 - likeliest) / 150) ** 0.5
    assert found[nucleus[0]] / 150 == pytest.approx(likeliest, abs=4 * spread)
