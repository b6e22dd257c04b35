"""What an encoder's export is made of: its graph, how to use it, and what it has to answer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...errors import ModelError
from ...shapes import Shape
from ..answering_labels import read_head
from ..answering_options import scorer_of
from ..answering_spans import WHOLE_WORDS, tagger_of
from ..base_model import BaseModel
from ..bi_encoder import SCALE, UNIT, BiEncoder
from ..encoder import Encoder
from ..loading import Kept
from ..pooled import Tokens, tells_apart, tokens_of
from ..scorer import Scorer
from ..span_tagger import tag_logits
from ..windows import Windows
from .comparing import Array
from .graphs import Graph, LabelGraph, PairGraph, TagGraph, VectorGraph
from .probes import PASSAGES, QUESTIONS, TEXTS

__all__ = ["Run", "Subject", "subject_of"]

#: An exported graph at work: tokens in, outputs by name.
Run = Callable[[Sequence[Tokens]], Mapping[str, Array]]


class Subject(ABC):
    """A model on its way out.

    ``graph`` computes what ``model`` does. ``cuts`` says whether texts are cut at its length.
    """

    graph: Graph
    model: BaseModel
    cuts = True

    @abstractmethod
    def usage(self) -> dict[str, Any]:
        """What has to be known to get answers from the outputs."""

    @abstractmethod
    def expected(self) -> list[Array]:
        """What the original computes for the probes, up to where the temperature comes in."""

    @abstractmethod
    def found(self, run: Run) -> list[Array]:
        """The same, as another program would get it from the graph."""


class LabelSubject(Subject):
    """A classifier."""

    def __init__(self, kept: Kept) -> None:
        self.model = self._encoder = kept.model(Encoder)
        self._head = read_head(kept.card, kept.folder)
        self._labels = kept.card.labels
        self.graph = LabelGraph(self.model, self._head)

    def usage(self) -> dict[str, Any]:
        return {
            "labels": list(self._labels),
            "answer": "Probabilities, in the order of labels: softmax(logits / temperature).",
        }

    def expected(self) -> list[Array]:
        return [self._head.logits(self._encoder.encode(TEXTS)).numpy()]

    def found(self, run: Run) -> list[Array]:
        return [run(list(tokens_of(self.model, TEXTS)))["logits"]]


class TagSubject(Subject):
    """A tagger."""

    cuts = False

    def __init__(self, kept: Kept) -> None:
        self._card = kept.card
        self.model, self._module = tagger_of(kept)
        self._windows = Windows(self.model.tokenizer, kept.card.max_length)
        self.graph = TagGraph(self.model, self._module.head, types=self._module.tells_apart)

    def usage(self) -> dict[str, Any]:
        tags = [f"{begin}-{label}" for label in self._card.labels for begin in "BI"]
        return {
            "labels": list(self._card.labels),
            "tags": ["O", *tags],
            "whole_words": bool(self._card.options[WHOLE_WORDS]),
            "answer": "The best path through the logits of a text's tokens, in which I-x follows "
            "only B-x or I-x. Where whole_words is true, a token within a word (its character and "
            "the one before are both letters, digits or _) goes on with the tag of the token "
            "before. A span is a B-x and the I-x behind it; its characters are those of its "
            "tokens. A text longer than max_length is read in windows that overlap by a quarter; "
            "of two logits of a token, those count that have more text around them.",
        }

    def expected(self) -> list[Array]:
        windows = self._probes()
        found: dict[int, Array] = {}
        for places, logits in tag_logits(self._module, windows, self.model.device):
            found.update(zip(places, (one.numpy() for one in logits), strict=True))
        return [found[place] for place in range(len(windows))]

    def found(self, run: Run) -> list[Array]:
        windows = self._probes()
        logits = run([Tokens(window.ids, window.types) for window in windows])["logits"]
        return [
            of_window[window.places.start : window.places.stop]
            for of_window, window in zip(logits, windows, strict=True)
        ]

    def _probes(self) -> list[Any]:
        return [one for read in self._windows.read(PASSAGES) for one in read.windows]


class OptionSubject(Subject):
    """A scorer of options."""

    def __init__(self, kept: Kept) -> None:
        self._scorer: Scorer = scorer_of(kept).requires_grad_(False)
        self.model = self._scorer.model
        head = self._scorer.head.detach()
        self._apart = isinstance(self._scorer, BiEncoder)
        if self._apart:
            self._scale = SCALE + UNIT * float(head[-1])
            self.graph: Graph = VectorGraph(self.model, head[:-1].clone())
        else:
            types = tells_apart(self.model)
            self.graph = PairGraph(self.model, head.clone(), types=types)

    def usage(self) -> dict[str, Any]:
        question = "Of a question with a context, both are read as one text, with a blank line "
        question += "between them. "
        probabilities = " Probabilities: softmax(scores / temperature) over a question's options."
        if self._apart:
            score = "score = scale * (vector of question · vector of option) + worth of option."
            return {"scale": self._scale, "answer": question + score + probabilities}
        pair = "An option is read as the second text of a pair, behind the question."
        return {"answer": question + pair + probabilities}

    def expected(self) -> list[Array]:
        return [self._scorer.alone([one]).numpy() for one in self._scorer.read(QUESTIONS)]

    def found(self, run: Run) -> list[Array]:
        read = self._scorer.read(QUESTIONS)
        if not self._apart:
            return [run(pairs)["score"] for pairs in read]
        scores = []
        for texts in read:
            given = run(texts)
            question, options = given["vector"][0], given["vector"][1:]
            scores.append(self._scale * (options @ question) + given["worth"][1:])
        return scores


SUBJECTS: Mapping[Shape, Callable[[Kept], Subject]] = {
    Shape.LABELLED: LabelSubject,
    Shape.SPANNED: TagSubject,
    Shape.RANKED: OptionSubject,
}


def subject_of(kept: Kept) -> Subject:
    """A model on its way out, in fp32 on the CPU.

    Raises:
        ModelError: it can't be read.
        WeightsError: the base weights can't be loaded.
    """
    if kept.card.shape not in SUBJECTS:
        raise ModelError(f"{kept.folder} holds no encoder. Export it as a language model.")
    subject = SUBJECTS[kept.card.shape](kept._replace(device="cpu", precision="fp32"))
    subject.graph.eval().requires_grad_(False)
    return subject
