"""Comparisons as they are: real reports on made-up rows, in plain values, the same each time."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import Any

from tunekit.evaluation import evaluate
from tunekit.shapes import Failure, Span
from tunekit.tasks.base import Row, Task
from tunekit.tasks.classification import Classification, ClassificationRow, Label
from tunekit.tasks.extraction import Extracted, Extraction, ExtractionRow
from tunekit.tasks.preference import Choice, Preference, PreferenceRow

#: Texts that would do harm if they were taken for anything but text.
HOSTILE = (
    "<script>document.title='owned'</script>",
    '"><img src=x onerror="document.title=\'owned\'">',
    "</script><script>document.title='owned'</script>",
    "{{ 7 * 7 }} {% raw %} ${7 * 7}",
    "<!-- <script> a line\u2028and another",
    "javascript:alert(1) &lt;b&gt; &#60;",
    "pay \u202egnp.exe now",
    "שלום עולם abc 123 مرحبا",
    "nul \x00 bell \x07 half \ud83d surrogate",
)
KINDS = ("tuned", "prompted", "zero-shot", "trivial")
SAYING = (
    "my card was declined at the shop please help i want money back the transfer is still pending "
    "why there an extra fee on statement how do top up by cheque can you change pin"
)
WORDS = SAYING.split()


def classification(
    rows: int = 400, labels: int = 6, accuracies: Sequence[float] = (0.93, 0.85, 0.7)
) -> dict[str, Any]:
    """A comparison of so many models on so many rows."""
    chance = random.Random(7)
    names = [f"{chance.choice(WORDS)}_{chance.choice(WORDS)}_{number}" for number in range(labels)]
    task = Classification(names)
    truth = [
        ClassificationRow(
            text=_sentence(chance),
            label=chance.choice(names),
            meta=(("lang", chance.choice(("de", "en"))),),
        )
        for _ in range(rows)
    ]
    models = _names(accuracies)
    answers: dict[str, list[Any]] = {}
    for name, accuracy in zip(models, accuracies, strict=True):
        answers[name] = [_label(chance, row.label, names, accuracy) for row in truth]
    return _comparison(
        task,
        "classification",
        ["accuracy", "macro_f1"],
        truth,
        answers,
        texts=[(row.text, row.label) for row in truth],
        said=lambda answer: (answer.label, answer.probability),
        right=lambda row, answer: answer.label == row.label,
    )


def extraction(rows: int = 120) -> dict[str, Any]:
    """People and towns, found more and less well."""
    chance = random.Random(8)
    task = Extraction(["person", "town"])
    truth, answers = [], {name: [] for name in _names((0.9, 0.6))}
    for _ in range(rows):
        person, town = (
            chance.choice(["Anna", "Jonas Feld", "Tove"]),
            chance.choice(["Ulm", "Bad Tölz"]),
        )
        text = f"{person} moved to {town} in {chance.randint(1950, 2020)}."
        start = text.index(town)
        spans = (Span(0, len(person), "person"), Span(start, start + len(town), "town"))
        truth.append(ExtractionRow(text=text, spans=spans))
        for name, accuracy in zip(answers, (0.9, 0.6), strict=True):
            kept = tuple(
                one if chance.random() < accuracy else one._replace(end=one.end - 1)
                for one in spans
            )
            answers[name].append(
                Failure("timeout", "no answer within 30 s")
                if chance.random() > 0.98
                else Extracted(tuple(one for one in kept if chance.random() < accuracy + 0.08))
            )
    return _comparison(
        task,
        "extraction",
        ["span_f1", "macro_f1"],
        truth,
        answers,
        texts=[(row.text, _spans(row.text, row.spans)) for row in truth],
        said=lambda answer, text="": (None, None),
        right=lambda row, answer: set(answer.spans) == set(row.spans),
        spelled=lambda row, answer: _spans(row.text, answer.spans),
    )


def preference(rows: int = 150) -> dict[str, Any]:
    """Questions with three options each."""
    chance = random.Random(9)
    task = Preference("choose")
    truth = [
        PreferenceRow(
            question=f"{_sentence(chance)}?",
            options=tuple(f"{at}. {_sentence(chance)}" for at in range(3)),
            best=chance.randrange(3),
        )
        for _ in range(rows)
    ]
    answers: dict[str, list[Any]] = {}
    for name, accuracy in zip(_names((0.62, 0.6)), (0.62, 0.6), strict=True):
        answers[name] = [_choice(chance, row, accuracy) for row in truth]
    return _comparison(
        task,
        "preference",
        ["accuracy"],
        truth,
        answers,
        texts=[(row.question, row.options[row.best or 0]) for row in truth],
        said=lambda answer: (answer.option, max(answer.probabilities)),
        right=lambda row, answer: answer.index == row.best,
    )


def transformation(rows: int = 80) -> dict[str, Any]:
    """Corrected sentences; its report has the form of the design: figures with intervals."""
    found = preference(rows)
    found.update(task="transformation", metrics=["exact_match", "chrf"])
    for model in found["models"]:
        accuracy = model["report"]["accuracy"]
        chrf = {"value": 0.81, "low": 0.79, "high": 0.83}
        model["report"] = {
            "task": "transformation",
            "model_kind": model["kind"],
            "rows": rows,
            "exact_match": accuracy,
            "chrf": chrf,
        }
        model.update(reliability=[], scores=None)
    for difference in found["differences"]:
        difference["metric"] = "exact_match"
    for part in found["slices"]:
        for measures in part["measures"].values():
            measures["exact_match"] = measures.pop("accuracy")
    return found


def hostile() -> dict[str, Any]:
    """A comparison in which every text that comes from outside is hostile."""
    found = classification(60, 4)
    for row, text in zip(found["rows"], HOSTILE * 10, strict=False):
        row.update(input=text, id=text, truth=text, meta={text: text})
        for answer in row["answers"].values():
            answer["text"] = text
    renamed = {model["name"]: text for model, text in zip(found["models"], HOSTILE, strict=False)}
    for model in found["models"]:
        report = model["report"]
        for at, scores in enumerate(report["per_class"]):
            scores["label"] = HOSTILE[at]
        model.update(
            name=renamed[model["name"]], ref=HOSTILE[0], backend=HOSTILE[1], base=HOSTILE[2]
        )
        model["prompt"] = {
            "system": HOSTILE[0],
            "shots": [[HOSTILE[1], HOSTILE[2]]],
            "hash": "a1b2",
        }
        model["provenance"] = {HOSTILE[2]: list(HOSTILE)}
        report["confusion"] = [
            {"truth": HOSTILE[at % 3], "predicted": HOSTILE[at % 4], "rows": at + 1}
            for at in range(12)
        ]
    for difference in found["differences"]:
        difference.update(a=renamed[difference["a"]], b=renamed[difference["b"]])
    for part in found["slices"]:
        part.update(value=HOSTILE[1], column=f"meta:{HOSTILE[2]}")
        part["measures"] = {renamed[name]: one for name, one in part["measures"].items()}
    for row in found["rows"]:
        row["answers"] = {renamed[name]: one for name, one in row["answers"].items()}
    found["test"]["name"] = HOSTILE[2]
    found["findings"] = [
        {"code": HOSTILE[0], "severity": "error", "row": 1, "message": text, "suggestion": text}
        for text in HOSTILE
    ]
    return found


def plain(comparison: dict[str, Any]) -> dict[str, Any]:
    """What is left of it in a JSON file."""
    copied: dict[str, Any] = json.loads(json.dumps(comparison))
    return copied


# --- the parts ------------------------------------------------------------------------------------


def _names(accuracies: Sequence[float]) -> list[str]:
    known = ["minilm tuned", "gpt-4.1-mini, 16 shots", "minilm zero-shot", "most frequent"]
    return known[: len(accuracies)]


def _sentence(chance: random.Random) -> str:
    return " ".join(chance.choices(WORDS, k=chance.randint(5, 18)))


def _label(chance: random.Random, truth: str, names: Sequence[str], accuracy: float) -> Label:
    at = names.index(truth)
    # Neighbours are confused more often than others.
    other = names[(at + chance.choice((1, 1, 1, 2, 5))) % len(names)]
    label = truth if chance.random() < accuracy else other
    probability = round(
        min(0.999, chance.betavariate(8, 2) if label == truth else chance.betavariate(4, 3)), 3
    )
    rest = (1 - probability) / (len(names) - 1)
    return Label(label, probability, {**dict.fromkeys(names, rest), label: probability})


def _choice(chance: random.Random, row: PreferenceRow, accuracy: float) -> Choice:
    best = row.best or 0
    index = best if chance.random() < accuracy else (best + 1) % 3
    probability = round(0.4 + 0.6 * chance.random(), 3)
    rest = (1 - probability) / 2
    odds = tuple(probability if at == index else rest for at in range(3))
    return Choice(index, row.options[index], odds)


def _spans(text: str, spans: Sequence[Span]) -> str:
    return (
        ", ".join(f"{one.label}: {text[one.start : one.end]}" for one in sorted(spans)) or "nothing"
    )


def _comparison(
    task: Task,
    kind: str,
    metrics: list[str],
    truth: Sequence[Row],
    answers: dict[str, list[Any]],
    *,
    texts: Sequence[tuple[str, str]],
    said: Any,
    right: Any,
    spelled: Any = None,
) -> dict[str, Any]:
    judged = {
        name: [
            not isinstance(one, Failure) and right(row, one)
            for row, one in zip(truth, given, strict=True)
        ]
        for name, given in answers.items()
    }

    def answer(name: str, at: int) -> dict[str, Any]:
        one = answers[name][at]
        if isinstance(one, Failure):
            return {
                "text": "",
                "right": False,
                "probability": None,
                "failure": f"{one.code}: {one.detail}",
            }
        text, probability = said(one)
        if spelled is not None:
            text = spelled(truth[at], one)
        return {
            "text": text,
            "right": judged[name][at],
            "probability": probability,
            "failure": None,
        }

    rows = []
    for at, (row, (asked, true)) in enumerate(zip(truth, texts, strict=True)):
        of_row = {name: answer(name, at) for name in answers}
        if not all(one["right"] for one in of_row.values()):
            rows.append(
                {
                    "row": at,
                    "id": row.id,
                    "input": asked,
                    "truth": true,
                    "meta": dict(row.meta),
                    "answers": of_row,
                }
            )
    names = list(answers)
    return plain(
        {
            "task": kind,
            "created": "2026-11-26",
            "tunekit": "0.1.0",
            "test": {
                "name": "messages.jsonl, test part",
                "rows": len(truth),
                "fingerprint": "9f86d081884c7d65",
            },
            "metrics": metrics,
            "confidence": 0.95,
            "correction": "Holm",
            "method": "Both models are resampled on the same rows, 1,000 times",
            "models": [
                _model(
                    task,
                    truth,
                    name,
                    KINDS[at],
                    answers[name],
                    judged[name],
                    said if spelled is None else None,
                )
                for at, name in enumerate(names)
            ],
            "differences": [
                _difference(metric, a, b, judged)
                for metric in metrics
                for at, a in enumerate(names)
                for b in names[at + 1 :]
            ],
            "slices": _slices(metrics[0], texts, judged, kind),
            "rows": rows,
            "rows_left_out": 0,
            "findings": [
                {
                    "code": "near-duplicate",
                    "severity": "warning",
                    "row": 12,
                    "message": "this row and row 80 say nearly the same.",
                    "suggestion": "Keep one of them.",
                },
                {
                    "code": "tiny-label",
                    "severity": "info",
                    "row": None,
                    "message": "a label has 3 rows.",
                    "suggestion": None,
                },
            ],
        }
    )


def _model(
    task: Task,
    truth: Sequence[Row],
    name: str,
    kind: str,
    answers: list[Any],
    judged: list[bool],
    said: Any,
) -> dict[str, Any]:
    report = evaluate(task, truth, answers, model_kind=kind).to_dict()
    del report["wrong"]
    sure = (
        []
        if said is None
        else [(said(one)[1], ok) for one, ok in zip(answers, judged, strict=True)]
    )
    tuned = kind == "tuned"
    return {
        "name": name,
        "kind": kind,
        "ref": "run:20261126-7f3a" if tuned else "openai:gpt-4.1-mini-2025-04-14",
        "backend": "local" if tuned else "openai",
        "base": "minilm" if tuned else "gpt-4.1-mini-2025-04-14",
        "report": report,
        "latency": {"seconds_per_input": 0.0042 if tuned else 0.61, "inputs": len(truth)},
        "cost_per_1000": {
            "amount": None,
            "currency": "USD",
            "price_date": None,
            "note": "runs on your machine",
        }
        if tuned
        else {"amount": 0.42, "currency": "USD", "price_date": "2026-11-01", "note": ""},
        "curve": [
            {
                "step": step,
                "epoch": step / 100,
                "train_loss": 2.2 / (1 + step / 60),
                "validation_loss": 2.1 / (1 + step / 70) + step / 4000 if step % 50 == 0 else None,
                "validation_metric": 0.92 - 0.6 / (1 + step / 40) if step % 50 == 0 else None,
            }
            for step in range(0, 600, 5)
        ]
        if tuned
        else [],
        "prompt": {
            "system": "Sort the customer's message.",
            "shots": [["card lost", "lost_card"]],
            "hash": "3c1d",
        },
        "reliability": _bins(sure),
        "scores": _spread(sure) if sure else None,
        "provenance": {"seed": 7, "libraries": {"torch": "2.13.0"}, "data": "9f86d081884c7d65"},
    }


def _bins(sure: Sequence[tuple[float, bool]]) -> list[dict[str, Any]]:
    bins = []
    for at in range(15 if sure else 0):
        here = [(p, ok) for p, ok in sure if min(int(p * 15), 14) == at]
        mean = sum(p for p, _ in here) / len(here) if here else 0.0
        hits = sum(ok for _, ok in here) / len(here) if here else 0.0
        bins.append(
            {
                "low": at / 15,
                "high": (at + 1) / 15,
                "rows": len(here),
                "confidence": mean,
                "accuracy": hits,
            }
        )
    return bins


def _spread(sure: Sequence[tuple[float, bool]]) -> dict[str, list[int]]:
    counts = {"right": [0] * 20, "wrong": [0] * 20}
    for probability, ok in sure:
        counts["right" if ok else "wrong"][min(int(probability * 20), 19)] += 1
    return counts


def _difference(metric: str, a: str, b: str, judged: dict[str, list[bool]]) -> dict[str, Any]:
    pairs = list(zip(judged[a], judged[b], strict=True))
    won, lost = sum(x and not y for x, y in pairs), sum(y and not x for x, y in pairs)
    value, error = (won - lost) / len(pairs), 1.96 * (won + lost) ** 0.5 / len(pairs)
    clear = abs(value) > error
    return {
        "metric": metric,
        "a": a,
        "b": b,
        "value": value,
        "low": value - error,
        "high": value + error,
        "p": 0.0004 if clear else 0.21,
        "verdict": ("a" if value > 0 else "b") if clear else "insufficient evidence",
        "rows": {
            "won": won,
            "lost": lost,
            "both_right": sum(x and y for x, y in pairs),
            "both_wrong": sum(not x and not y for x, y in pairs),
        },
    }


def _slices(
    metric: str, texts: Sequence[tuple[str, str]], judged: dict[str, list[bool]], kind: str
) -> list[dict[str, Any]]:
    parts: dict[tuple[str, str], list[int]] = {}
    for at, (text, true) in enumerate(texts):
        size = (
            "up to 40 characters"
            if len(text) <= 40
            else "41 to 80"
            if len(text) <= 80
            else "over 80"
        )
        parts.setdefault(("length", size), []).append(at)
        if kind == "classification":
            parts.setdefault(("label", true), []).append(at)
    return [
        {
            "column": column,
            "value": value,
            "rows": len(here),
            "measures": {
                name: {metric: _share([ok[at] for at in here])} for name, ok in judged.items()
            },
        }
        for (column, value), here in sorted(parts.items())
    ]


def _share(right: Sequence[bool]) -> dict[str, float]:
    share, half = sum(right) / len(right), 0.9 / len(right) ** 0.5
    return {"value": share, "low": max(0.0, share - half), "high": min(1.0, share + half)}
