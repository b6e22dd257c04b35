"""Every real corpus is read without a loss; the counts were made independently."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tunekit import Classification, Dataset, Extraction, Preference, Transformation
from tunekit.tasks.base import Task

pytestmark = pytest.mark.shared

TASKS: dict[str, Task] = {
    "cls": Classification(),
    "ext": Extraction(),
    "tra": Transformation(),
    "pref": Preference(),
}
CORPORA = [
    "cls_banking77",
    "cls_germeval2018_de",
    "cls_sib200_multilingual",
    "ext_fashion_brands_prodigy",
    "ext_mobie_de",
    "ext_presidio_pii",
    "ext_restaurant8k",
    "ext_wnut17",
    "pref_orca_dpo",
    "pref_qa_feedback",
    "pref_truthfulqa",
    "tra_e2e_nlg",
    "tra_nemo_itn",
    "tra_self_instruct_human",
    "tra_ua_gec",
]


def test_none_is_left_out(shared: Path) -> None:
    assert sorted(json.loads((shared / "data" / "expected.json").read_bytes())) == CORPORA


def content(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if value is not None}


@pytest.mark.parametrize("corpus", CORPORA)
def test_a_corpus_is_read_without_a_loss(shared: Path, tmp_path: Path, corpus: str) -> None:
    expected = json.loads((shared / "data" / "expected.json").read_bytes())[corpus]
    task = TASKS[corpus.partition("_")[0]]
    train, test = (
        Dataset.read(shared / "data" / corpus / f"{part}.jsonl", task) for part in ("train", "test")
    )
    assert (len(train), len(test)) == (expected["train"], expected["test"])
    assert train.misread == test.misread == ()
    # What stands in the file is what a row has, byte for byte.
    lines = (shared / "data" / corpus / "test.jsonl").read_text(encoding="utf-8").split("\n")
    assert [content(json.loads(line)) for line in lines if line] == test.to("jsonl")
    if "labels" in expected:
        assert len({*train.label_counts, *test.label_counts}) == expected["labels"]
    if "class_min" in expected:
        assert min(train.label_counts.values()) == expected["class_min"]
        assert max(train.label_counts.values()) == expected["class_max"]
        assert train.check(near_duplicates=False).errors == ()
    if "spans" in expected:
        assert spans_of([*train, *test]) == {key: expected[key] for key in SPAN_COUNTS}
        codes = [one.code for data in (train, test) for one in data.check().of_rows]
        # One span may be cut at both ends, which is one finding.
        assert codes.count("span-cut-in-word") <= expected["spans_cut_in_a_word"]
        assert ("span-cut-in-word" in codes) == bool(expected["spans_cut_in_a_word"])
        assert codes.count("span-outer-space") == expected["spans_with_outer_space"]
        assert codes.count("span-out-of-range") == expected["spans_out_of_range"]
        with_overlap = train.needs.get("overlap", 0) + test.needs.get("overlap", 0)
        assert with_overlap <= expected["overlapping_pairs"]
        assert bool(with_overlap) == bool(expected["overlapping_pairs"])
    if "options_max" in expected:
        counts = [len(row.options) for data in (train, test) for row in data]
        assert (min(counts), max(counts)) == (expected["options_min"], expected["options_max"])
        assert train.check().errors == test.check().errors == ()


SPAN_COUNTS = ("spans", "rows_without_spans", "overlapping_pairs")


def spans_of(rows: list[Any]) -> dict[str, int]:
    pairs = 0
    for row in rows:
        spans = sorted(row.spans)
        pairs += sum(
            after.start < before.end for at, before in enumerate(spans) for after in spans[at + 1 :]
        )
        assert all(before <= after for before, after in pairwise(spans))
    return {
        "spans": sum(len(row.spans) for row in rows),
        "rows_without_spans": sum(not row.spans for row in rows),
        "overlapping_pairs": pairs,
    }


@pytest.mark.parametrize("corpus", CORPORA)
def test_a_corpus_survives_the_way_through_conversations(
    shared: Path, tmp_path: Path, corpus: str
) -> None:
    task = TASKS[corpus.partition("_")[0]]
    data = Dataset.read(shared / "data" / corpus / "test.jsonl", task)
    path = data.to("openai-chat", tmp_path / "chat.jsonl")
    again = Dataset.read(path, data.task, format="openai-chat")
    assert again.misread == ()
    assert len(again) == len(data)
    assert again.to("openai-chat", tmp_path / "again.jsonl").read_bytes() == path.read_bytes()
    if task.kind != "preference":  # whose options come back in the order that was shown
        rows = data.to("jsonl") if task.kind != "extraction" else sorted_spans(data)
        assert again.to("jsonl") == rows
    else:
        best = [row.options[row.best] for row in data]
        assert [row.options[row.best] for row in again] == best


def sorted_spans(data: Dataset) -> list[dict[str, Any]]:
    return [
        {**record, "spans": sorted(record["spans"], key=lambda span: list(span.values()))}
        for record in data.to("jsonl")
    ]


@pytest.mark.parametrize("corpus", ["cls_banking77", "cls_germeval2018_de"])
def test_a_corpus_is_split_evenly(shared: Path, corpus: str) -> None:
    data = Dataset.read(shared / "data" / corpus / "train.jsonl", Classification())
    _, test = data.split(test=0.2, seed=7)
    assert len(test) == round(0.2 * len(data))
    for label, count in data.label_counts.items():
        assert abs(test.label_counts[label] - 0.2 * count) <= 1
