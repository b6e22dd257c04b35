"""What a stock model answers through us is what transformers itself makes of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tunekit.backends.trainer.stock import adopt
from tunekit.errors import ModelError, WeightsError
from tunekit.formats.iob import spans_of_tags
from tunekit.formats.words import words_of
from tunekit.shapes import Failure, Marks, Order, Passage, Question, Shape, Span, Weights
from tunekit.training.questions import with_option
from tunekit.training.stock.words import tag_names

pytestmark = pytest.mark.torch

Make = Callable[..., Path]
TEXTS = ["my card is lost", "I want my money back!", "great app", "thanks", "", "card " * 100, "b2"]
LABELS = ["praise", "card", "refund"]
TAGS = tag_names(["city", "person"])


def answers(model: Path, target: Path, asked: Sequence[Any], **options: Any) -> list[Any]:
    from tunekit.training.runtime import load

    adopt(model, target, name="acme/model@1", **options)
    told: list[int] = []
    runtime = load(target / "artifact", model, device="cpu")
    found = list(runtime.predict(asked, told.append))
    assert sum(told) == len(asked)
    assert list(runtime.predict(asked)) == found
    return found


def stock(kind: str, folder: Path) -> tuple[Any, Any]:
    import transformers

    model = getattr(transformers, f"AutoModelFor{kind}").from_pretrained(folder)
    return model.eval(), transformers.AutoTokenizer.from_pretrained(folder)


# --- labels ---------------------------------------------------------------------------------------


def test_labels_have_the_probabilities_of_transformers(bert: Make, tmp_path: Path) -> None:
    import torch

    folder = bert("SequenceClassification", LABELS)
    model, tokenizer = stock("SequenceClassification", folder)
    found = answers(
        folder,
        tmp_path,
        [Passage(text) for text in TEXTS],
        shape=Shape.LABELLED,
        labels=["card", "praise", "refund"],
        max_length=32,
    )
    for text, answer in zip(TEXTS, found, strict=True):
        # As AutoTrain reads a text: cut, and filled up to the full length.
        read = tokenizer(
            text, max_length=32, padding="max_length", truncation=True, return_tensors="pt"
        )
        with torch.inference_mode():
            expected = model(**read).logits.softmax(1)[0]
        assert isinstance(answer, Weights)
        weights = dict(answer.by_label)
        assert [weights[label] for label in LABELS] == pytest.approx(expected.tolist(), abs=1e-5)
        assert list(weights.values()) == sorted(weights.values(), reverse=True)
    assert len({answer.by_label[0][0] for answer in found}) > 1


def test_one_text_is_answered_as_many_are(bert: Make, tmp_path: Path) -> None:
    folder = bert("SequenceClassification", LABELS)
    asked = [Passage(text) for text in TEXTS]
    whole = answers(folder, tmp_path, asked, shape=Shape.LABELLED)
    for one, answer in zip(asked, whole, strict=True):
        [alone] = answers(folder, tmp_path, [one], shape=Shape.LABELLED)
        assert dict(alone.by_label) == pytest.approx(dict(answer.by_label), abs=1e-6)


def test_labels_without_names_are_the_callers_in_order(bert: Make, tmp_path: Path) -> None:
    named = answers(
        bert("SequenceClassification", LABELS), tmp_path, [Passage("card")], shape=Shape.LABELLED
    )
    nameless = answers(
        bert("SequenceClassification", None, num_labels=3),
        tmp_path,
        [Passage("card")],
        shape=Shape.LABELLED,
        labels=LABELS,
    )
    assert nameless == named


def test_other_labels_are_refused_by_name(bert: Make, tmp_path: Path) -> None:
    folder = bert("SequenceClassification", LABELS)
    with pytest.raises(
        ModelError, match="model doesn't have 'theft'; the task doesn't have 'refund'"
    ):
        adopt(folder, tmp_path, shape=Shape.LABELLED, labels=["praise", "card", "theft"], name="m")
    nameless = bert("SequenceClassification", None, num_labels=3)
    with pytest.raises(ModelError, match="3 labels without names, and the task has 2"):
        adopt(nameless, tmp_path, shape=Shape.LABELLED, labels=["a", "b"], name="m")
    assert not list(tmp_path.iterdir())


# --- spans ----------------------------------------------------------------------------------------


def spans_by_transformers(model: Any, tokenizer: Any, text: str) -> tuple[Span, ...]:
    import torch

    words = words_of(text)
    if not words:
        return ()
    read = tokenizer(
        [text[start:end] for start, end in words], is_split_into_words=True, return_tensors="pt"
    )
    with torch.inference_mode():
        tags = model(**read).logits[0].argmax(1).tolist()
    first: dict[int, str] = {}
    for word, tag in zip(read.word_ids(0), tags, strict=True):
        if word is not None:
            first.setdefault(word, model.config.id2label[tag])
    return tuple(
        Span(words[start][0], words[end - 1][1], label)
        for start, end, label in spans_of_tags(first.values())
    )


def test_spans_are_those_of_transformers_on_words(bert: Make, tmp_path: Path) -> None:
    folder = bert("TokenClassification", TAGS)
    model, tokenizer = stock("TokenClassification", folder)
    texts = [text for text in TEXTS if len(text) < 100] + ["the  app\tis (great), thanks - 東京 ok"]
    found = answers(folder, tmp_path, [Passage(text) for text in texts], shape=Shape.SPANNED)
    expected = [Marks(spans_by_transformers(model, tokenizer, text)) for text in texts]
    assert found == expected
    assert sum(len(marks.spans) for marks in expected) > 3


def test_long_texts_are_read_to_their_end(bert: Make, tmp_path: Path) -> None:
    folder = bert("TokenClassification", TAGS)
    text = " ".join(["my card is lost, thanks."] * 60)
    [marks] = answers(folder, tmp_path, [Passage(text)], shape=Shape.SPANNED, max_length=16)
    assert marks.spans[-1].end > len(text) - 40
    assert all(text[span.start : span.end].strip() for span in marks.spans)
    assert list(marks.spans) == sorted(marks.spans)


def test_a_context_is_refused_since_none_was_trained(bert: Make, tmp_path: Path) -> None:
    folder = bert("TokenClassification", TAGS)
    asked = [Passage("card", "context"), Passage("card")]
    refused, answered = answers(folder, tmp_path, asked, shape=Shape.SPANNED)
    assert refused == Failure("wrong-input", "this model reads a text without context")
    assert isinstance(answered, Marks)


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        (TAGS, ("person", "city")),  # in another order
        (["O", "city", "person"], ("city", "person")),  # without prefixes
        (["B-person", "I-person", "B-city", "I-city", "O"], ("city", "person")),
    ],
)
def test_tags_of_many_ways_fit(
    bert: Make, tmp_path: Path, names: list[str], labels: tuple[str, ...]
) -> None:
    folder = bert("TokenClassification", names)
    card = adopt(folder, tmp_path, shape=Shape.SPANNED, labels=labels, name="m")
    assert card.labels == labels
    [marks] = answers(folder, tmp_path, [Passage(TEXTS[0])], shape=Shape.SPANNED, labels=labels)
    assert {span.label for span in marks.spans} <= set(labels)


def test_tags_without_names_are_of_the_callers_labels(bert: Make, tmp_path: Path) -> None:
    folder = bert("TokenClassification", None, num_labels=5)
    card = adopt(folder, tmp_path, shape=Shape.SPANNED, labels=["city", "person"], name="m")
    assert card.options["tags"] == TAGS
    with pytest.raises(ModelError, match="5 tags have no names, and 3 labels have 7 tags"):
        adopt(folder, tmp_path, shape=Shape.SPANNED, labels=["a", "b", "c"], name="m")


def test_tags_that_do_not_fit_are_refused(bert: Make, tmp_path: Path) -> None:
    mixed = bert("TokenClassification", ["O", "B-city", "person"])
    with pytest.raises(ModelError, match="person isn't written as the others"):
        adopt(mixed, tmp_path, shape=Shape.SPANNED, name="m")
    folder = bert("TokenClassification", TAGS)
    with pytest.raises(ModelError, match="the task doesn't have 'person'"):
        adopt(folder, tmp_path, shape=Shape.SPANNED, labels=["city"], name="m")


# --- options --------------------------------------------------------------------------------------

QUESTIONS = [
    Question("Which card?", ("mine", "yours", "mine", "")),
    Question("Refund?", ("yes", "no"), "the app took my money"),
    Question("Nothing?", ()),
    Question("long " * 200, ("yes", "no")),
]


def scores_of(orders: Sequence[Order]) -> list[float]:
    return [score for order in orders for score in order.scores]


def test_rewards_are_those_of_transformers(llama_reward: Path, tmp_path: Path) -> None:
    import torch

    found = answers(
        llama_reward, tmp_path, QUESTIONS, shape=Shape.RANKED, max_length=128, reads="plain"
    )
    model, tokenizer = stock("SequenceClassification", llama_reward)
    expected = []
    for question in QUESTIONS:
        for option in question.options:
            ids = tokenizer(with_option(question, option))["input_ids"][-128:]
            with torch.inference_mode():
                expected.append(float(model(torch.tensor([ids])).logits[0, 0]))
    assert scores_of(found) == pytest.approx(expected, abs=1e-5)
    assert found[0].scores[0] == found[0].scores[2]
    assert found[3].scores[0] != found[3].scores[1]  # what is too long loses its beginning
    for order in found:
        assert sum(order.probabilities) == pytest.approx(1.0 if order.scores else 0.0)
    assert found[2] == Order((), ())


def test_a_dialogue_is_written_by_the_models_template(llama_reward: Path, tmp_path: Path) -> None:
    import torch

    found = answers(llama_reward, tmp_path, QUESTIONS[:1], shape=Shape.RANKED, reads="template")
    model, tokenizer = stock("SequenceClassification", llama_reward)
    turns = [{"role": "user", "content": "Which card?"}, {"role": "assistant", "content": "mine"}]
    read = tokenizer.apply_chat_template(turns, return_tensors="pt", return_dict=True)
    with torch.inference_mode():
        assert found[0].scores[0] == pytest.approx(float(model(**read).logits[0, 0]), abs=1e-5)


def test_a_cross_encoder_reads_pairs(bert: Make, tmp_path: Path) -> None:
    import torch

    folder = bert("SequenceClassification", ["LABEL_0"])
    found = answers(folder, tmp_path, QUESTIONS[:1], shape=Shape.RANKED, reads="pair")
    model, tokenizer = stock("SequenceClassification", folder)
    expected = []
    for option in QUESTIONS[0].options:
        # As a list: of an empty text alone, transformers makes no pair.
        read = tokenizer(["Which card?"], [option], return_tensors="pt")
        with torch.inference_mode():
            expected.append(float(model(**read).logits[0, 0]))
    assert scores_of(found) == pytest.approx(expected, abs=1e-5)


# --- what is no such model ------------------------------------------------------------------------


def test_another_kind_of_model_is_refused(bert: Make, tiny_causal: Path, tmp_path: Path) -> None:
    classifier = bert("SequenceClassification", LABELS)
    refused: list[tuple[Path, Shape, str]] = [
        (classifier, Shape.SPANNED, "BertForSequenceClassification architecture"),
        (classifier, Shape.RANKED, "3 outputs, and a model that ranks has one"),
        (classifier, Shape.CHAT, "ends in ForCausalLM"),
        (tiny_causal, Shape.LABELLED, "LlamaForCausalLM architecture"),
        (bert("SequenceClassification", ["one"]), Shape.LABELLED, "tell no labels apart"),
    ]
    for folder, shape, said in refused:
        with pytest.raises(ModelError, match=said):
            adopt(folder, tmp_path, shape=shape, name="m")
    several = bert("SequenceClassification", LABELS, problem_type="multi_label_classification")
    with pytest.raises(ModelError, match="several of its labels can hold at once"):
        adopt(several, tmp_path, shape=Shape.LABELLED, name="m")


def test_a_pickle_is_never_read(bert: Make, tmp_path: Path) -> None:
    folder = bert("SequenceClassification", LABELS)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(WeightsError, match="only as a pickle"):
        adopt(folder, tmp_path, shape=Shape.LABELLED, name="m")
    (folder / "pytorch_model.bin").unlink()
    with pytest.raises(WeightsError, match=r"no model\.safetensors"):
        adopt(folder, tmp_path, shape=Shape.LABELLED, name="m")


def test_weights_that_lack_the_head_are_refused(bert: Make, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    from tunekit.training.runtime import load

    for lost in ("classifier.weight", "bert.pooler.dense.weight"):
        folder = bert("SequenceClassification", LABELS)
        file = folder / "model.safetensors"
        tensors = load_file(file)
        del tensors[lost]
        save_file(tensors, file, {"format": "pt"})
        adopt(folder, tmp_path, shape=Shape.LABELLED, name="m")
        with pytest.raises(WeightsError, match=lost):
            load(tmp_path / "artifact", folder, device="cpu")


def test_an_architecture_that_nobody_knows_is_refused(bert: Make, tmp_path: Path) -> None:
    folder = bert("SequenceClassification", LABELS)
    config = folder / "config.json"
    config.write_text(config.read_text().replace('"bert"', '"zert"'))
    with pytest.raises(ModelError, match="'zert'"):
        adopt(folder, tmp_path, shape=Shape.LABELLED, name="m")
