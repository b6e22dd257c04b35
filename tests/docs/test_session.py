"""What a page shows is held against what is said: a wrong page is seen, and can be written anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from . import session
from .pages import commands, same
from .session import Session

PAGE = """\
# A page

```python
print("one", 1)
print("two")
```

```text
{printed}
```

```console
$ tunekit version
{version}
$ echo $?
0
```
"""


def page(folder: Path, printed: str, version: str = "...") -> Path:
    path = folder / "page.md"
    path.write_text(PAGE.format(printed=printed, version=version), encoding="utf-8")
    return path


@pytest.mark.parametrize("printed", ["one 1\ntwo", "one ...\ntwo", "..."])
def test_a_page_that_is_right_passes(tmp_path: Path, printed: str) -> None:
    Session(page(tmp_path, printed), compares=True).run()


@pytest.mark.parametrize("printed", ["one 1", "one 2\ntwo", "two ...", ""])
def test_a_page_that_is_wrong_fails(tmp_path: Path, printed: str) -> None:
    with pytest.raises(AssertionError, match=r"page\.md:9"):
        Session(page(tmp_path, printed), compares=True).run()


def test_an_answer_in_a_terminal_that_is_wrong_fails(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"page\.md:13"):
        Session(page(tmp_path, "...", version="none at all"), compares=True).run()


def test_a_page_that_is_wrong_is_written_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "WRITES", True)
    path = page(tmp_path, "", version="none at all")
    Session(path, compares=True).run()
    text = path.read_text(encoding="utf-8")
    assert "```text\none 1\ntwo\n```" in text
    assert "none at all" not in text
    assert "$ echo $?\n0\n```" in text
    monkeypatch.setattr(session, "WRITES", False)
    Session(path, compares=True).run()


def test_what_varies_is_anything_and_nothing_else_is() -> None:
    assert same("a ... c\n", "a b c")
    assert same("a\n\nb", "a  \n\nb\n\n")
    assert not same("1", "True")
    assert not same("a ... c", "a b d")


def test_commands_go_on_behind_a_backslash() -> None:
    one, two = commands("$ tunekit compare a.csv \\\n    -m x=y\nshown\n\nmore\n$ echo $?\n3\n")
    assert one.words == ["tunekit", "compare", "a.csv", "-m", "x=y"]
    assert one.shown == "shown\n\nmore"
    assert (two.text, two.shown) == ("echo $?", "3")
