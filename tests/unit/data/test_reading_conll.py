"""Files of tokens with tags: CoNLL in all its layouts."""

from __future__ import annotations

import random
import re
import tracemalloc
from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import pytest

from tunekit import Classification, Dataset, Extraction
from tunekit.data import blocks
from tunekit.errors import DataError, InputError

CONLL = "data/annotation_formats/conll"
SPACY = "data/annotation_formats/spacy"
DOCCANO = "data/annotation_formats/doccano"


def file(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(path: Path, **options: Any) -> Dataset:
    return Dataset.read(path, Extraction(), **options)


def conll(tmp_path: Path, content: str | bytes, **options: Any) -> Dataset:
    return read(file(tmp_path / "a.conll", content), **options)


def refused(path: Path, task: Any = None, **options: Any) -> DataError:
    with pytest.raises(DataError) as caught:
        Dataset.read(path, task or Extraction(), **options)
    return caught.value


def quoted(data: Dataset) -> list[tuple[str, list[tuple[str, str]]]]:
    """Texts with the words and labels of their spans."""
    return [(row.text, [(row.text[s:e], label) for s, e, label in row.spans]) for row in data]


SENTENCES = [("Kim sah Rom .", [("Kim", "PER"), ("Rom", "LOC")]), ("Ja !", [])]


@pytest.mark.parametrize("ending", ["conll", "conll2003", "iob", "bio"])
def test_the_ending_says_that_it_is_conll(tmp_path: Path, ending: str) -> None:
    path = file(tmp_path / f"a.{ending}", "Kim\tB-PER\nsah\tO\nRom\tB-LOC\n.\tO\n\nJa\tO\n!\tO\n")
    assert quoted(read(path)) == SENTENCES


@pytest.mark.parametrize(
    "content",
    [
        "Kim B-PER\nsah O\nRom B-LOC\n. O\n\nJa O\n! O",
        "Kim\tB-PER\r\nsah\tO\r\nRom\tB-LOC\r\n.\tO\r\n\r\nJa\tO\r\n!\tO\r\n",
        "\n\n\nKim\tB-PER\nsah\tO\nRom\tB-LOC\n.\tO\n\t\n \t \nJa\tO\n!\tO\n\n\t\n",
        "\ufeffKim  B-PER\nsah  O\nRom\t B-LOC\n.   O\n\nJa   O\n!   O  \n",
        "Kim NE _ B-PER\nsah V _ O\nRom NE _ B-LOC\n. $ _ O\n\nJa A _ O\n! $ _ O\n",
        "Kim;NE;U-PER\nsah;V;O\nRom;NE;U-LOC\n.;$;O\n\nJa;A;O\n!;$;O\n",
        "Kim|NE|B-PER sah|V|O Rom|NE|B-LOC .|$|O\nJa|A|O !|$|O\n",
        "Kim|B-PER sah|O  Rom|B-LOC .|O\r\n\r\nJa|O !|O",
    ],
    ids=["blank", "crlf", "white", "runs", "four", "semicolon", "bars", "two-bars"],
)
def test_columns_are_found_whatever_parts_them(tmp_path: Path, content: str) -> None:
    options = {"separator": ";"} if ";" in content else {}
    assert quoted(conll(tmp_path, content, **options)) == SENTENCES


def test_tokens_may_hold_what_parts_columns_elsewhere(tmp_path: Path) -> None:
    data = conll(tmp_path, "New York\tB-LOC\n10\u00a0000|x\tO\n\nein\tO\n")
    assert quoted(data) == [("New York 10\u00a0000|x", [("New York", "LOC")]), ("ein", [])]
    spaced = file(tmp_path / "b.conll", "10\u00a0000 B-NUM\nx O\n\ny O\n")
    assert quoted(read(spaced))[0] == ("10\u00a0000 x", [("10\u00a0000", "NUM")])
    bars = file(tmp_path / "c.iob", "||SYM|B-X a|A|O\nb|B|O c|C|O\n")
    assert quoted(read(bars))[0] == ("| a", [("|", "X")])


def test_other_columns_are_kept_unless_they_are_empty(tmp_path: Path) -> None:
    data = conll(tmp_path, "Kim NE _ B-PER\nsah V _ O\n")
    assert data[0].meta == (("column 2", ("NE", "V")),)


def test_columns_can_be_named(tmp_path: Path) -> None:
    content = "B-PER 1 Kim\nO 2 sah\n"
    data = conll(tmp_path, content, token_column=-1, tag_column=0)
    assert quoted(data) == [("Kim sah", [("Kim", "PER")])]
    wrong = refused(tmp_path / "a.conll")
    assert wrong.findings[0].source == "a.conll:1"
    assert "'Kim' of token 1 ('B-PER') is no tag" in wrong.findings[0].message


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"separator": ""}, "can't part columns"),
        ({"separator": "\n"}, "can't part columns"),
        ({"separator": 3}, "can't part columns"),
        ({"token_column": "0"}, "no whole number"),
        ({"tag_column": True}, "no whole number"),
        ({"tag_column": 2}, "has 2 columns"),
        ({"token_column": -3}, "has 2 columns"),
        ({"token_column": 1}, "both 1"),
        ({"columns": {"text": "a"}}, "takes no columns"),
        ({"tagcolumn": 1}, "takes no tagcolumn"),
    ],
)
def test_options_that_cant_be_are_refused(
    tmp_path: Path, options: dict[str, Any], said: str
) -> None:
    path = file(tmp_path / "a.conll", "a\tO\n")
    with pytest.raises(InputError, match=said):
        read(path, **options)


def test_options_of_conll_are_its_own(tmp_path: Path) -> None:
    path = file(tmp_path / "a.jsonl", '{"messages": []}\n')
    with pytest.raises(InputError, match="takes no separator"):
        read(path, format="openai-chat", separator="x")


def test_documents_are_named_by_id_else_by_number(tmp_path: Path) -> None:
    data = conll(
        tmp_path,
        "vor\tO\n\n-DOCSTART- -42- O O\n\na\tO\n\nb\tO\n-DOCSTART-\t-X-\tO\nc\tO\n\n"
        "-DOCSTART- (x-1)\nd\tO\n\n-DOCSTART- O\n\n",
    )
    assert [(row.text, row.get("document")) for row in data] == [
        ("vor", None),
        ("a", "42"),
        ("b", "42"),
        ("c", "2"),
        ("d", "(x-1)"),
    ]
    # Reading in the middle knows them as well.
    assert [data[at].get("document") for at in (4, 3, 2, 1, 0)] == ["(x-1)", "2", "42", "42", None]


def test_comments_before_a_sentence_are_kept_and_hashes_are_tokens(tmp_path: Path) -> None:
    data = conll(
        tmp_path,
        "# file of x\n-DOCSTART- -X- O\n-DOCSTART- 8 O\n\n"
        "# id 7\n#\n#eins\tB-TAG\n# zwei\tO\n\n#\tO\n# \tO\nx\tO\n\n# end\n",
    )
    assert [(row.text, row.get("comments")) for row in data] == [
        ("#eins # zwei", ("id 7", "")),
        ("# #  x", None),
    ]


def test_all_bad_blocks_are_named_at_once_with_their_lines(tmp_path: Path) -> None:
    content = "a\tO\nb\n\nc\tO\n\nd\tO\te\n\nf\tX\n\n\xe4\tO\n\ng\tO\nh\0\tO\n\ni\rO\n\nj\tO\n"
    path = file(tmp_path / "a.conll", content.encode("latin-1"))
    error = refused(path)
    said = [
        ("a.conll:2", "'b' has 1 column, where the file has 2"),
        ("a.conll:6", "'d\\tO\\te' has 3 columns, where the file has 2"),
        ("a.conll:8", "'X' of token 1 ('f') is no tag"),
        ("a.conll:10", "byte 0xe4 in column 1 is no utf-8"),
        ("a.conll:13", "holds a NUL byte in column 2"),
        ("a.conll:15", "holds a bare carriage return"),
    ]
    assert [one.source for one in error.findings] == [place for place, _ in said]
    for one, (_, begin) in zip(error.findings, said, strict=True):
        assert one.message.startswith(begin)
    data = read(path, on_error="skip")
    assert [(data.place(line), row.text) for line, row in data.numbered()] == [
        ("a.conll:4", "c"),
        ("a.conll:17", "j"),
    ]


@pytest.mark.parametrize("content", ["", "\n \n\t\n", "ein Satz, sonst nichts\n", "a\nb\n\nc\n"])
def test_files_without_columns_are_refused(tmp_path: Path, content: str) -> None:
    error = refused(file(tmp_path / "a.conll", content))
    assert "a.conll" in str(error)


def test_a_table_with_tabs_is_conll_only_where_that_is_said(tmp_path: Path) -> None:
    path = file(tmp_path / "a.tsv", "text\tlabel\neins\tO\n")
    assert len(Dataset.read(path, Classification())) == 1
    assert len(read(file(tmp_path / "b.tsv", "eins\tO\n"), format="conll")) == 1


def test_conll_is_for_extraction(tmp_path: Path) -> None:
    error = refused(file(tmp_path / "a.conll", "a\tO\n"), Classification())
    assert "is no row of classification" in str(error)


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16"])
@pytest.mark.parametrize("layout", ["upright", "bars"])
def test_any_row_can_be_read_again_without_the_others(
    tmp_path: Path, encoding: str, layout: str
) -> None:
    chance = random.Random(3)
    lines: list[str] = []
    expected: list[tuple[str, int, str | None]] = []
    document = None
    for number in range(400):
        if chance.random() < 0.05:
            document = f"d{number}"
            lines += [f"-DOCSTART- {document}", ""]
        words = [f"ä{number}", *(["w"] * chance.randrange(5))]
        if chance.random() < 0.05:
            lines += ["kaputt"] if layout == "upright" else ["kaputt a|O"]
            lines += [""]
        expected.append((" ".join(words), len(lines) + 1, document))
        lines += (
            [f"{one}\tO" for one in words]
            if layout == "upright"
            else [" ".join(f"{one}|O" for one in words)]
        )
        lines += [""] * chance.randrange(1, 4)
    path = file(tmp_path / "a.conll", "\n".join(lines).encode(encoding))
    data = read(path, encoding=encoding, on_error="skip")
    assert len(data.misread) > 5
    found = [(row.text, line, row.get("document")) for line, row in data.numbered()]
    assert found == expected
    for at in chance.sample(range(400), 40):
        assert (data[at].text, data[at].get("document")) == (expected[at][0], expected[at][2])
    train, test = data.split(test=0.3)
    assert sorted(row.text for part in (train, test) for row in part) == sorted(
        text for text, _, _ in expected
    )


def test_a_file_without_empty_lines_is_not_read_into_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "BLOCK_LINES", 50)
    error = refused(file(tmp_path / "a.conll", "x\tO\n\n" + "a\tO\n" * 51))
    assert "a.conll:3: 50 lines without an empty one" in str(error)
    assert len(conll(tmp_path, "a\tO\n" * 50 + "\n" * 3 + "b\tO\n")) == 2


def test_memory_stays_small_however_long_the_file_is(tmp_path: Path) -> None:
    row = "".join(f"wort{number}\tB-X\n" for number in range(5)) + "\n"
    paths = [file(tmp_path / f"{n}.conll", row * n + "\n" * 300 * n) for n in (500, 1500)]
    peaks = []
    for path in paths:
        tracemalloc.start()
        for _ in read(path):
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # A thousand rows and 300,000 empty lines more; of each row a few bytes are kept.
    assert peaks[1] - peaks[0] < 200_000


@pytest.mark.parametrize(
    ("name", "row"),
    [
        pytest.param("a.conll", "a\tB-X\n", marks=pytest.mark.soak),
        pytest.param("a.csv", "text,label\na,b\n", marks=pytest.mark.soak),
        ("a.jsonl", '{"text":"a","label":"b"}'),
    ],
)
def test_empty_lines_take_no_memory(tmp_path: Path, name: str, row: str) -> None:
    task = Extraction() if name.endswith("conll") else Classification()
    peaks = []
    for count in (1_000, 500_000):
        path = file(tmp_path / name, "\n" * count + row + "\n" * count)
        tracemalloc.start()
        assert len(Dataset.read(path, task)) == 1
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 10_000_000  # a page of 65,536 lines is known at a time


# --- CoNLL, as others wrote it --------------------------------------------------------------------


@pytest.mark.shared
def test_iobes_and_iob_of_one_corpus_are_the_same(shared: Path) -> None:
    found = [
        [(row.text, row.spans) for row in read(shared / CONLL / name, format="conll")]
        for name in ("bc5cdr_devel.IOB.head600.tsv", "bc5cdr_devel.IOBES.head600.tsv")
    ]
    assert found[0] == found[1]
    lines = (shared / CONLL / "bc5cdr_devel.IOB.head600.tsv").read_text().splitlines()
    assert sum(len(spans) for _, spans in found[0]) == sum("\tB-" in line for line in lines) == 50
    assert len(found[0]) == 23


@pytest.mark.shared
def test_four_columns_with_documents(shared: Path) -> None:
    path = shared / CONLL / "mobie_de_dev.head1200.conll2003"
    data = read(path)
    text = path.read_text(encoding="utf-8")
    begun = Counter(re.findall(r"\tB-(\S+)$", text, re.MULTILINE))
    assert data.label_counts == begun
    documents = re.findall(r"^-DOCSTART- -(\S+)- ", text, re.MULTILINE)
    assert list(dict.fromkeys(row.get("document") for row in data)) == documents
    words = [line.split("\t")[0] for line in text.splitlines() if line.count("\t") == 3]
    assert " ".join(row.text for row in data) == " ".join(words)


@pytest.mark.shared
def test_lines_that_hold_a_tab_end_a_sentence(shared: Path) -> None:
    data = read(shared / CONLL / "wnut17_train.head1500.conll")
    known = [
        orjson.loads(line)
        for line in (shared / "data/ext_wnut17/train.jsonl").read_bytes().splitlines()[: len(data)]
    ]
    *whole, last = zip(data, known, strict=True)
    for row, one in whole:
        assert row.text == one["text"]
        assert [span._asdict() for span in row.spans] == one["spans"]
    assert last[1]["text"].startswith(last[0].text)  # the file is cut there
    assert len(data) > 70


@pytest.mark.shared
@pytest.mark.parametrize("part", ["dev", "test"])
def test_a_whole_corpus_is_what_another_reader_made_of_it(shared: Path, part: str) -> None:
    folder = shared / "data/ext_wnut17"
    data = read(folder / f"original/emerging.{part}.conll")
    known = map(orjson.loads, (folder / f"{part}.jsonl").read_bytes().splitlines())
    for row, one in zip(data, known, strict=True):
        assert row.text == one["text"]
        assert [span._asdict() for span in row.spans] == one["spans"]


@pytest.mark.shared
def test_several_tags_of_a_token_are_not_lost(shared: Path) -> None:
    path = shared / CONLL / "wnut17_test.multitag.conll"
    data = read(path)
    assert len(data) == 25
    lines = path.read_text(encoding="utf-8").splitlines()
    told = Counter(
        part.split("-", 1)[1] for line in lines for part in line.partition("\t")[2].split(",")
        if part.startswith("B-")
    )  # fmt: skip
    read_labels: Counter[str] = Counter()
    for row in data:
        read_labels.update(label for *_, label in row.spans)
        read_labels.update(label for *_, label in row.get("other_spans", ()))
    # A few spans begin with I- here, so there are more than tags that begin one, never fewer.
    assert all(read_labels[label] >= count for label, count in told.items())
    assert sum(row.get("other_spans") is not None for row in data) == 25


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "rows", "spans", "bad"),
    [
        ("data_import_tests/sequence_labeling/example.conll", 2, 2, []),
        ("data_import_tests/sequence_labeling/labeling.trailing.conll", 1, 2, []),
        ("data_import_tests/sequence_labeling/labeling.invalid.conll", 2, 3, [1]),
        ("transformer_labeling/labeling.conll2003.user1", 3, 5, []),
        ("transformer_labeling/labeling.conll2003.user2", 6, 11, []),
    ],
)
def test_files_of_an_annotation_tool(
    shared: Path, name: str, rows: int, spans: int, bad: list[int]
) -> None:
    path = shared / DOCCANO / name
    data = read(path, format="conll", on_error="skip")
    assert len(data) == rows
    assert sum(data.label_counts.values()) == spans
    assert [one.source for one in data.misread] == [f"{path.name}:{line}" for line in bad]


@pytest.mark.shared
def test_all_layouts_of_one_text_say_the_same(shared: Path) -> None:
    folder = shared / SPACY / "v2_iob"
    for name in ("sent-per-line.iob", "token-per-line-conll2003.iob"):
        data = read(folder / f"ner-{name}")
        assert len(data) == 2
        assert quoted(data)[0][1] == [
            ("Sebastian Thrun", "PERSON"),
            ("Google", "ORG"),
            ("2007", "DATE"),
        ]
    flat = [
        quoted(read(folder / f"ner-{name}", format=format))
        for name, format in (
            ("token-per-line.iob", "conll"),
            ("token-per-line-with-pos.iob", "conll"),
            ("sent-per-line.json", "spacy"),
        )
    ]
    assert flat[0] == flat[1] == flat[2]
