"""The Markdown of a comparison: whole tables, whatever people call their models and labels."""

from __future__ import annotations

import re
from collections.abc import Callable

import tunekit
from tunekit import Classification, Dataset, Model
from tunekit.comparison.markdown import _escaped

DATA = Dataset.from_rows([{"text": f"{n}", "label": "ab"[n % 2]} for n in range(40)],
                         Classification())  # fmt: skip
NASTY = r"[x](http://e.vil) | `a` *b* _c_ \ #"


def right(rows: int) -> dict[str, str]:
    return {row.text: row.label if n < rows else "c" for n, row in enumerate(DATA)}


def test_it_has_the_verdict_the_figures_and_the_differences(told: Callable[..., Model]) -> None:
    models = {
        "tuned": told(DATA.task, right(38)),
        "base": told(DATA.task, right(20), kind="zero-shot", priced=True),
    }
    found = tunekit.compare(DATA, models)
    lines = found.to_markdown().splitlines()
    assert lines[0].startswith("**Did it help? Yes: “tuned” is better than “base”")
    assert lines[4].startswith(f"40 rows of rows (fingerprint `{DATA.fingerprint}`), ")
    assert lines[6] == "| model | what it is | accuracy | macro-F1 | per input | 1,000 inputs |"
    assert lines[8].startswith("| tuned | tuned (told) | 0.950 (0.")
    assert lines[9].startswith("| base | pretrained, zero-shot (told) | 0.500 (0.")
    assert lines[11].startswith("| difference | figure | value (95 % interval) | p | won / lost |")
    assert re.fullmatch(
        r"\| tuned − base \| accuracy \| \+0\.450 \(\+0\.\d+ to \+0\.\d+\) \| \\< 0\.001 "
        r"\| 18 / 0 \| tuned \|",
        lines[13],
    )


def test_one_model_alone_has_no_differences(told: Callable[..., Model]) -> None:
    text = tunekit.compare(DATA, {"only": told(DATA.task, right(40))}).to_markdown()
    assert "nothing to compare it with" in text and "| difference |" not in text


def test_names_stay_names(told: Callable[..., Model]) -> None:
    models = {NASTY: told(DATA.task, right(38), backend="a|b"), "base": told(DATA.task, right(9))}
    text = tunekit.compare(DATA, models).to_markdown()
    for line in text.splitlines():
        if line.startswith("|"):
            assert len(re.findall(r"(?<!\\)\|", line)) in (7, 7)
    bare = re.sub(r"\\.", "", text)  # what is left may mean something to Markdown
    assert "`a`" not in bare and "[" not in bare and "*b*" not in bare and "_" not in bare


def test_texts_are_on_one_line_and_mean_nothing() -> None:
    assert _escaped("a\n\n# b\r\n| c") == r"a # b \| c"
    assert _escaped("<img src=x onerror=alert(1)>") == r"\<img src=x onerror=alert(1)\>"
    assert _escaped(r"\|") == r"\\\|"
    assert _escaped("&lt;script&gt;") == r"\&lt;script\&gt;"
    assert _escaped("~~no~~") == r"\~\~no\~\~"
