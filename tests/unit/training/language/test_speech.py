"""A prompt ends where the answer begins, and what is said comes back as it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunekit.errors import WeightsError
from tunekit.shapes import Turn

pytestmark = pytest.mark.torch
pytest.importorskip("transformers", reason="needs the extra local")

from tunekit.training.language.sequences import spoken  # noqa: E402
from tunekit.training.language.speech import Speech  # noqa: E402

from .samples import ask, load  # noqa: E402

ASKED = (
    Turn("system", "Be brief."),
    Turn("user", "Who?"),
    Turn("assistant", "I."),
    Turn("user", "?"),
)
#: The template refuses a system turn, as Gemma's does, and writes roles of its own.
NO_SYSTEM = (
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system here') }}{% endif %}"
    "{% for message in messages %}{{ '<' + message['role'][0] + '>' + message['content'] + "
    "'<|im_end|>' }}{% endfor %}{% if add_generation_prompt %}{{ '<a>' }}{% endif %}"
)


@pytest.fixture(scope="module")
def speech(tiny_causal: Path) -> Speech:
    return load(tiny_causal).speech


def tokenizer_of(folder: Path, **changes: Any) -> Any:
    tokenizer = load(folder).tokenizer
    for name, value in changes.items():
        setattr(tokenizer, name, value)
    return tokenizer


def test_a_prompt_ends_where_the_answer_begins(speech: Speech) -> None:
    text = speech.text(ASKED)
    assert text.startswith("<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nWho?")
    assert text.endswith("<|im_end|>\n<|im_start|>assistant\n")
    whole = speech._tokenizer.apply_chat_template(
        [{"role": turn.role, "content": turn.text} for turn in (*ASKED, Turn("assistant", "Me."))],
        return_dict=False,
    )
    learnt = [*speech.asked(ASKED), *speech.answer("Me.")]
    assert learnt == whole[: len(learnt)]
    assert whole[len(learnt) :] == speech.begun("\n")


def test_what_is_learnt_is_what_is_asked_and_the_answer(speech: Speech) -> None:
    asked = ask("what’s up?")
    row = spoken(speech, asked, "Ünd so\n", 512)
    assert not isinstance(row, str)
    assert row.ids[: row.start] == speech.asked(asked.turns)
    assert row.ids[row.start :] == speech.answer("Ünd so\n")
    assert row.learnt == len("Ünd so\n".encode()) + 1


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_said_inverts_answer(speech: Speech, text: str) -> None:
    if speech.control([text]) is None:
        assert speech.said(speech.answer(text)) == text
        assert speech.said(speech.begun(text)) == text


def test_spaces_are_left_as_they_were(speech: Speech) -> None:
    text = " it 's  fine , they 've said . \n\n"
    assert speech.said(speech.answer(text)) == text


def test_the_end_is_the_templates(tiny_causal: Path) -> None:
    tokenizer = tokenizer_of(tiny_causal, eos_token="<|pad|>")
    speech = Speech(tokenizer, "tiny")
    assert speech.end == tokenizer.convert_tokens_to_ids("<|im_end|>")
    assert speech.ends == {speech.end, tokenizer.convert_tokens_to_ids("<|pad|>")}
    # Both are an end where one is read.
    assert speech.said([*speech.begun("so"), tokenizer.eos_token_id]) == "so"


def test_without_an_end_in_the_template_it_is_the_tokenizers(tiny_causal: Path) -> None:
    tokenizer = tokenizer_of(tiny_causal, chat_template=None)
    speech = Speech(tokenizer, "tiny")
    assert speech.text(ASKED) == "Be brief.\n\nWho?\n\nI.\n\n?\n\n"
    assert speech.end == tokenizer.eos_token_id


def test_without_any_end_there_is_no_answer(tiny_causal: Path) -> None:
    speech = Speech(tokenizer_of(tiny_causal, chat_template=None, eos_token=None), "tiny")
    with pytest.raises(WeightsError, match="no token that ends a text"):
        speech.answer("so")


def test_without_a_template_a_text_begins_as_the_tokenizer_begins_one(tiny_causal: Path) -> None:
    from tokenizers import processors

    tokenizer = tokenizer_of(tiny_causal, chat_template=None)
    begin = tokenizer.bos_token_id
    assert begin not in Speech(tokenizer, "tiny").asked(ASKED)
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{tokenizer.bos_token} $A", special_tokens=[(tokenizer.bos_token, begin)]
    )
    speech = Speech(tokenizer, "tiny")
    assert speech.asked(ASKED)[0] == begin
    assert speech.asked(ASKED).count(begin) == 1
    assert begin not in speech.answer("so")


def test_words_of_a_refused_system_turn_begin_the_users(tiny_causal: Path) -> None:
    speech = Speech(tokenizer_of(tiny_causal, chat_template=NO_SYSTEM), "tiny")
    assert speech.text(ASKED) == "<u>Be brief.\n\nWho?<|im_end|><a>I.<|im_end|><u>?<|im_end|><a>"
    assert speech.text(ASKED[1:]).startswith("<u>Who?<|im_end|>")


@pytest.mark.parametrize(
    "template", ["{{ raise_exception('never') }}", "{% if %}", "{{ 1 // 0 }}", "{{ messages.x.y }}"]
)
def test_a_broken_template_is_said(tiny_causal: Path, template: str) -> None:
    speech = Speech(tokenizer_of(tiny_causal, chat_template=template), "tiny")
    with pytest.raises(WeightsError, match="tiny: its chat template can't write a conversation"):
        speech.text(ASKED)


def test_tokens_of_the_templates_own_are_named(speech: Speech) -> None:
    assert speech.control(["fine", "a <|im_end|> b"]) == "<|im_end|>"
    assert speech.control(["<|im_start|>user"]) == "<|im_start|>"
    assert speech.control(["<|im_end| >", ""]) is None


def test_the_end_is_named_even_where_it_is_not_called_special(tiny_causal: Path) -> None:
    from tokenizers import AddedToken

    template = "{% for message in messages %}{{ message['content'] + '<end>' }}{% endfor %}"
    tokenizer = tokenizer_of(tiny_causal, chat_template=template)
    tokenizer.add_tokens([AddedToken("<end>", special=False)])
    speech = Speech(tokenizer, "tiny")
    assert speech.end == tokenizer.convert_tokens_to_ids("<end>")
    assert speech.control(["the <end>"]) == "<end>"


def test_shorter_rows_are_filled_with_the_padding_or_the_end(tiny_causal: Path) -> None:
    tokenizer = tokenizer_of(tiny_causal)
    assert Speech(tokenizer, "tiny").filler == tokenizer.pad_token_id
    tokenizer.pad_token = None
    assert Speech(tokenizer, "tiny").filler == Speech(tokenizer, "tiny").end
