"""The lecture's own tables, dirty as they are: read in one call, seen, mended where it is safe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from tunekit import Classification, Dataset, Extraction, Preference, Span

pytestmark = pytest.mark.shared

SPAN_CODES = {
    "several-types",
    "span-cut-in-word",
    "span-off-by-one",
    "span-outer-space",
    "span-out-of-range",
}


@pytest.fixture
def extraction(shared: Path) -> Dataset:
    return Dataset.read(
        shared / "seed" / "extraction_pii_spans.csv",
        Extraction(),
        columns={
            "text": "Text",
            "label": "PII Type",
            "start": "Start Position",
            "end": "End Position",
        },
    )


def test_a_table_of_labels(shared: Path) -> None:
    data = Dataset.read(
        shared / "seed" / "classification_pii.csv",
        Classification(),
        columns={"text": "Text", "label": "Contains PII?"},
    )
    assert len(data) == 10
    assert data.task.labels == ("False", "True")
    assert data.label_counts == {"True": 7, "False": 3}
    assert data.check().errors == ()
    assert data.fix().changes == ()


def test_a_table_of_options(shared: Path) -> None:
    data = Dataset.read(
        shared / "seed" / "preference_best_fit.csv",
        Preference(),
        columns={
            "question": "Question",
            "options": ["Option 1", "Option 2", "Option 3"],
            "best": "Best Fit",
        },
        best_from=1,
    )
    chosen = [row.options[row.best] for row in data]
    assert chosen == [
        "Paris",
        "Take the train",
        "That depends.",
        "A suit or formal dress",
        "Practice regularly",
    ]
    assert data.check().errors == ()
    assert data.fix().changes == ()


def test_every_bad_span_is_found(extraction: Dataset) -> None:
    assert len(extraction) == 10
    found = [one for one in extraction.check() if one.row is not None and one.code in SPAN_CODES]
    assert {one.row for one in found} == set(range(8))
    assert {one.source for one in found} == {
        f"extraction_pii_spans.csv:{line}" for line in range(2, 10)
    }
    # What can't be mended says at least where to look.
    assert all(one.suggestion for one in found)
    codes = {row: {one.code for one in found if one.row == row} for row in range(8)}
    assert codes == {
        0: {"several-types"},
        1: {"span-cut-in-word"},
        2: {"span-off-by-one"},
        3: {"span-cut-in-word"},
        4: {"span-off-by-one", "span-outer-space"},
        5: {"span-off-by-one"},
        6: {"span-off-by-one"},
        7: {"span-outer-space"},
    }
    assert [row.spans for row in extraction][8:] == [(), ()]


def test_what_has_one_reading_is_mended(extraction: Dataset) -> None:
    fixed, changes = extraction.fix()
    assert [change.row for change in changes] == [2, 4, 5, 6]
    assert [change.source for change in changes] == [
        f"extraction_pii_spans.csv:{line}" for line in (4, 6, 7, 8)
    ]
    mended = {change.row: change.after for change in changes}
    texts = extraction.column("text")
    assert {row: texts[row][span.start : span.end] for row, span in mended.items()} == {
        2: "(555) 123-4567",
        4: "1234-5678-9012-3456",
        5: "January 1, 1990",
        6: "ABC123456",
    }
    left = {one.row for one in fixed.check() if one.row is not None and one.code in SPAN_CODES}
    assert left == {0, 1, 3, 7}
    for position, (before, after) in enumerate(zip(extraction, fixed, strict=True)):
        assert (before == after) == (position not in mended)
    assert fixed.fix().changes == ()
    assert fixed.task == extraction.task


def test_what_is_left_says_which_words_are_meant(extraction: Dataset) -> None:
    said = {one.row: str(one.suggestion) for one in extraction.check() if one.code in SPAN_CODES}
    assert said[0] == "Give each type a span of its own."
    assert "'123 Main St, Anytown'" in said[1]
    assert "'is 123-45-6789'" in said[3]
    assert "'is A123-456-789-0'" in said[7]


# --- offsets of another program -------------------------------------------------------------------


def mobie(shared: Path) -> list[dict[str, Any]]:
    """Documents of MobIE as published, as rows; their offsets count UTF-16 code units."""
    path = shared / "data" / "ext_mobie_de" / "original" / "dev.sample20.fields-subset.jsonl"
    rows = []
    for line in path.read_bytes().splitlines():
        document = orjson.loads(line)
        spans = [
            (one["span"]["start"], one["span"]["end"], one["type"])
            for one in document["conceptMentions"]
        ]
        rows.append({"id": document["id"], "text": document["text"], "spans": sorted(spans)})
    return rows


def test_raw_offsets_of_mobie(shared: Path) -> None:
    data = Dataset.from_rows(mobie(shared), Extraction())
    assert len(data) == 20
    corpus = Dataset.read(shared / "data" / "ext_mobie_de" / "test.jsonl", Extraction())
    right = {row.text: sorted(row.spans) for row in corpus}

    def wrong(rows: Dataset) -> int:
        return sum(
            span not in right[row.text] for row in rows if row.text in right for span in row.spans
        )

    assert sum(row.text in right for row in data) == 20
    assert wrong(data) > 50
    (said,) = (one for one in data.check() if one.code == "utf16-offsets")
    assert said.row is None and "offsets='utf16'" in str(said.suggestion)
    fixed, changes = data.fix(["utf16-offsets"])
    assert {change.code for change in changes} == {"utf16-offsets"}
    assert wrong(fixed) == 0
    assert [sorted(row.spans) for row in fixed] == [right[row.text] for row in fixed]
    assert "utf16-offsets" not in {one.code for one in fixed.check()}
    # Read as what they are, there is nothing to find.
    assert fixed.fix(["utf16-offsets"]).changes == ()


def test_the_reader_option_and_the_fix_agree(shared: Path, tmp_path: Path) -> None:
    path = tmp_path / "mobie.jsonl"
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in mobie(shared)))
    plain = Dataset.read(path, Extraction())
    told = Dataset.read(path, Extraction(), offsets="utf16")
    assert "utf16-offsets" not in {one.code for one in told.check()}
    assert plain.fix(["utf16-offsets"]).data.fingerprint == told.fingerprint != plain.fingerprint


@pytest.mark.parametrize("part", ["train", "test"])
def test_offsets_that_are_right_are_left(shared: Path, part: str) -> None:
    path = shared / "data" / "ext_mobie_de" / f"{part}.jsonl"
    data = Dataset.read(path, Extraction())
    assert "utf16-offsets" not in {one.code for one in data.check()}
    assert data.fix().changes == ()
    # Written out in UTF-16 units, the same spans are recognised.
    rows = [
        {
            "text": row.text,
            "spans": [
                Span(*(len(row.text[:at].encode("utf-16-le")) // 2 for at in span[:2]), span.label)
                for span in row.spans
            ],
        }
        for row in data
    ]
    other = Dataset.from_rows(rows, Extraction())
    assert "utf16-offsets" in {one.code for one in other.check()}
    assert other.fix(["utf16-offsets"]).data.fingerprint == data.fingerprint
