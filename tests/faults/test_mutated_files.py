"""Damaged files of every format: each gives rows or a DataError, soon, and in bounded memory.

Small valid files of all four tasks are damaged by chance, the same way every time: cut off, with
bits flipped, bytes overwritten, in another encoding, nested 10,000 deep, with a line of 100 MB. A
child process reads each, checks and splits and writes what was read. It has a time limit for each
file, and its memory is measured after each.

``python tests/faults/test_mutated_files.py FIRST END`` runs some of them by number, and says more.
"""

from __future__ import annotations

import faulthandler
import json
import os
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tunekit
from tunekit import Classification, Dataset, Extraction, Preference, Transformation
from tunekit.tasks.base import Task

FILES = 2_000
PORTION = 200
SECONDS_FOR_A_FILE = 30
#: What the child may take at its peak, in MB, with all libraries it loads (pyarrow, spaCy). It is
#: the JSON lists that take most: they are read as a whole, and one of 100 MB with a character from
#: beyond the basic plane stands in an error as text, four bytes a character.
MEMORY = 1_200
LONG_LINE = 100_000_000

TEXTS = (
    "My phone number is (555) 123-4567.",
    'She said: "It\'s {late}", and left; a,b\tc',
    "Grüße aus Köln 🙏 – ﷽ مرحبا بالعالم",
    "line one\r\nline two ### Response: \\n </s>",
    "我要取消我的订单。",
    "נסיעה טובה ונעימה לכולם",
)
TASKS: dict[str, Task] = {
    "classification": Classification(),
    "transformation": Transformation(),
    "extraction": Extraction(),
    "preference": Preference(),
    "answers": Preference(goal="answer"),
}


def rows_of(task: Task, source: random.Random) -> list[dict[str, Any]]:
    texts = [f"{source.choice(TEXTS)} {number}" for number in range(12)]
    match task:
        case Classification():
            return [{"text": text, "label": "ab"[n % 2], "who": n} for n, text in enumerate(texts)]
        case Transformation():
            return [{"input": text, "output": text.upper()} for text in texts]
        case Extraction():
            return [{"text": text, "spans": [(0, 2, "X"), (3, 6, "Y")]} for text in texts]
        case _:
            return [
                {"question": text, "options": ["one", "zwei", text], "best": n % 3}
                for n, text in enumerate(texts)
            ]


# --- valid files ----------------------------------------------------------------------------------

CONLL = """\
-DOCSTART- -X- O O

EU NNP B-NP B-ORG
rejects VBZ B-VP O
German JJ B-NP B-MISC
call NN I-NP O

Peter NNP B-NP B-PER
Blackburn NNP I-NP I-PER

# a comment
🙏 SYM O O
Köln NNP B-NP B-LOC
"""


def write_valid(data: Dataset, name: str, path: Path) -> None:
    """Write a file of a format, with the library it belongs to where tunekit only reads it.

    Raises:
        tunekit.TunekitError: no such format for this task.
    """
    if tunekit.list_formats()[name].writes:
        data.to(name, path)
    elif name == "parquet":
        from pyarrow import Table
        from pyarrow.parquet import write_table

        write_table(Table.from_pylist(data.to("jsonl")), path, row_group_size=5)
    elif not isinstance(data.task, Extraction):
        raise tunekit.UnsupportedTask(f"{name} holds spans")
    elif name == "conll":
        path.write_text(CONLL, "utf-8")
    elif name == "spacy":
        write_spacy(data, path)
    else:
        raise AssertionError(f"no valid file of format {name!r}: add one here")


def write_spacy(data: Dataset, path: Path) -> None:
    if path.suffix != ".spacy":
        records = [
            [row.text, {"entities": [[one.start, one.end, one.label] for one in row.spans]}]
            for row in data
        ]
        lines = path.suffix == ".jsonl"
        text = "\n".join(map(json.dumps, records)) if lines else json.dumps(records)
        path.write_text(text, "utf-8")
        return
    import spacy
    from spacy.tokens import DocBin

    blank = spacy.blank("xx")
    docs = []
    for row in data:
        doc = blank(row.text)
        doc.ents = [doc.char_span(0, doc[0].idx + len(doc[0]), label="X")]
        docs.append(doc)
    DocBin(docs=docs).to_disk(path)


# --- damage ---------------------------------------------------------------------------------------

Damage = Callable[[bytes, random.Random], bytes]
ENCODINGS = (
    "utf-16",
    "utf-16-le",
    "utf-32",
    "cp1252",
    "latin-1",
    "shift_jis",
    "utf-8-sig",
    "cp037",
)


def place(content: bytes, source: random.Random) -> int:
    return source.randint(0, len(content))


def cut_off(content: bytes, source: random.Random) -> bytes:
    return content[: place(content, source)]


def flip_bits(content: bytes, source: random.Random) -> bytes:
    damaged = bytearray(content)
    for _ in range(source.choice((1, 3, 20))):
        damaged[source.randrange(len(damaged))] ^= 1 << source.randrange(8)
    return bytes(damaged)


def overwrite(content: bytes, source: random.Random) -> bytes:
    begin, length = place(content, source), source.choice((1, 8, 200))
    return content[:begin] + source.randbytes(length) + content[begin + length :]


def insert(content: bytes, source: random.Random) -> bytes:
    begin = place(content, source)
    pieces = (
        b"\0" * 40,
        b'"',
        b"\r",
        b"\n\n",
        b"\xef\xbb\xbf",
        b"\xed\xa0\x80",
        b"1e999",
        b"\\u0000",
    )
    return content[:begin] + source.choice(pieces) + content[begin:]


def drop(content: bytes, source: random.Random) -> bytes:
    begin = place(content, source)
    return content[:begin] + content[begin + source.choice((1, 10, 100)) :]


def repeat(content: bytes, source: random.Random) -> bytes:
    begin, end = sorted((place(content, source), place(content, source)))
    return content[:end] + content[begin:]


def recode(content: bytes, source: random.Random) -> bytes:
    text = content.decode("utf-8", "replace")
    return text.encode(source.choice(ENCODINGS), "replace")


def other_line_ends(content: bytes, source: random.Random) -> bytes:
    return content.replace(b"\n", source.choice((b"\r", b"\r\n", b"\n\r", b"\x0b", b"")))


def other_values(content: bytes, source: random.Random) -> bytes:
    """Replace some JSON values, or what looks like one."""
    values = (
        b"null",
        b"true",
        b"-1",
        b"1.5",
        b"[]",
        b"{}",
        b'""',
        b"9" * 400,
        b"[[1]]",
        b'"\\ud800"',
    )
    return re.sub(
        rb'"[^"\\]*"|\b\d+\b',
        lambda found: source.choice(values) if source.random() < 0.05 else found.group(),
        content,
    )


def nest(content: bytes, source: random.Random) -> bytes:
    """Put a value that is nested deep where a value was."""
    depth = source.choice((90, 300, 1_000, 10_000, 10_000, 10_000))
    opening, closing = source.choice(((b"[", b"]"), (b'{"a":', b"}"), (b'[{"":', b"}]")))
    closings = closing * (depth if source.random() < 0.7 else 0)
    deep = opening * depth + b"1" + closings
    strings = list(re.finditer(rb'"[^"\\]*"', content))
    if not strings:
        return content[: place(content, source)] + deep
    found = source.choice(strings)
    return content[: found.start()] + deep + content[found.end() :]


def lengthen(path: Path, source: random.Random) -> None:
    """Make one line, or one cell, longer than any row; in pieces, as memory is measured."""
    content = path.read_bytes()
    begin = place(content, source)
    piece = source.choice((b"x", b"a b ", b"[", b",", b'"')) * 10_000
    with path.open("wb") as file:
        file.write(content[:begin])
        for _ in range(LONG_LINE // len(piece)):
            file.write(piece)
        file.write(content[begin:])


def nothing_but(content: bytes, source: random.Random) -> bytes:
    return source.choice((b"", b"\n", b"\xef\xbb\xbf", b"[]", b"{}", b"null", b"\0\0", b"PAR1PAR1"))


DAMAGES: tuple[Damage, ...] = (
    cut_off, flip_bits, flip_bits, overwrite, insert, insert, drop, repeat, recode, other_line_ends,
    other_values, other_values, nest, nothing_but,
)  # fmt: skip


# --- in the child ---------------------------------------------------------------------------------


def peak() -> float:
    unit = 1e6 if sys.platform == "darwin" else 1e3
    # Not by getrusage on Linux: there a child begins with what its parent had held.
    status = Path("/proc/self/status")
    if status.exists():
        held = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(held.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def try_file(number: int, folder: Path) -> dict[str, Any]:
    """Make file number so-and-so, read it, and say what came of it."""
    source = random.Random(number)
    formats = tunekit.list_formats()
    while True:
        name, kind = source.choice(sorted(formats)), source.choice(sorted(TASKS))
        path = folder / f"rows{source.choice(formats[name].endings)}"
        try:
            data = Dataset.from_rows(rows_of(TASKS[kind], source), TASKS[kind])
            write_valid(data, name, path)
        except tunekit.TunekitError:
            continue  # this format doesn't hold this task
        break
    damages = source.choices(DAMAGES, k=source.choice((1, 1, 1, 1, 2)))
    said: dict[str, Any] = {"file": f"{number}: {kind} as {name}, {path.name}"}
    if number % 100 == 50:
        said["damage"] = lengthen.__name__
        lengthen(path, source)
    else:
        said["damage"] = [one.__name__ for one in damages]
        content = path.read_bytes()
        for damage in damages:
            content = damage(content or b"x", source)
        path.write_bytes(content)
    options: dict[str, Any] = {}
    if path.suffix not in (".parquet", ".pq", ".spacy") and source.random() < 0.1:
        said["options"] = options["encoding"] = source.choice((*ENCODINGS, "idna", "utf-7"))
    began = time.monotonic()
    try:
        said["rows"] = use(path, TASKS[kind], name, source.choice(("raise", "skip")), options)
    except tunekit.DataError as error:
        said["refused"] = str(error)[:200]
    except Exception:
        said["error"] = traceback.format_exc()
    said["seconds"] = time.monotonic() - began
    said["peak"] = peak()
    path.unlink()
    return said


def use(path: Path, task: Task, name: str, on_error: Any, options: dict[str, Any]) -> int:
    """Do with a file whatever is done with one before it is learnt from."""
    data = Dataset.read(path, task, format=name, on_error=on_error, **options)
    count = sum(1 for _ in data)
    assert count == len(data)
    assert data[count - 1] == data[-1]
    found = data.check()
    str(found)
    str(data.fix().changes)
    data.to("jsonl", path.with_name("written"))
    try:
        data.split(test=0.3)
    except tunekit.InputError as error:
        assert "would be empty" in str(error)  # noqa: PT017  # pytest isn't in here
    return count


def run(first: int, end: int) -> None:
    if sys.platform == "linux":  # so that what goes wrong doesn't take the machine with it
        resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
    with tempfile.TemporaryDirectory() as place:
        for number in range(first, end):
            faulthandler.dump_traceback_later(SECONDS_FOR_A_FILE, exit=True)
            sys.stdout.write(json.dumps(try_file(number, Path(place))) + "\n")
            sys.stdout.flush()
        faulthandler.cancel_dump_traceback_later()


# --- the tests -----------------------------------------------------------------------------------


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "first",
    [
        pytest.param(first, marks=[pytest.mark.soak] if first else [])
        for first in range(0, FILES, PORTION)
    ],
)
def test_a_damaged_file_gives_rows_or_a_data_error(first: int) -> None:
    pytest.importorskip("pyarrow", reason="needs the extra parquet")
    pytest.importorskip("spacy", reason="needs the extra spacy")
    done = subprocess.run(
        [sys.executable, __file__, str(first), str(first + PORTION)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
    )
    said = [json.loads(line) for line in done.stdout.splitlines()]
    wrong = [one for one in said if "error" in one]
    assert not wrong, "\n".join(f"{one['file']}, {one['damage']}\n{one['error']}" for one in wrong)
    assert done.returncode == 0, f"{said[-1:]}, then:\n{done.stderr}"
    assert len(said) == PORTION
    assert sum("rows" in one for one in said) >= PORTION / 10
    assert sum("refused" in one for one in said) >= PORTION / 10
    large = [one for one in said if one["peak"] > MEMORY]
    assert not large, large[0]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le"])
@pytest.mark.parametrize("long_at", [0, 1, 37, 99])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_a_line_without_end_costs_only_itself(
    encoding: str, long_at: int, ends: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tunekit.data.lines.LINE_LIMIT", 5_000)
    monkeypatch.setattr("tunekit.data.lines.PAGE_BYTES", 1_000)
    lines = [json.dumps({"text": f"é {n}", "label": "ab"[n % 2]}) for n in range(100)]
    lines[long_at] = json.dumps({"text": "x" * 6_000, "label": "a"})
    lines[50] = json.dumps({"text": "y" * 4_500, "label": "a"})
    path = tmp_path / "rows.jsonl"
    path.write_bytes((ends.join(lines) + ends).encode(encoding))
    with pytest.raises(tunekit.DataError) as caught:
        Dataset.read(path, Classification(), encoding=encoding)
    assert len(caught.value.findings) == 1
    said = str(caught.value.findings[0])
    assert f"rows.jsonl:{long_at + 1}" in said
    assert "over 5,000" in said
    data = Dataset.read(path, Classification(), encoding=encoding, on_error="skip")
    rest = [json.loads(line)["text"] for n, line in enumerate(lines) if n != long_at]
    assert [row.text for row in data] == rest
    assert [data[n].text for n in range(99)] == rest
    assert [row.text for row in data[60:]] == rest[60:]


GROWTH = """
import resource, sys
from tunekit import Classification, Dataset
def read(path):
    data = Dataset.read(path, Classification(), on_error="skip")
    assert [row.text for row in data] == ["a 1", "b 2"], len(data)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before = read(sys.argv[1])
print((read(sys.argv[2]) - before) / (1e6 if sys.platform == "darwin" else 1e3))
"""


@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl"])
def test_a_line_of_100_megabytes_is_not_held(name: str, tmp_path: Path) -> None:
    csv = name.endswith(".csv")
    lines = ["text,label", "a 1,x", "b 2,y"]
    if not csv:
        lines = [f'{{"text": "{text}", "label": "{text[0]}"}}' for text in ("a 1", "b 2")]
    small, large = tmp_path / name, tmp_path / f"large {name}"
    small.write_text("\n".join(lines), "utf-8")
    with large.open("w", encoding="utf-8") as file:
        file.write(lines[0] + "\n" + ("" if not csv else lines[1] + "\n"))
        for _ in range(LONG_LINE // 10_000):
            file.write("x" * 10_000)
        file.write(",x\n" + lines[-1])
    done = subprocess.run(
        [sys.executable, "-c", GROWTH, str(small), str(large)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    # Up to the limit a line is held, as it may be a row.
    assert float(done.stdout) < 30


def test_parquet_with_a_damaged_text_is_a_data_error(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="needs the extra parquet")
    from pyarrow.parquet import write_table

    path = tmp_path / "rows.parquet"
    table = pyarrow.table(
        {"text": [f"needle {n}" for n in range(9)], "label": list("ab" * 4 + "a")}
    )
    write_table(table, path, compression="none", use_dictionary=False)
    assert len(Dataset.read(path, Classification())) == 9
    path.write_bytes(path.read_bytes().replace(b"needle 5", b"need\xff\xfe 5"))
    with pytest.raises(tunekit.DataError, match="damaged after row 0"):
        Dataset.read(path, Classification())


def test_a_long_line_of_a_table_costs_only_its_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tunekit.data.lines.LINE_LIMIT", 5_000)
    monkeypatch.setattr("tunekit.data.lines.PAGE_BYTES", 1_000)
    path = tmp_path / "rows.csv"
    quoted = "\n".join(["first", "x" * 6_000, "last"])
    path.write_text(f'text,label\na 1,x\n"{quoted}",x\n{"z" * 6_000},y\nb 2,y\n', "utf-8")
    data = Dataset.read(path, Classification(), on_error="skip")
    assert [row.text for row in data] == ["a 1", "b 2"]
    assert [finding.source for finding in data.misread] == ["rows.csv:4", "rows.csv:6"]


def test_a_json_list_with_an_endless_row_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tunekit.data.sources.LINE_LIMIT", 5_000)
    path = tmp_path / "rows.json"
    rows = [{"text": f"row {n}", "label": "ab"[n % 2]} for n in range(200)]
    path.write_text(json.dumps(rows), "utf-8")
    assert len(Dataset.read(path, Classification())) == 200
    path.write_text(json.dumps([*rows, {"text": "x" * 6_000, "label": "a"}]), "utf-8")
    with pytest.raises(tunekit.DataError, match=r"rows\.json\[200\]: is over 5,000 bytes"):
        Dataset.read(path, Classification())


if __name__ == "__main__":
    run(int(sys.argv[1]), int(sys.argv[2]))
