"""spaCy's files: JSON of versions 3 and 2, and the binary DocBin."""

from __future__ import annotations

import json
import random
import re
import sys
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tunekit import Classification, Dataset, Extraction
from tunekit.errors import DataError, MissingExtra
from tunekit.formats.iob import spans_of_tags

SPACY = "data/annotation_formats/spacy"


def file(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(path: Path, **options: Any) -> Dataset:
    return Dataset.read(path, Extraction(), **options)


def refused(path: Path, task: Any = None, **options: Any) -> DataError:
    with pytest.raises(DataError) as caught:
        Dataset.read(path, task or Extraction(), **options)
    return caught.value


def quoted(data: Dataset) -> list[tuple[str, list[tuple[str, str]]]]:
    """Texts with the words and labels of their spans."""
    return [(row.text, [(row.text[s:e], label) for s, e, label in row.spans]) for row in data]


# --- spaCy's JSON ---------------------------------------------------------------------------------


def test_a_document_of_several_paragraphs_is_several_rows(tmp_path: Path) -> None:
    def words(*pairs: str) -> dict[str, Any]:
        tokens = [dict(zip(("orth", "ner"), pair.split("|"), strict=True)) for pair in pairs]
        return {"sentences": [{"tokens": tokens}]}

    document = {"id": 4, "paragraphs": [words("Kim|U-P"), words("in|O", "Rom|U-L")]}
    path = file(
        tmp_path / "a.json", json.dumps([document, {"id": 5, "paragraphs": [words("x|O")]}])
    )
    data = read(path, format="spacy")
    assert quoted(data) == [("Kim", [("Kim", "P")]), ("in Rom", [("Rom", "L")]), ("x", [])]
    assert data.column("document") == [4, 4, 5]
    lines = file(tmp_path / "a.jsonl", json.dumps(document) + "\n")
    assert "2 paragraphs in one line" in str(refused(lines, format="spacy"))


def test_the_task_chooses_between_entities_and_categories(tmp_path: Path) -> None:
    lines = [["Kim", {"entities": [[0, 3, "P"]], "cats": {"x": 1, "y": 0}}]]
    path = file(tmp_path / "a.json", json.dumps(lines))
    (row,) = read(path, format="spacy")
    assert row.spans == ((0, 3, "P"),)
    assert row.get("cats") == (("x", 1), ("y", 0))
    (row,) = Dataset.read(path, Classification(), format="spacy")
    assert row.label == "x"
    assert row.get("entities") == ((0, 3, "P"),)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "rows", "labels"),
    [
        ("v3_ner_train.json", 2, {"PERSON": 1, "LOC": 2}),
        ("v3_ner_dev.json", 2, {"PERSON": 1, "LOC": 1}),
        ("v3_spancat_train.json", 3, {"PERSON": 1, "LOC": 3}),
        ("v3_ner_update_train.json", 8, {"PERSON": 1, "LOC": 2, "ANIMAL": 5}),
    ],
)
def test_version_3(shared: Path, name: str, rows: int, labels: dict[str, int]) -> None:
    path = shared / SPACY / name
    data = read(path, format="spacy")
    assert len(data) == rows
    assert data.label_counts == labels
    assert sum(labels.values()) == len(re.findall(r'"[A-Z]+"', path.read_text()))


@pytest.mark.shared
def test_version_2(shared: Path) -> None:
    (row,) = read(shared / SPACY / "v2_training-data.json", format="spacy")
    assert [(row.text[start:end], label) for start, end, label in row.spans][:3] == [
        ("Oct. 19", "DATE"),
        ("The Misanthrope", "WORK_OF_ART"),
        ("Chicago", "GPE"),
    ]
    tags = re.findall(r'"ner": ?"([^"]+)"', (shared / SPACY / "v2_training-data.json").read_text())
    assert [span.label for span in row.spans] == [span.label for span in spans_of_tags(tags)]


@pytest.mark.shared
def test_several_categories_are_no_single_label(shared: Path) -> None:
    path = shared / SPACY / "textcat_multilabel.head60.jsonl"
    data = Dataset.read(path, Classification(), format="spacy", on_error="skip")
    true = [sum(json.loads(line)["cats"].values()) for line in path.read_text().splitlines()]
    assert (len(data), len(data.misread)) == (true.count(1), len(true) - true.count(1)) == (19, 41)
    assert all(one.field == "cats" for one in data.misread)


# --- DocBin ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def spacy() -> Any:
    return pytest.importorskip("spacy", reason="spacy not installed (extra: spacy)")


@pytest.fixture(scope="module")
def nlp(spacy: Any) -> Any:
    return spacy.blank("en")


def docbin(path: Path, docs: list[Any], **options: Any) -> Path:
    from spacy.tokens import DocBin

    DocBin(docs=docs, **options).to_disk(path)
    return path


def marked(nlp: Any, text: str, *entities: tuple[int, int, str]) -> Any:
    doc = nlp.make_doc(text)
    doc.ents = [doc.char_span(start, end, label=label) for start, end, label in entities]
    return doc


@pytest.mark.shared
def test_a_binary_file_is_what_it_was_made_from(shared: Path, spacy: Any) -> None:
    binary = read(shared / SPACY / "v3_demo.spacy")
    source = read(shared / SPACY / "v3_demo.spacy.source.jsonl", format="spacy")
    assert [row.content for row in binary] == [row.content for row in source]
    assert quoted(binary)[0][1] == [("Ed Sheeran", "PERSON")]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_docbin_says_what_spacy_reads_of_it(
    tmp_path: Path, nlp: Any, data: st.DataObject
) -> None:
    from spacy.tokens import Doc, DocBin, Span

    word = st.text(st.characters(exclude_categories=("Cs", "Zs", "Cc")), min_size=1, max_size=6)
    label = st.sampled_from(["PERSON", "ORG", "Ä-1", "x"])
    docs = []
    for words in data.draw(
        st.lists(st.lists(word, min_size=1, max_size=8), min_size=1, max_size=4)
    ):
        count = len(words)
        spaces = data.draw(st.lists(st.booleans(), min_size=count, max_size=count))
        doc = Doc(nlp.vocab, words=words, spaces=spaces)
        cuts = sorted(data.draw(st.sets(st.integers(0, count), max_size=6)))
        pairs = list(zip(cuts[::2], cuts[1::2], strict=False))
        doc.ents = [Span(doc, a, b, label=data.draw(label)) for a, b in pairs]
        doc.spans["sc"] = [Span(doc, a, count, label=data.draw(label)) for a, _ in pairs]
        docs.append(doc)
    path = docbin(tmp_path / "a.spacy", docs)
    again = list(DocBin().from_disk(path).get_docs(nlp.vocab))
    for row, doc in zip(read(path), again, strict=True):
        assert row.text == doc.text
        assert row.spans == tuple((e.start_char, e.end_char, e.label_) for e in doc.ents)
        groups = dict(row.get("spans", ()))
        assert groups.get("sc", ()) == tuple(
            (span.start_char, span.end_char, span.label_) for span in doc.spans["sc"]
        )


def test_categories_and_span_groups_of_a_docbin(tmp_path: Path, nlp: Any) -> None:
    from spacy.tokens import Span

    one, two = nlp.make_doc("Kim in Rome"), nlp.make_doc("Nobody")
    one.cats, two.cats = {"travel": 1.0, "food": 0.0}, {"travel": 0.0, "food": 1.0}
    one.spans["mine"] = [Span(one, 0, 1, "P"), Span(one, 0, 3, "TRIP")]
    two.spans["mine"] = []
    path = docbin(tmp_path / "a.spacy", [one, two])
    assert [row.label for row in Dataset.read(path, Classification())] == ["travel", "food"]
    assert quoted(read(path)) == [
        ("Kim in Rome", [("Kim", "P"), ("Kim in Rome", "TRIP")]),
        ("Nobody", []),
    ]
    both = nlp.make_doc("Both")
    both.cats = {"travel": 1.0, "food": 1.0}
    error = refused(docbin(tmp_path / "b.spacy", [both]), Classification())
    assert "2 categories (travel, food)" in str(error)
    assert error.findings[0].source == "b.spacy[0]"


def test_documents_that_nobody_annotated_have_no_spans_to_learn(tmp_path: Path, nlp: Any) -> None:
    from spacy.tokens import Doc

    half = Doc(nlp.vocab, words=["Kim", "sah", "Rom"], ents=["B-P", "O", ""])
    path = docbin(tmp_path / "a.spacy", [nlp.make_doc("nothing here"), half])
    error = refused(path)
    assert 'no "entities"' in error.findings[0].message
    assert "1 of its tokens have no annotation" in error.findings[1].message


def test_unknown_spaces_and_blocked_tokens(tmp_path: Path, nlp: Any) -> None:
    from spacy.tokens import Doc, Span

    words = Doc(nlp.vocab, words=["Kim", ",", "Rom"], ents=["B-P", "O", "B-L"])
    blocked = nlp.make_doc("Kim Lee")
    blocked.set_ents([], blocked=[Span(blocked, 0, 2)], default="outside")
    path = docbin(tmp_path / "a.spacy", [words, blocked])
    assert quoted(read(path)) == [("Kim , Rom", [("Kim", "P"), ("Rom", "L")]), ("Kim Lee", [])]


def test_plain_user_data_is_kept_and_nothing_is_run(tmp_path: Path, nlp: Any) -> None:
    import numpy
    from spacy.tokens import Doc

    if not Doc.has_extension("source"):
        Doc.set_extension("source", default=None)
    doc = marked(nlp, "Kim", (0, 3, "P"))
    doc._.source = "a.txt"
    doc.user_data["page"] = [3, {"x": None}]
    doc.user_data["array"] = numpy.arange(3)
    path = docbin(tmp_path / "a.spacy", [doc, marked(nlp, "Rom")], store_user_data=True)
    data = read(path)
    assert data[0].meta == (("user_data", (("source", "a.txt"), ("page", (3, (("x", None),))))),)
    assert data[1].meta == ()


def test_a_docbin_is_read_again_anywhere(tmp_path: Path, nlp: Any) -> None:
    docs = [marked(nlp, f"n{number} Kim", (0, len(f"n{number}"), "N")) for number in range(100)]
    data = read(docbin(tmp_path / "a.spacy", docs))
    assert len(data) == 100
    assert [data[at].text for at in (99, 0, 40)] == ["n99 Kim", "n0 Kim", "n40 Kim"]
    assert next(iter(data[64:65].numbered()))[0] == 64


def test_json_under_the_ending_of_a_docbin(tmp_path: Path) -> None:
    path = file(tmp_path / "a.spacy", json.dumps([["Kim", {"entities": [[0, 3, "P"]]}]]))
    assert quoted(read(path)) == [("Kim", [("Kim", "P")])]


@pytest.mark.parametrize("how", ["empty", "cut", "flipped", "text", "zeros", "list"])
def test_a_damaged_docbin_is_a_data_error(tmp_path: Path, nlp: Any, how: str) -> None:
    whole = docbin(tmp_path / "a.spacy", [marked(nlp, "Kim", (0, 3, "P"))]).read_bytes()
    content = {
        "empty": b"",
        "cut": whole[:-9],
        "flipped": whole[:30] + bytes([whole[30] ^ 255]) + whole[31:],
        "text": b"Kim\tB-P\n",
        "zeros": bytes(100),
        "list": zlib.compress(b"\x93\x01\x02\x03"),
    }[how]
    assert "a.spacy" in str(refused(file(tmp_path / "a.spacy", content)))


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("cats", []),
        ("flags", [{}]),
        ("span_groups", [b"", b"", b""]),
        ("lengths", b"\xff\xff\xff\xff\x03\0\0\0"),
        ("lengths", b"\x01\0\0\0\x02\0\0\0"),
        ("lengths", "text"),
        ("spaces", b"\1"),
        ("tokens", b""),
        ("tokens", b"\0" * 9),
        ("attrs", []),
        ("attrs", [77]),
        ("attrs", [[]]),
        ("attrs", 65),
        ("strings", ["Kim"]),
        ("strings", [1, 2]),
        ("strings", "Kim"),
        ("cats", 3),
        (b"x", [1]),
    ],
)
def test_parts_that_dont_fit_are_a_data_error(
    tmp_path: Path, nlp: Any, part: Any, value: Any
) -> None:
    import srsly

    docs = [marked(nlp, "Kim", (0, 3, "P")), marked(nlp, "Rom", (0, 3, "L"))]
    path = docbin(tmp_path / "a.spacy", docs)
    parts = srsly.msgpack_loads(zlib.decompress(path.read_bytes()))
    del parts["lengths" if part == b"x" else part]
    parts[part] = value
    file(path, zlib.compress(srsly.msgpack_dumps(parts)))
    assert "no .spacy file of spaCy 3, or a damaged one" in str(refused(path))


def test_nothing_of_a_docbin_reaches_a_decoder_that_makes_objects(
    tmp_path: Path, nlp: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import srsly

    class Decoders:
        def get_all(self) -> dict[str, Any]:
            return {"any": lambda value, chain=None: pytest.fail(f"decoded {value!r}")}

    doc = marked(nlp, "Kim", (0, 3, "P"))
    doc.cats = {"a": 1.0}
    doc.user_data["x"] = {"y": 1}
    doc.spans["sc"] = [doc[0:1]]
    path = docbin(tmp_path / "a.spacy", [doc], store_user_data=True)
    monkeypatch.setattr(srsly.msgpack, "msgpack_decoders", Decoders())
    (row,) = read(path)
    assert dict(row.meta).keys() == {"cats", "spans", "user_data"}


def test_sound_packing_of_nonsense_is_a_data_error(tmp_path: Path, nlp: Any) -> None:
    """The check sum of the packing guards against accidents, not against strangers."""
    doc = marked(nlp, "Kim Lee sah Rom", (0, 7, "P"))
    doc.cats = {"a": 1.0}
    doc.spans["sc"] = [doc[0:2]]
    doc.user_data["x"] = {"y": [1, 2]}
    path = docbin(tmp_path / "a.spacy", [doc, doc], store_user_data=True)
    inside = zlib.decompress(path.read_bytes())
    chance = random.Random(5)
    refusals = 0
    for _ in range(400):
        content = bytearray(inside)
        for _ in range(chance.randint(1, 3)):
            content[chance.randrange(len(content))] = chance.choice([0, 127, 128, 144, 192, 255, 1])
        if chance.random() < 0.2:
            del content[chance.randrange(len(content)) :]
        file(path, zlib.compress(bytes(content), 1))
        for task in (Extraction(), Classification()):
            try:
                Dataset.read(path, task, on_error="skip")
            except DataError:
                refusals += 1
    assert refusals > 100  # and nothing else came out


def test_a_file_that_grows_without_end_is_stopped(tmp_path: Path, nlp: Any) -> None:
    path = file(tmp_path / "a.spacy", zlib.compress(bytes(200 << 20), 9))
    assert path.stat().st_size < 300_000
    tracemalloc.start()
    error = refused(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "grows beyond 64 MiB" in str(error)
    assert peak < 150 << 20


def test_elements_that_grow_when_they_are_unpacked_are_stopped(tmp_path: Path, nlp: Any) -> None:
    """A list of empty mappings is sixty times larger in memory than in the file."""
    import srsly

    whole = zlib.decompress(
        docbin(tmp_path / "a.spacy", [marked(nlp, "Kim", (0, 3, "P"))]).read_bytes()
    )
    parts = srsly.msgpack_loads(whole)
    parts["cats"] = [[{}] * (20 << 20)]
    file(tmp_path / "a.spacy", zlib.compress(srsly.msgpack_dumps(parts)))
    del parts
    tracemalloc.start()
    error = refused(tmp_path / "a.spacy")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "an element of" in str(error)
    assert peak < 150 << 20


def test_without_spacy_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = file(tmp_path / "a.spacy", zlib.compress(b"\x80"))
    for name in [name for name in sys.modules if name.split(".")[0] == "spacy"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "spacy", None)
    with pytest.raises(MissingExtra, match=r"tunekit-sdk\[spacy\]"):
        read(path)
