"""A compiled prompt: a prefix that never changes, the nearest examples, and a file of it."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunekit.errors import InputError, ModelError
from tunekit.prompted import Compiled, Shot, compile_prompt, tokens_of
from tunekit.prompted.shots import apart
from tunekit.shapes import Example, Said, Turn, Turns
from tunekit.tasks.base import Prompt

PROMPT = Prompt(system="Sort.", shots=(("always here", "home"),))
LABELS = ("car", "home")


def asked(*texts: str) -> Turns:
    return Turns((*PROMPT.turns, *(Turn("user", text) for text in texts)), LABELS)


def example(text: str, answer: str) -> Example:
    return Example(asked(text), Said(answer))


ROWS = [example(f"{label} number {n}", label) for label in LABELS for n in range(30)]


def compiled(rows: list[Example] = ROWS, **settings: int) -> Compiled:
    return compile_prompt(rows, PROMPT, model="m", **settings)


def between(made: Compiled, turns: Turns) -> list[Turn]:
    """What stands between the prefix and what is asked."""
    said = made.turns_for(turns).turns
    lead, rest = said[: len(made.prefix)], said[len(made.prefix) :]
    assert lead == made.prefix
    own = apart(turns)[1]
    assert rest[len(rest) - len(own) :] == own
    return list(rest[: len(rest) - len(own)])


@given(st.text(min_size=1), st.text(min_size=1))
def test_the_prefix_is_the_same_whatever_is_asked(first: str, second: str) -> None:
    made = compiled(shots=3, nearest=2)
    between(made, asked(first))
    between(made, asked(second, first))
    assert [turn.text for turn in made.prefix[:3]] == ["Sort.", "always here", "home"]
    assert made.turns_for(asked(first)).choices == LABELS


def test_the_nearest_stand_before_the_input_the_nearest_last() -> None:
    made = compiled(shots=0, nearest=3)
    near = between(made, asked("home number 7!"))
    assert len(near) == 6
    assert near[-2:] == [Turn("user", "home number 7"), Turn("assistant", "home")]


def test_the_very_input_is_the_nearest() -> None:
    made = compiled(shots=0, nearest=1)
    for row in ROWS:
        assert isinstance(row.input, Turns) and isinstance(row.target, Said)
        assert between(made, row.input)[-1].text == row.target.text


def test_what_is_always_shown_is_in_no_pool() -> None:
    made = compiled(shots=8, nearest=4)
    assert len(made.shots) == 8
    assert not {*made.shots} & {*made.pool}
    assert {*made.shots} | {*made.pool} == {
        (row.input.turns[-1].text, row.target.text)  # type: ignore[union-attr]
        for row in ROWS
    }


@given(st.integers(0, 200), st.integers(0, 20), st.integers(0, 20))
def test_the_budget_holds(budget: int, shots: int, nearest: int) -> None:
    made = compiled(shots=shots, nearest=nearest, token_budget=budget)
    own = tokens_of(*(turn.text for turn in PROMPT.turns))
    said = tokens_of(*(turn.text for turn in made.turns_for(asked("car number 3")).turns))
    assert said - own - tokens_of("car number 3") <= budget


def test_a_pool_has_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tunekit.prompted.compiled.MOST_POOL", 10)
    assert len(compiled(shots=2).pool) == 10
    monkeypatch.setattr("tunekit.prompted.compiled.MOST_POOL_BYTES", 40)
    assert len(compiled(shots=2).pool) == 2


def test_the_same_examples_make_the_same_prompt() -> None:
    assert compiled() == compiled(ROWS[::-1])
    assert compiled().hash == compiled(ROWS[::-1]).hash
    assert compiled(seed=1).hash != compiled().hash
    assert compile_prompt(ROWS, PROMPT, model="other").hash != compiled().hash


def test_a_context_stands_before_its_input() -> None:
    made = compile_prompt(
        [Example(asked("before", "the text"), Said("car"))], PROMPT, model="m", shots=0, nearest=1
    )
    assert [turn.text for turn in between(made, asked("other", "the text"))] == [
        "before",
        "the text",
        "car",
    ]


def test_another_prompt_is_refused() -> None:
    with pytest.raises(InputError, match="another prompt"):
        compiled().turns_for(Turns((Turn("system", "Other."), Turn("user", "x"))))


def test_nothing_to_show_is_the_prompt_alone() -> None:
    made = compile_prompt([], PROMPT, model="m")
    assert made.prefix == PROMPT.turns
    assert made.turns_for(asked("x")).turns == asked("x").turns


# --- as a file ------------------------------------------------------------------------------------

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
shots: st.SearchStrategy[tuple[Shot, ...]] = st.lists(
    st.one_of(st.tuples(texts, texts), st.tuples(texts, texts, texts)), max_size=4
).map(tuple)


@given(shots, shots, st.integers(0, 9))
def test_it_comes_back_whole(
    tmp_path_factory: pytest.TempPathFactory,
    fixed: tuple[Shot, ...],
    pool: tuple[Shot, ...],
    nearest: int,
) -> None:
    path = tmp_path_factory.mktemp("kept") / "prompt.json"
    made = Compiled(model="m", prompt=PROMPT, shots=fixed, pool=pool, nearest=nearest)
    made.write(path)
    assert Compiled.read(path) == made
    assert Compiled.read(path).hash == made.hash


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:-9],
        lambda text: text.replace(b'"version": 1', b'"version": 2'),
        lambda text: text.replace(b"car number 3", b"car number 4", 1),
        lambda text: text.replace(b'"pool"', b'"pond"'),
        lambda text: b"[]",
        lambda text: b"{}",
    ],
)
def test_what_is_damaged_is_refused(tmp_path: Path, damage: object) -> None:
    path = tmp_path / "prompt.json"
    compiled().write(path)
    path.write_bytes(damage(path.read_bytes()))  # type: ignore[operator]
    with pytest.raises(ModelError, match=r"prompt\.json"):
        Compiled.read(path)


def test_what_isn_t_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no compiled prompt"):
        Compiled.read(tmp_path / "prompt.json")


def test_it_shows_what_it_is_and_no_rows(tmp_path: Path) -> None:
    made = compiled()
    assert "car" not in repr(made) and made.hash in str(made)
    made.write(tmp_path / "prompt.json")
    kept = orjson.loads((tmp_path / "prompt.json").read_bytes())
    assert (kept["version"], kept["tokens"], kept["hash"]) == (1, "bytes/4", made.hash)
