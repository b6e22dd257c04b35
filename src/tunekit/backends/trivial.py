"""Rules that read next to nothing: what a model has to beat before anybody should pay for it."""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import orjson

from ..data.dataset import Dataset
from ..durable import disk_errors, write_file
from ..errors import ConfigError, HyperparameterError, ModelError, UnsupportedTask
from ..planning import Estimate, Route, Setup
from ..shapes import (
    Failure,
    Input,
    Marks,
    Order,
    Outcome,
    Passage,
    Question,
    Said,
    Shape,
    Span,
    Weights,
)
from ..tasks.blind import BlindRule, Options, features_of, pick
from ..tasks.preference import Preference
from .base import ModelRef

__all__ = ["RULES", "TrivialBackend"]

#: Different texts that are kept as spans, the most frequent ones: more of them is a model.
MOST_QUOTES = 10_000
#: Characters of such a text: a longer one hardly stands anywhere again, and all would be searched
#: for at every word.
LONGEST_QUOTE = 200
#: Rows that the rule of options is learnt from, spread over the set.
MOST_ROWS = 5_000
FILE = "rule.json"
#: What a reference to a saved rule begins with; another one is a rule with its key under home.
FOLDER = "folder:"
VERSION = 1


class Rule(Protocol):
    """How rows become a rule (plain values), and how it answers."""

    shape: Shape
    #: What :meth:`learn` gives, by name.
    keeps: frozenset[str]

    def learn(self, data: Dataset) -> dict[str, Any]: ...

    def answer(self, learnt: Mapping[str, Any], asked: Any) -> Outcome: ...


class _Majority:
    """The label that is most frequent, whatever is asked; its probability is its share."""

    shape = Shape.LABELLED
    keeps = frozenset({"shares"})

    def learn(self, data: Dataset) -> dict[str, Any]:
        counts = Counter(row.label for row in data)
        ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
        return {"shares": [[label, count / len(data)] for label, count in ranked]}

    def answer(self, learnt: Mapping[str, Any], asked: Passage) -> Outcome:
        return Weights(tuple((label, share) for label, share in learnt["shares"]))


class _FrequentSpans:
    """Every text that was a span in training is one again, with its most frequent label; the
    longest first, no two over each other, and whole words only."""

    shape = Shape.SPANNED
    keeps = frozenset({"labels"})

    def learn(self, data: Dataset) -> dict[str, Any]:
        seen: Counter[tuple[str, str]] = Counter(
            (row.text[span.start : span.end], span.label) for row in data for span in row.spans
        )
        quotes: set[str] = set()
        by_first: defaultdict[str, dict[str, str]] = defaultdict(dict)
        for (quote, label), _ in sorted(seen.items(), key=lambda pair: (-pair[1], pair[0])):
            first = _WORD.match(quote)
            if first is None or len(quote) > LONGEST_QUOTE or quote in quotes:
                continue
            if len(quotes) == MOST_QUOTES:
                break
            quotes.add(quote)
            by_first[first.group()][quote] = label
        return {"labels": dict(by_first)}

    def answer(self, learnt: Mapping[str, Any], asked: Passage) -> Outcome:
        text, by_first = asked.text, learnt["labels"]
        spans: list[Span] = []
        at = 0
        for word in _WORD.finditer(text):
            start = word.start()
            labels = by_first.get(word.group(), {})
            if start < at or not labels:
                continue
            # Ends of words only, so that a text of any length takes time in proportion; the last
            # one may be where the search ends, in the middle of a word.
            longest = max(map(len, labels))
            ends = (one.end() for one in _WORD.finditer(text, start, start + longest))
            found = [
                end
                for end in ends
                if text[start:end] in labels and not _INSIDE_A_WORD.match(text, end)
            ]
            if found:
                at = max(found)
                spans.append(Span(start, at, labels[text[start:at]]))
        return Marks(tuple(spans))


class _Echo:
    """The input, as it is."""

    shape = Shape.TEXT_TO_TEXT
    keeps = frozenset[str]()

    def learn(self, data: Dataset) -> dict[str, Any]:
        return {}

    def answer(self, learnt: Mapping[str, Any], asked: Passage) -> Outcome:
        return Said(asked.text)


class _FirstOption:
    """The first option, whatever it says."""

    shape = Shape.RANKED
    keeps = frozenset[str]()

    def learn(self, data: Dataset) -> dict[str, Any]:
        return {}

    def answer(self, learnt: Mapping[str, Any], asked: Question) -> Outcome:
        return _chosen(0, asked)


class _OptionsOnly:
    """The option that looks like those that were best, by its words and length; the question is
    never read."""

    shape = Shape.RANKED
    keeps = frozenset({"weights"})

    def learn(self, data: Dataset) -> dict[str, Any]:
        some = data if len(data) <= MOST_ROWS else data.sample(MOST_ROWS)
        told = [row for row in some if len(set(row.order)) > 1]
        rows = [
            Options(
                features_of(row.options),
                frozenset(at for at, rank in enumerate(row.order) if rank == min(row.order)),
                learns=True,
            )
            for row in told
        ]
        return {"weights": BlindRule(rows).weights}

    def answer(self, learnt: Mapping[str, Any], asked: Question) -> Outcome:
        return _chosen(pick(learnt["weights"], features_of(asked.options)), asked)


#: The rules of each kind of task, the usual one first.
RULES: Mapping[str, Mapping[str, Rule]] = {
    "classification": {"majority": _Majority()},
    "extraction": {"frequent-spans": _FrequentSpans()},
    "transformation": {"echo": _Echo()},
    "preference": {"options-only": _OptionsOnly(), "first-option": _FirstOption()},
}
_BY_NAME = {name: rule for rules in RULES.values() for name, rule in rules.items()}
_WORD = re.compile(r"\w+|[^\w\s]")
_INSIDE_A_WORD = re.compile(r"(?<=\w)(?=\w)")


class TrivialBackend:
    """Answers by a rule: the majority label, the most frequent spans, the input itself, the option
    that looks best. It trains nothing; :func:`tunekit.baseline` makes its models.

    Args:
        name: the name in config.
        home: the folder that rules are kept under.
        rule: which one, where a task has several: ``"options-only"`` or ``"first-option"`` for
            preferences.

    Example:
        >>> import tunekit
        >>> rows = [{"text": str(n), "label": "odd" if n % 2 else "even"} for n in range(9)]
        >>> data = tunekit.Dataset.from_rows(rows, tunekit.Classification())
        >>> tunekit.baseline(data, backend="trivial").predict("10").label
        'even'
    """

    type = "trivial"
    default_model = "rule"

    def __init__(self, name: str = "trivial", *, home: Path, rule: str | None = None) -> None:
        if rule is not None and rule not in _BY_NAME:
            raise ConfigError(f"{name}: no rule {rule!r}. There are {', '.join(_BY_NAME)}.")
        self.name = name
        self._home = home
        self._rule = rule
        self._read: dict[str, tuple[Rule, dict[str, Any]]] = {}

    @property
    def options(self) -> Mapping[str, Any]:
        return {} if self._rule is None else {"rule": self._rule}

    def routes(self, model: str) -> Sequence[Route]:
        return ()

    def hyperparameters(self, route: Route, given: Mapping[str, Any]) -> Mapping[str, Any]:
        if given:
            raise HyperparameterError(
                f"{self.name} trains nothing, so it takes no {list(given)}. Leave them out."
            )
        return {}

    def prepare(self, setup: Setup) -> Estimate:
        return Estimate(note="A rule: nothing is trained.")

    def rule(self, data: Dataset) -> tuple[ModelRef, Shape]:
        kind = data.task.kind
        rules = RULES.get(kind, {})
        name = self._rule or next(iter(rules), "")
        if name not in rules or (isinstance(data.task, Preference) and data.task.goal != "choose"):
            raise UnsupportedTask(
                f"{self.name} has no rule {name!r} for {data.task!r:.80}. For {kind} it has: "
                f"{', '.join(rules) or 'none'}."
            )
        if not len(data):
            raise UnsupportedTask(
                f"{self.name} makes its rule of rows, and there are none. Give at least one."
            )
        rule = rules[name]
        told = orjson.dumps(
            {"version": VERSION, "rule": name, **rule.learn(data)},
            option=orjson.OPT_SORT_KEYS,
        )
        key = hashlib.blake2b(told, digest_size=16).hexdigest()
        folder = self._home / "rules" / key
        with disk_errors(f"writing {folder}"):
            folder.mkdir(parents=True, exist_ok=True)
        write_file(folder / FILE, told)
        return ModelRef(self.name, f"{name}:{key}"), rule.shape

    async def predict(self, ref: ModelRef, inputs: Sequence[Input]) -> list[Outcome]:
        rule, learnt = self._opened(ref.id)
        return [_answered(rule, learnt, one) for one in inputs]

    def save(self, ref: ModelRef, folder: Path) -> None:
        path = self._path(ref.id)
        with disk_errors(f"reading {path}"):
            told = path.read_bytes()
        write_file(folder / FILE, told)

    def open(self, folder: Path) -> ModelRef:
        ref = f"{FOLDER}{folder.resolve()}"
        self._opened(ref)
        return ModelRef(self.name, ref)

    def _path(self, ref: str) -> Path:
        if ref.startswith(FOLDER):
            return Path(ref.removeprefix(FOLDER)) / FILE
        return self._home / "rules" / Path(ref.partition(":")[2]).name / FILE

    def _opened(self, ref: str) -> tuple[Rule, dict[str, Any]]:
        if ref not in self._read:
            path = self._path(ref)
            try:
                learnt = orjson.loads(path.read_bytes())
                rule = _BY_NAME[learnt["rule"]]
                if learnt["version"] != VERSION or not rule.keeps <= learnt.keys():
                    raise ValueError("it is of another version of tunekit")
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise ModelError(
                    f"{path} holds no rule, or a damaged one: {error}. Make the rule again."
                ) from error
            self._read[ref] = rule, learnt
        return self._read[ref]


def _answered(rule: Rule, learnt: Mapping[str, Any], asked: Input) -> Outcome:
    wanted = Question if rule.shape is Shape.RANKED else Passage
    if not isinstance(asked, wanted):
        return Failure("wrong-input", f"the rule answers a {wanted.__name__}, not {asked!r:.80}")
    if isinstance(asked, Question) and not asked.options:
        return Failure("no-options", "there are no options to choose from")
    return rule.answer(learnt, asked)


def _chosen(index: int, asked: Question) -> Outcome:
    return Order(tuple(float(at == index) for at in range(len(asked.options))))
