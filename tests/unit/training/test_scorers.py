"""What a scorer gives its options, against transformers one by one."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs the extra local")

from tokenizers import Tokenizer, processors  # noqa: E402
from torch.nn.functional import normalize  # noqa: E402

from tunekit.shapes import Question  # noqa: E402
from tunekit.training.base_model import BaseModel  # noqa: E402
from tunekit.training.bi_encoder import BiEncoder  # noqa: E402
from tunekit.training.cross_encoder import CrossEncoder  # noqa: E402
from tunekit.training.pooled import pooled, tokens_of  # noqa: E402
from tunekit.training.recipe import Base  # noqa: E402
from tunekit.training.scorer import Scorer  # noqa: E402

pytestmark = pytest.mark.torch

QUESTION = Question("is my card lost", ("the money", "thanks", "my app is great"))
KINDS = [BiEncoder, CrossEncoder]


@pytest.fixture
def model(tiny_encoder: Path) -> BaseModel:
    base = Base(name="tiny", files=(), max_length=16, limit=64)
    model = BaseModel(base, tiny_encoder, max_length=16, threads=1, precision="fp32")
    number = {word: model.tokenizer.token_to_id(word) for word in ("[CLS]", "[SEP]")}
    # Of a pair a published tokenizer says where each text ends, and whose each token is.
    model.tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=list(number.items()),
    )
    return model


def given_head(scorer: Scorer) -> Scorer:
    torch.manual_seed(1)
    scorer.set_head(torch.randn_like(scorer.head))
    return scorer.eval()


def vector(model: BaseModel, ids: list[int], types: list[int]) -> torch.Tensor:
    """By the book: one text, no padding."""
    with torch.no_grad():
        hidden = model.module(
            input_ids=torch.tensor([ids]), token_type_ids=torch.tensor([types])
        ).last_hidden_state
    return normalize(hidden[0].mean(0), dim=0)


def test_bi_encoder_begins_with_the_cosine_and_adds_what_an_option_is_worth(
    model: BaseModel,
) -> None:
    scorer = BiEncoder(model).eval()
    encoded = [model.tokenizer.encode(text) for text in (QUESTION.question, *QUESTION.options)]
    asked, *options = [vector(model, one.ids, one.type_ids) for one in encoded]
    read = scorer.read([QUESTION])
    with torch.no_grad():
        cosines = torch.stack([asked @ option for option in options])
        torch.testing.assert_close(scorer(read)[0], 20 * cosines)
        given_head(scorer)
        worth = torch.stack([option @ scorer.head[:-1] for option in options])
        expected = (20 + 10 * scorer.head[-1]) * cosines + worth
        torch.testing.assert_close(scorer(read)[0], expected)


def test_cross_encoder_reads_pairs_and_says_whose_each_token_is(model: BaseModel) -> None:
    scorer = given_head(CrossEncoder(model))
    pairs = [model.tokenizer.encode(QUESTION.question, option) for option in QUESTION.options]
    assert {tuple(sorted(set(pair.type_ids))) for pair in pairs} == {(0, 1)}
    expected = torch.stack([vector(model, one.ids, one.type_ids) @ scorer.head for one in pairs])
    with torch.no_grad():
        torch.testing.assert_close(scorer(scorer.read([QUESTION]))[0], expected)
        apart = torch.stack([vector(model, one.ids, [0] * len(one)) for one in pairs])
    assert not torch.allclose(expected, apart @ scorer.head, atol=1e-4)


def test_a_model_of_one_token_type_is_given_none(model: BaseModel) -> None:
    model.module.config.type_vocab_size = 1
    scorer = given_head(CrossEncoder(model))
    pairs = [model.tokenizer.encode(QUESTION.question, option) for option in QUESTION.options]
    expected = torch.stack([vector(model, one.ids, [0] * len(one)) for one in pairs])
    with torch.no_grad():
        found = scorer(scorer.read([QUESTION]))[0]
        torch.testing.assert_close(found, expected @ scorer.head)


@pytest.mark.parametrize("kind", KINDS)
def test_context_is_read_along_and_cut_first(model: BaseModel, kind: type[Scorer]) -> None:
    scorer = given_head(kind(model))  # type: ignore[call-arg, arg-type]
    questions = [
        QUESTION,
        QUESTION._replace(context="thanks"),
        QUESTION._replace(context="thanks " * 60),
        QUESTION._replace(context="thanks " * 60 + "my card"),
    ]
    with torch.no_grad():
        none, short, long, longer = scorer.alone(scorer.read(questions)).reshape(4, 3).tolist()
    assert none != short
    assert short != long
    assert long == longer


@pytest.mark.parametrize("kind", KINDS)
def test_padding_changes_nothing(model: BaseModel, kind: type[Scorer]) -> None:
    scorer = given_head(kind(model))  # type: ignore[call-arg, arg-type]
    questions = [QUESTION, Question("my " * 40, ("card", "i want my money back")), QUESTION]
    read = scorer.read(questions)
    with torch.no_grad():
        found = scorer(read)
        alone = scorer.alone(read)
    flat = [found[0, 0], found[0, 1], found[0, 2], found[1, 0], found[1, 1], *found[2]]
    torch.testing.assert_close(torch.stack(flat), alone)
    assert found.shape == (3, 3)


def test_an_equal_text_is_encoded_once(model: BaseModel) -> None:
    read = []

    def count(module: object, _: object, given: dict[str, torch.Tensor], result: object) -> None:
        read[-1] += len(given["input_ids"])

    model.module.register_forward_hook(count, with_kwargs=True)
    other = Question("thanks", ("thanks", *QUESTION.options))  # which has "thanks" twice
    for scorer in (BiEncoder(model), CrossEncoder(model)):
        read.append(0)
        scorer.eval()
        with torch.no_grad():
            scorer(scorer.read([QUESTION, other, QUESTION]))
    assert read == [4, 3 + 3]


def test_nothing_to_read_has_a_vector(tiny_encoder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bare"
    folder.mkdir()
    for file in tiny_encoder.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.post_processor = None
    tokenizer.save(str(folder / "tokenizer.json"))
    base = Base(name="bare", files=(), max_length=16, limit=64)
    model = BaseModel(base, folder, max_length=16, threads=1, precision="fp32")
    with torch.no_grad():
        assert pooled(model, list(tokens_of(model, ["", ("", "")]))).isfinite().all()
        assert pooled(model, []).shape == (0, 32)
