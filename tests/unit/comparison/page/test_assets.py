"""The page's own style and script: colours that can be read, and no way for text to be markup."""

from __future__ import annotations

import re
from importlib import resources

import pytest

ASSETS = resources.files("tunekit.comparison.page").joinpath("assets")
STYLE = ASSETS.joinpath("page.css").read_text(encoding="utf-8")
SCRIPT = ASSETS.joinpath("page.js").read_text(encoding="utf-8")
COLOURS = {
    name: (light, dark)
    for name, light, dark in re.findall(
        r"--([\w]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)", STYLE
    )
}
#: What WCAG 2 asks of texts and of drawings (level AA).
TEXT, DRAWING = 4.5, 3.0


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def mixed(colour: str, ground: str, share: float) -> str:
    pairs = [(int(colour[at : at + 2], 16), int(ground[at : at + 2], 16)) for at in (1, 3, 5)]
    return "#" + "".join(f"{round(a * share + b * (1 - share)):02x}" for a, b in pairs)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_everything_can_be_read_in_both_themes(theme: int) -> None:
    colour = {name: pair[theme] for name, pair in COLOURS.items()}
    for ground in ("paper", "raised"):
        for text in ("ink", "muted", "link", "good", "bad"):
            assert contrast(colour[text], colour[ground]) >= TEXT, (text, ground)
    for drawn in ("edge", *(f"s{at}" for at in range(8))):
        assert contrast(colour[drawn], colour["paper"]) >= DRAWING, drawn
    for cell in ("s0", "s1"):  # the deepest shade that a number stands on
        shade = mixed(colour[cell], colour["paper"], 0.38)
        assert contrast(colour["ink"], shade) >= TEXT, cell


def test_all_colours_are_named_once() -> None:
    body = STYLE.partition("\n}")[2]

    assert not re.search(r"#[0-9a-fA-F]{3,8}\b(?![\w-]*\s*[{,\[.])", body)
    assert set(re.findall(r"var\(--(\w+)\)", STYLE)) <= {*COLOURS, "sans", "mono"}


@pytest.mark.parametrize(
    "way",
    [
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "fetch(",
        "import(",
    ],
)
def test_the_script_makes_no_markup_and_asks_nobody(way: str) -> None:
    assert way not in SCRIPT
    assert "</" not in SCRIPT + STYLE and "<!--" not in SCRIPT
    assert "url(" not in STYLE.replace("url(#hatch)", "") and "@import" not in STYLE
